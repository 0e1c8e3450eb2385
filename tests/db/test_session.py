"""Transactions."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from holdfast_db.clock import db_now
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings
from holdfast_db.tables import BlobRow, ModelRow
from rows import Submit


def _blobs(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(BlobRow.sha256)))


def test_a_block_that_ends_is_kept_and_its_rows_stay_readable(db: Database) -> None:
    with db.transaction() as session:
        row = BlobRow(sha256="a", size_bytes=1)
        session.add(row)
    assert row.created_at.tzinfo is UTC
    assert _blobs(db) == ["a"]


def test_a_block_that_raises_leaves_nothing(db: Database) -> None:
    def write_and_fail() -> None:
        with db.transaction() as session:
            session.add(BlobRow(sha256="a", size_bytes=1))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert _blobs(db) == []


def test_what_a_reader_writes_is_not_kept(db: Database) -> None:
    with db.reading() as session:
        session.add(BlobRow(sha256="a", size_bytes=1))
        session.flush()
    assert _blobs(db) == []


def test_a_reader_does_not_wait_for_a_writer(db: Database, submit: Submit) -> None:
    submit()
    with db.transaction() as writer:
        writer.add(BlobRow(sha256="a", size_bytes=1))
        writer.flush()
        seen: list[list[str]] = []
        thread = threading.Thread(target=lambda: seen.append(_blobs(db)))
        thread.start()
        thread.join(5)
        assert seen == [["ab" * 32]]


def test_a_model_needs_its_file(db: Database) -> None:
    model = {"project": "p", "name": "n", "sha256": "nowhere", "format": "onnx", "size_bytes": 1}
    with pytest.raises(IntegrityError), db.transaction() as session:
        session.add(ModelRow(**model))


def test_times_come_back_in_utc(db: Database) -> None:
    east = timezone(timedelta(hours=5))
    noon = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=east)
    with db.transaction() as session:
        session.add(BlobRow(sha256="a", size_bytes=1, created_at=noon))
    with db.reading() as session:
        seen = session.get_one(BlobRow, "a").created_at
    assert seen == noon
    assert seen.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(db: Database) -> None:
    row = BlobRow(sha256="a", size_bytes=1, created_at=datetime(2026, 11, 24))  # noqa: DTZ001
    with pytest.raises(StatementError, match="zone"), db.transaction() as session:
        session.add(row)


def test_the_clock_is_the_databases_and_goes_on(db: Database) -> None:
    with db.transaction() as session:
        first = db_now(session)
    with db.transaction() as session:
        second = db_now(session)
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)
    assert second >= first


def test_ping_answers_or_raises(db: Database, tmp_path: Path) -> None:
    assert db.ping()
    with pytest.raises(OperationalError):
        Database(f"sqlite:///{tmp_path}/no/such/folder/x.db").ping()


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    with database.reading() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_the_database_is_a_file_below_the_data_folder_unless_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_DATA", str(tmp_path))
    assert StorageSettings().database_url == f"sqlite:///{tmp_path}/holdfast.db"
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", "postgresql://db/holdfast")
    assert StorageSettings().database_url == "postgresql://db/holdfast"
