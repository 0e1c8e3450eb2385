"""Files by their SHA-256 in a folder: written whole or not at all, never changed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import final

from holdfast_db.spool import (
    BlobWriter,
    Spool,
    StoredBlob,
    check_sha256,
    make_folders,
    sync_folder,
)

__all__ = ["BLOCK_BYTES", "BlobWriter", "FileStore", "StoredBlob"]

BLOCK_BYTES = 1 << 20
_DAY_S = 24 * 3600.0


@final
class FileStore:
    """A folder of files: `blobs/sha256/ab/cd/<sha256>`, and `blobs/partial/` for those coming."""

    def __init__(self, root: Path, *, min_free_bytes: int = 0) -> None:
        """Use the folder `root`, made when it is not there.

        Args:
            root: the folder of all data.
            min_free_bytes: nothing is stored while the disk has less room than this.
        """
        self.root = root
        self.partials = root / "blobs" / "partial"
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.partials.parent, self.partials):
            folder.mkdir(exist_ok=True, mode=0o700)
        self._spool = Spool(self.partials, min_free_bytes)

    def path(self, sha256: str) -> Path:
        """Where the file is or would be; a ValueError for anything but 64 hex digits."""
        name = check_sha256(sha256)
        return self.root / "blobs" / "sha256" / name[:2] / name[2:4] / name

    def exists(self, sha256: str) -> bool:
        """Whether the file is here, whole."""
        return self.path(sha256).is_file()

    def size(self, sha256: str) -> int | None:
        """How many bytes a file has; None when it is not here."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def open_range(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in blocks; see `BlobStore`."""
        with self.path(sha256).open("rb") as file:
            file.seek(start)
            left = None if end is None else end - start
            while left is None or left > 0:
                block = file.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
                if not block:
                    return
                left = None if left is None else left - len(block)
                yield block

    def begin(self, *, limit_bytes: int | None = None) -> BlobWriter:
        """Start a file whose bytes come in pieces. Call `commit` or `abort`.

        Raises:
            HoldfastError: `storage_full`.
        """
        return self._spool.begin(self._keep, limit_bytes)

    def put(self, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredBlob:
        """Store a whole file.

        Raises:
            HoldfastError: `file_too_large`, `storage_full`. Nothing is kept then.
        """
        return self._spool.put(self._keep, chunks, limit_bytes)

    def delete(self, sha256: str) -> None:
        """Forget a file; one that is not here is fine."""
        self.path(sha256).unlink(missing_ok=True)

    def list(self) -> Iterator[StoredBlob]:
        """All files, in no order."""
        for path in (self.root / "blobs" / "sha256").glob("*/*/*"):
            size_bytes = self.size(path.name)
            if size_bytes is not None:  # it may have been deleted since
                yield StoredBlob(path.name, size_bytes)

    def sweep(self, *, older_s: float = _DAY_S) -> int:
        """Remove what writers that were killed left behind; returns how many files."""
        return self._spool.sweep(older_s)

    def free_bytes(self) -> int:
        """The room on the disk."""
        return self._spool.free_bytes()

    def check_room(self, coming_bytes: int = 0) -> None:
        """Raise HoldfastError `storage_full` unless so many bytes leave enough room."""
        self._spool.check_room(coming_bytes)

    def check(self) -> str:
        """Where the files are; an OSError when none can be written."""
        self._spool.check_writable()
        return str(self.root / "blobs")

    def _keep(self, partial: Path, sha256: str) -> None:
        target = self.path(sha256)
        make_folders(self.root, target.parent)
        partial.replace(target)  # the same bytes when another writer was first
        sync_folder(target.parent)
