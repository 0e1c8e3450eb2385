"""`holdfast token create`: a token without a service that runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands import holdfast
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings
from holdfast_db.tables import TokenRow
from holdfast_db.tokens import live_token


def _row(data: Path, secret: str) -> TokenRow | None:
    database = Database(StorageSettings(data=data).database_url)
    try:
        with database.reading() as session:
            return live_token(session, secret)
    finally:
        database.close()


def test_the_first_token_needs_no_service(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = holdfast(
        "token", "create", "--name", "ci", "--scope", "admin", "--data", data, cwd=tmp_path
    )
    assert made.returncode == 0, made.stderr
    row = _row(data, made.stdout.strip())
    assert row is not None
    assert (row.name, row.scope, row.project, row.expires_at) == ("ci", "admin", None, None)
    more = ("--project", "vision", "--expires", "2h")
    made = holdfast("token", "create", "--name", "ci", *more, "--data", data, cwd=tmp_path)
    row = _row(data, made.stdout.strip())
    assert row is not None
    assert row.expires_at is not None
    assert (row.scope, row.project) == ("audit", "vision")
    assert timedelta(hours=1.9) < row.expires_at - datetime.now(UTC) < timedelta(hours=2.1)


@pytest.mark.parametrize("wrong", [("--expires", "soon"), ("--project", "Not A Slug")])
def test_senseless_tokens_are_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    data = tmp_path / "data"
    done = holdfast("token", "create", "--name", "x", *wrong, "--data", data, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
