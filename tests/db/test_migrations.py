"""Models and migrations say the same."""

from concurrent.futures import ThreadPoolExecutor

from alembic import command
from sqlalchemy import inspect, select

from holdfast_db.session import Database, alembic_config
from holdfast_db.tables import AuditRow, Base


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
