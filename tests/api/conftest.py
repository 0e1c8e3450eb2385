"""Fixtures of the API's tests."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from apiworld import NewWorld, World, a_world, serving
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Structlog's own default draws each traceback in colours, which takes seconds."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database that every test copies."""
    storage = StorageSettings(data=tmp_path_factory.mktemp("template"))
    database = Database(storage.database_url)
    database.migrate()
    database.close()
    return storage.data / "holdfast.db"


@pytest.fixture
def new_world(tmp_path: Path, empty_database: Path) -> Iterator[NewWorld]:
    """A function that makes a service with the settings it is given."""
    with contextlib.ExitStack() as worlds:
        count = itertools.count()

        def make(**settings: object) -> World:
            folder = tmp_path / str(next(count))
            folder.mkdir()
            return worlds.enter_context(a_world(folder, empty_database, **settings))

        yield make


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A service with the default settings."""
    return new_world()


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """The address of `world` behind a real socket."""
    with serving(world) as url:
        yield url
