"""What a process of ours works with, made on first use: nothing is carried over into a child."""

from dataclasses import dataclass
from functools import cache

from holdfast_db.blobs import BlobStore, open_store
from holdfast_db.session import Database
from holdfast_worker.settings import WorkerSettings

__all__ = ["Parts", "parts"]


@dataclass(frozen=True)
class Parts:
    """Settings, database and store."""

    settings: WorkerSettings
    db: Database
    store: BlobStore


@cache
def parts() -> Parts:
    """The parts of this process."""
    settings = WorkerSettings()
    return Parts(settings, Database(settings.database_url), open_store(settings))
