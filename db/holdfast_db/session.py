"""The database: engine, transactions, migrations. The only module that commits."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self, final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

from holdfast_db.owned import PROJECT, keep_to_own_rows

__all__ = ["Database", "alembic_config"]

_BUSY_S = 30
_READ_ONLY = "holdfast_read_only"
_MIGRATION_LOCK = 4_705_233_870_182_443  # any number that nobody else uses


@final
class Database:
    """One database, shared by all threads of a process. Make it after a fork, never before."""

    def __init__(self, url: str) -> None:
        """Keep the URL; nothing is opened until it is used."""
        self._url = _read_url(url)
        self._engine = _create_engine(self._url)
        readers = self._engine.execution_options(**{_READ_ONLY: True})
        self._writing = sessionmaker(self._engine, expire_on_commit=False)
        self._reading = sessionmaker(readers, expire_on_commit=False)
        self._info: dict[Any, Any] = {}
        for sessions in (self._writing, self._reading):
            event.listen(sessions, "do_orm_execute", keep_to_own_rows)

    def for_project(self, slug: str) -> Self:
        """The same database as one project sees it: rows of others are not there."""
        seen = copy.copy(self)
        seen._info = {PROJECT: slug}  # noqa: SLF001 - our own class
        return seen

    @property
    def engine(self) -> Engine:
        """For tools; code of ours uses the sessions."""
        return self._engine

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end of the block, or rolls back when it raises.

        On SQLite it is the only writer from the start. Rows stay readable after the block.
        """
        with self._writing(info=self._info) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading: it keeps no writer waiting, and nothing it does is kept."""
        with self._reading(info=self._info) as session:
            yield session

    def migrate(self) -> None:
        """Bring the tables to the newest revision; several processes may try at once."""
        if self._url.drivername.startswith("sqlite") and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite changes a table by making a new one, which foreign keys would not survive.
        engine = _create_engine(self._url, foreign_keys=False, poolclass=NullPool)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                connection.execute(lock, {"key": _MIGRATION_LOCK})
            command.upgrade(alembic_config(connection), "head")

    def at_head(self) -> bool:
        """Whether the tables are those of this release."""
        with self._engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() == _head()

    def ping(self) -> bool:
        """True, or an SQLAlchemyError when the database does not answer."""
        with self.reading() as session:
            session.execute(text("SELECT 1")).scalar_one()
        return True

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic without a file of its own: the migrations are part of this package."""
    config = Config()
    config.set_main_option("script_location", "holdfast_db:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@cache
def _head() -> str | None:
    """The newest revision of this release; a readiness probe asks every few seconds."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def _read_url(text_url: str) -> URL:
    url = make_url(text_url)
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _create_engine(url: URL, *, foreign_keys: bool = True, **options: Any) -> Engine:  # noqa: ANN401 - passed on
    if not url.drivername.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, **options)
    engine = create_engine(url, connect_args={"timeout": _BUSY_S}, **options)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's connection
        connection.isolation_level = None  # BEGIN is ours, see below
        keys = "ON" if foreign_keys else "OFF"
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"foreign_keys={keys}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # One that reads first and writes later could fail half-way, so writers lock at once.
        reads = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
