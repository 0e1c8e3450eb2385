"""Puts the service together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from holdfast_api import handlers
from holdfast_api.callers import Door
from holdfast_api.doorbell import make_ping, make_ring
from holdfast_api.edge import Edge
from holdfast_api.guard import Guard
from holdfast_api.metrics import ServiceCollector, new_registry
from holdfast_api.observing import Observer, bind_ids
from holdfast_api.openapi import document
from holdfast_api.parts import Parts, Ring
from holdfast_api.rendering import VERSION
from holdfast_api.routers import API_ROUTERS, PAGE_ROUTERS
from holdfast_api.scopes import check_scope
from holdfast_api.settings import ApiSettings
from holdfast_db.blobs import open_store
from holdfast_db.partials import UPLOADS_FOLDER, Partials
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings

__all__ = ["create_app"]


def create_app(
    settings: ApiSettings | None = None,
    storage: StorageSettings | None = None,
    *,
    ring: Ring | None = None,
) -> FastAPI:
    """Make the application. The database must have been migrated.

    Args:
        settings: of the API; read from the environment when left out.
        storage: where data lives; read from the environment when left out.
        ring: called with a queue's name after work was written for it; by default it sends the
            doorbell message through the broker of the environment.
    """
    settings, storage = settings or ApiSettings(), storage or StorageSettings()
    db = Database(storage.database_url)
    door = Door(settings, db, storage.data)
    parts = Parts(
        settings=settings,
        db=db,
        store=open_store(storage),
        ring=ring or make_ring(storage.data),
        broker_answers=make_ping(storage.data),
        partials=Partials(storage.data / UPLOADS_FOLDER),
        door=door,
        whole_db=db,
    )
    registry = new_registry(ServiceCollector(parts.db, parts.store, settings.worker_fresh_s))
    app = FastAPI(
        title="Holdfast",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        dependencies=[Depends(bind_ids)],
        middleware=[
            Middleware(Observer, registry=registry),
            Middleware(Edge, max_json_bytes=settings.max_json_bytes),
            Middleware(Guard, settings=settings, door=door),
        ],
    )
    app.state.parts, app.state.registry = parts, registry
    for router in (*API_ROUTERS, *PAGE_ROUTERS):
        app.include_router(router, dependencies=[Depends(check_scope)])
    app.mount("/static", StaticFiles(directory=str(files("holdfast_api") / "static")))
    handlers.install(app)
    # Assigning the method is FastAPI's documented way to serve another document.
    app.openapi = document  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.parts.db.close()
