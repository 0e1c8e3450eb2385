"""What a request works with: settings, database, blobs, and the bell of the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from holdfast_api.settings import ApiSettings
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


def _parts(request: Request) -> Parts:
    found = request.app.state.parts
    if not isinstance(found, Parts):
        raise TypeError("create_app sets the parts")
    return found


PartsDep = Annotated[Parts, Depends(_parts)]
