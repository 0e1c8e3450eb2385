"""What a request works with: settings, database, blobs, and the bell of the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from holdfast_api.settings import ApiSettings
from holdfast_db.blobs import BlobStore
from holdfast_db.session import Database

__all__ = ["BrokerAnswers", "Parts", "PartsDep", "Ring"]

Ring: TypeAlias = Callable[[str], object]
"""Called with the name of a queue in which work waits."""
BrokerAnswers: TypeAlias = Callable[[], bool]
"""Whether a ring would be heard."""


@dataclass(frozen=True)
class Parts:
    """Made once per application."""

    settings: ApiSettings
    db: Database
    store: BlobStore
    ring: Ring
    broker_answers: BrokerAnswers


def _parts(request: Request) -> Parts:
    found = request.app.state.parts
    if not isinstance(found, Parts):
        raise TypeError("create_app sets the parts")
    return found


PartsDep = Annotated[Parts, Depends(_parts)]
