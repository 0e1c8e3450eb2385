"""What every store of files can do, and the one that the settings name."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from holdfast.errors import HoldfastError
from holdfast_db.settings import StorageSettings
from holdfast_db.spool import BlobWriter, StoredBlob
from holdfast_db.store import FileStore

__all__ = ["BlobStore", "open_store"]


class BlobStore(Protocol):
    """Files by their SHA-256: whole or not there, never changed. Threads may share one.

    Any method may raise HoldfastError `storage_unavailable` when the files are not on this machine.
    """

    root: Path
    """The local folder of data."""
    partials: Path
    """The local folder of files that are coming."""

    def path(self, sha256: str) -> Path:
        """A local file with these bytes, to be opened soon.

        Raises:
            FileNotFoundError: it is not in the store; here, or when the path is opened.
            HoldfastError: `storage_damaged` when the store gave other bytes; `storage_full`.
            ValueError: for anything but 64 hex digits.
        """
        ...

    def exists(self, sha256: str) -> bool:
        """Whether a file is there, whole."""
        ...

    def size(self, sha256: str) -> int | None:
        """How many bytes a file has; None when it is not there."""
        ...

    def open_range(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in blocks, without a local copy.

        Raises:
            FileNotFoundError: with the first block, when the file is not there.
        """
        ...

    def begin(self, *, limit_bytes: int | None = None) -> BlobWriter:
        """Start a file whose bytes come in pieces; HoldfastError `storage_full`."""
        ...

    def put(self, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredBlob:
        """Store a whole file, or raise HoldfastError `file_too_large`, `storage_full`."""
        ...

    def delete(self, sha256: str) -> None:
        """Forget a file; one that is not there is fine."""
        ...

    def list(self) -> Iterator[StoredBlob]:
        """All files, in no order."""
        ...

    def sweep(self, *, older_s: float = ...) -> int:
        """Remove what writers that were killed left on the local disk; returns how many files."""
        ...

    def free_bytes(self) -> int:
        """The room on the local disk."""
        ...

    def check_room(self, coming_bytes: int = 0) -> None:
        """Raise HoldfastError `storage_full` unless so many bytes leave enough room here."""
        ...

    def check(self) -> str:
        """Where the files are; an OSError or HoldfastError when none can be written."""
        ...


def open_store(settings: StorageSettings) -> BlobStore:
    """The store that the settings name.

    Raises:
        HoldfastError: `missing_extra` when the library for a bucket is not installed.
    """
    if not settings.store_url:
        return FileStore(settings.data, min_free_bytes=settings.min_free_bytes)
    try:
        from holdfast_db.store_s3 import S3Store  # noqa: PLC0415 - only with the extra
    except ImportError:
        raise HoldfastError("missing_extra", extra="s3") from None
    return S3Store(
        settings.store_url,
        settings.data,
        min_free_bytes=settings.min_free_bytes,
        cache_bytes=settings.cache_bytes,
    )
