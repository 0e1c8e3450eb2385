"""A migrated database of each kind, and audits to put into it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from holdfast_db import jobs
from holdfast_db.assets import NewModel, NewProbeSet, add_model, add_probe_set
from holdfast_db.session import Database
from holdfast_db.tables import AuditRow, ShardRow
from rows import BLOB, Look, Submit, Take


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "holdfast.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_template(new_postgres_database: Callable[..., str]) -> str:
    url = new_postgres_database()
    database = Database(url)
    database.migrate()
    database.close()
    return url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/holdfast.db"
    url: str = request.getfixturevalue("new_postgres_database")()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the tables of this release and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "holdfast.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        template = request.getfixturevalue("postgres_template")
        url = request.getfixturevalue("new_postgres_database")(template=template)
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def submit(db: Database) -> Submit:
    """Put an audit into the database; gives its id."""

    def submit_one(*, priority: int = 0, queue: str = "cpu", project: str = "default") -> str:
        with db.transaction() as session:
            model, _ = add_model(session, NewModel("a model", "onnx", BLOB))
            probes, _ = add_probe_set(session, NewProbeSet("some probes", "zip", BLOB))
            new = jobs.NewAudit(
                model.id, probes.id, "{}", project=project, priority=priority, queue=queue
            )
            return jobs.submit(session, new)

    return submit_one


@pytest.fixture
def take(db: Database) -> Take:
    """Claim as a worker would."""

    def take_one(*, queue: str = "cpu", lease_s: float = 60.0) -> jobs.Claim | None:
        with db.transaction() as session:
            return jobs.claim(session, queue=queue, worker="worker-1", lease_s=lease_s)

    return take_one


@pytest.fixture
def taken(db: Database, submit: Submit, take: Take) -> jobs.Claim:
    """An audit that runs, after a ring that was heard."""
    audit_id = submit()
    with db.transaction() as session:
        jobs.mark_rung(session, [jobs.unrung(session, audit_id)[0][0]])
    claim = take()
    assert claim is not None
    return claim


@pytest.fixture
def look(db: Database) -> Look:
    """Read an audit."""

    def read(audit_id: str) -> AuditRow:
        with db.reading() as session:
            return session.get_one(AuditRow, audit_id)

    return read


@pytest.fixture
def add_shard(db: Database) -> Callable[[str], str]:
    """Give an audit one more shard, as a later release will."""

    def add(audit_id: str) -> str:
        with db.transaction() as session:
            return _added(session, ShardRow(audit_id=audit_id))

    return add


def _added(session: Session, row: ShardRow) -> str:
    session.add(row)
    session.flush()
    return row.id
