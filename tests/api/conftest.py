"""Fixtures of the API's tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from fastapi.testclient import TestClient

from apiworld import NewWorld, World, serving
from holdfast_api.app import create_app
from holdfast_api.settings import ApiSettings
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
    clients: list[TestClient] = []

    def make(**settings: object) -> World:
        folder = tmp_path / str(len(clients))
        folder.mkdir()
        shutil.copy(empty_database, folder / "holdfast.db")
        rings: list[str] = []
        storage = StorageSettings(data=folder, min_free_bytes=0)
        api = ApiSettings.model_validate({"poll_s": 0.02, **settings})
        app = create_app(api, storage, ring=rings.append)
        client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
        clients.append(client)
        return World(client.__enter__(), app.state.parts, rings)

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A service with the default settings."""
    return new_world()


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """The address of `world` behind a real socket."""
    with serving(world) as url:
        yield url
