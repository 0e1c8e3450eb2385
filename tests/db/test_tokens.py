"""Tokens and what a project's session sees, on both databases."""

import hashlib
import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, update

from holdfast_db import tokens
from holdfast_db.projects import add_project, ensure_project, list_projects, remove_project
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, ModelRow, ProjectRow, TokenRow
from rows import Submit

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _value(text: str) -> int:
    value = 0
    for char in text:
        value = value * 62 + _BASE62.index(char)
    return value


def test_a_token_is_random_and_checks_itself() -> None:
    made = {tokens.new_secret() for _ in range(200)}
    assert len(made) == 200
    for secret in made:
        assert re.fullmatch(r"hold_[0-9A-Za-z]{49}", secret)
        assert _value(secret[5:48]) < 1 << 256
        assert _value(secret[48:]) == zlib.crc32(secret[5:48].encode())
        assert tokens.is_well_formed(secret)
    assert max(_value(secret[5:48]) for secret in made) > 1 << 250


@pytest.mark.parametrize("place", [0, 4, 5, 20, 47, 48, 53])
def test_one_wrong_character_is_no_token(place: int) -> None:
    secret = tokens.new_secret()
    other = "x" if secret[place] != "x" else "y"
    assert not tokens.is_well_formed(secret[:place] + other + secret[place + 1 :])


@pytest.mark.parametrize("text", ["", "hold_", "hold_" + "0" * 49, "hold_" + "é" * 49, "x" * 54])
def test_what_is_no_token_is_not_looked_up(text: str) -> None:
    assert not tokens.is_well_formed(text)


def test_only_the_digest_is_kept(db: Database) -> None:
    assert not _any(db)
    with db.transaction() as session:
        row, secret = tokens.add_token(session, tokens.NewToken("ci", "audit", "p"))
    assert row.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert row.hint == secret[:9]
    with db.reading() as session:
        found = tokens.live_token(session, secret)
        assert found is not None
        assert (found.name, found.scope, found.project) == ("ci", "audit", "p")
        assert tokens.live_token(session, tokens.new_secret()) is None
        kept = " ".join(str(value) for value in vars(found).values())
        assert secret not in kept
    assert _any(db)


def _any(db: Database) -> bool:
    with db.reading() as session:
        return tokens.any_token(session)


def test_a_token_ends_when_it_expires_or_is_revoked(db: Database) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=600)
    past = datetime.now(UTC) - timedelta(seconds=1)
    with db.transaction() as session:
        good, good_secret = tokens.add_token(session, tokens.NewToken("a", "read", None, soon))
        _, old_secret = tokens.add_token(session, tokens.NewToken("b", "read", None, past))
    with db.reading() as session:
        assert tokens.live_token(session, good_secret) is not None
        assert tokens.live_token_by_id(session, good.id) is not None
        assert tokens.live_token(session, old_secret) is None
    with db.transaction() as session:
        assert tokens.revoke_token(session, good.id)
        assert not tokens.revoke_token(session, good.id)
    with db.reading() as session:
        assert tokens.live_token(session, good_secret) is None
        assert tokens.live_token_by_id(session, good.id) is None


def test_a_use_is_noted_by_the_hour(db: Database) -> None:
    with db.transaction() as session:
        row, _ = tokens.add_token(session, tokens.NewToken("a", "read"))
    assert tokens.is_unnoted(row)
    with db.transaction() as session:
        tokens.note_use(session, row)
    with db.reading() as session:
        noted = session.get_one(TokenRow, row.id)
    assert not tokens.is_unnoted(noted)
    assert noted.last_used_at is not None
    assert (noted.last_used_at.minute, noted.last_used_at.second) == (0, 0)


def _two_projects(db: Database, submit: Submit) -> tuple[str, str]:
    """The audits of two projects that each have a token."""
    ids = submit(project="p"), submit(project="q")
    with db.transaction() as session:
        for slug in "pq":
            ensure_project(session, slug)
            ensure_project(session, slug)
            tokens.add_token(session, tokens.NewToken("t", "read", slug))
        tokens.add_token(session, tokens.NewToken("all", "read"))
    return ids


def test_a_project_sees_its_own_rows_only(db: Database, submit: Submit) -> None:
    own, foreign = _two_projects(db, submit)
    with db.for_project("p").reading() as session:
        assert session.get(AuditRow, own) is not None
        assert session.get(AuditRow, foreign) is None
        assert session.scalar(select(AuditRow.id)) == own
        assert session.scalar(select(func.count()).select_from(AuditRow)) == 1
        assert session.scalar(select(select(AuditRow.id).exists())) is True
        where = select(AuditRow.id).where(AuditRow.id == foreign)
        assert session.scalar(select(where.exists())) is False
        assert [row.slug for row in list_projects(session)] == ["p"]
        assert [row.project for row in session.scalars(select(TokenRow))] == ["p"]
        assert list(session.scalars(select(ModelRow))) == []
        inside = select(ModelRow.id).where(ModelRow.id.in_(select(AuditRow.model_id)))
        assert list(session.scalars(inside)) == []


def test_a_project_changes_its_own_rows_only(db: Database, submit: Submit) -> None:
    own, foreign = _two_projects(db, submit)
    with db.for_project("p").transaction() as session:
        session.execute(update(AuditRow).values(priority=7))
        session.execute(delete(ProjectRow))
    with db.reading() as session:
        assert session.get_one(AuditRow, foreign).priority == 0
        assert session.get_one(AuditRow, own).priority == 7
        assert {row.slug for row in list_projects(session)} == {"default", "q"}


def test_a_removed_project_leaves_the_others_alone(db: Database, submit: Submit) -> None:
    gone, stays = submit(project="p"), submit(project="q")
    with db.transaction() as session:
        for slug in "pq":
            ensure_project(session, slug)
        _, secret = tokens.add_token(session, tokens.NewToken("t", "read", "p"))
        remove_project(session, "p")
    with db.reading() as session:
        assert session.get(AuditRow, gone) is None
        assert session.get(AuditRow, stays) is not None
        assert tokens.live_token(session, secret) is None
        assert [row.slug for row in list_projects(session)] == ["default", "q"]


def test_a_slug_is_taken_once(db: Database) -> None:
    with db.transaction() as session:
        assert add_project(session, "p", name="One", retention_days=3)
        assert not add_project(session, "p", name="Two")
        assert session.get_one(ProjectRow, "p").name == "One"
