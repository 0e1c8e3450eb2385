"""Models and migrations say the same."""

from concurrent.futures import ThreadPoolExecutor

from alembic import command
from sqlalchemy import inspect, select, text

from holdfast_db.jobs import claim
from holdfast_db.session import Database, alembic_config
from holdfast_db.tables import AuditRow, Base, ProjectRow


def test_an_empty_database_is_brought_to_head(empty_url: str) -> None:
    database = Database(empty_url)
    database.migrate()
    assert database.at_head()
    assert set(Base.metadata.tables) < set(inspect(database.engine).get_table_names())
    with database.reading() as session:
        assert session.scalars(select(AuditRow)).all() == []
    database.migrate()
    database.close()


def test_models_and_migrations_do_not_differ(db: Database) -> None:
    with db.engine.connect() as connection:
        command.check(alembic_config(connection))


def test_data_of_the_first_revision_survive_the_upgrade(db: Database) -> None:
    with db.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
    sha256, then = "a" * 64, "2026-11-24 10:00:00"
    with db.engine.begin() as connection:
        for statement in (
            "INSERT INTO blob VALUES (:sha256, 1, :then)",
            (
                "INSERT INTO model (id, project, name, sha256, format, size_bytes, created_at)"
                " VALUES ('m', 'team', 'net', :sha256, 'onnx', 1, :then)"
            ),
            (
                "INSERT INTO probe_set"
                " (id, project, name, sha256, size_bytes, archive, created_at)"
                " VALUES ('p', 'team', 'set', :sha256, 1, 'zip', :then)"
            ),
            (
                "INSERT INTO audit (id, project, model_id, probe_set_id, plan, state,"
                " progress_done, progress_total, cancel_requested, priority, created_at, finalized)"
                " VALUES ('a', 'team', 'm', 'p', '{}', 'queued', 0, 0, false, 0, :then, 0)"
            ),
            (
                "INSERT INTO shard"
                " (id, audit_id, kind, queue, priority, state, attempt, created_at)"
                " VALUES ('s', 'a', 'whole', 'cpu', 0, 'queued', 0, :then)"
            ),
        ):
            connection.execute(text(statement), {"sha256": sha256, "then": then})
    db.migrate()
    with db.transaction() as session:
        assert session.scalars(select(ProjectRow.slug).order_by(ProjectRow.slug)).all() == [
            "default",
            "team",
        ]
        taken = claim(session, queue="cpu", worker="w", lease_s=60)
        assert taken is not None
        assert taken.audit_id == "a"
    with db.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
        kept = connection.execute(text("SELECT state, attempt FROM shard")).one()
        assert tuple(kept) == ("running", 1)
    db.migrate()
    with db.engine.connect() as connection:
        command.check(alembic_config(connection))


def test_the_first_revision_can_be_taken_back(db: Database) -> None:
    with db.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert not db.at_head()
    db.migrate()
    assert db.at_head()


def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    def migrate(_: int) -> bool:
        database = Database(empty_url)
        database.migrate()
        at_head = database.at_head()
        database.close()
        return at_head

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrate, range(4))) == [True] * 4
