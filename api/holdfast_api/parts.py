"""What a request works with: settings, database, blobs, the bell of the queue, and who asks.

An endpoint gets its parts from `PartsDep`. Their `db` is the database as the caller's token sees
it: rows of other projects are not there, so a foreign id is `not_found` without a check that could
be forgotten. `whole_db` sees everything and is for what concerns the service, not the caller.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from holdfast_api.callers import EVERYBODY, Caller, Door
from holdfast_api.scopes import caller_of
from holdfast_api.settings import ApiSettings
from holdfast_db.partials import Partials
from holdfast_db.session import Database
from holdfast_db.store import FileStore

__all__ = ["Parts", "PartsDep", "Ring"]

Ring: TypeAlias = Callable[[str], object]
"""Called with the name of a queue in which work waits."""


@dataclass(frozen=True)
class Parts:
    """Made once per application. Uploads must leave `min_free_bytes` on the disk."""

    settings: ApiSettings
    db: Database
    store: FileStore
    ring: Ring
    min_free_bytes: int
    partials: Partials
    door: Door
    whole_db: Database
    caller: Caller = EVERYBODY


async def _parts(request: Request) -> Parts:
    found = request.app.state.parts
    if not isinstance(found, Parts):
        raise TypeError("create_app sets the parts")
    caller = caller_of(request)
    db = found.whole_db if caller.project is None else found.whole_db.for_project(caller.project)
    return replace(found, db=db, caller=caller)


PartsDep = Annotated[Parts, Depends(_parts)]
