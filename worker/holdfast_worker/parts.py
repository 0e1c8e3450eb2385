"""What a process of ours works with, made on first use: nothing is carried over into a child."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy.orm import Session

from holdfast_db.assets import add_blob
from holdfast_db.blobs import BlobStore, open_store
from holdfast_db.session import Database
from holdfast_db.store import StoredBlob
from holdfast_worker.settings import WorkerSettings

__all__ = ["Leaving", "Parts", "parts"]


@dataclass(frozen=True)
class Parts:
    """Settings, database and store."""

    settings: WorkerSettings
    db: Database
    store: BlobStore

    def put(self, content: bytes) -> "Leaving":
        """Store what a child left."""
        blob = self.store.put([content], limit_bytes=self.settings.child_output_bytes)
        return Leaving(blob, content, self.store)


@dataclass(frozen=True)
class Leaving:
    """What a child left: a file in the store that no row names yet."""

    blob: StoredBlob
    content: bytes
    store: BlobStore

    @property
    def sha256(self) -> str:
        """The digest of the file."""
        return self.blob.sha256

    def note(self, session: Session) -> None:
        """Note the file in the transaction that names it, and look whether it is still there.

        The same bytes may have lain here unused for a day, and the clean-up may have taken them
        since. Once their row is ours it waits for the end of this transaction and finds them in
        use.
        """
        add_blob(session, self.blob)
        if not self.store.exists(self.sha256):
            self.store.put([self.content], limit_bytes=len(self.content))


@cache
def parts() -> Parts:
    """The parts of this process."""
    settings = WorkerSettings()
    return Parts(settings, Database(settings.database_url), open_store(settings))
