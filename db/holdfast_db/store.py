"""Files by their SHA-256: written whole or not at all, never changed, checked on the way in."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from holdfast.errors import HoldfastError

__all__ = ["BlobWriter", "FileStore", "StoredBlob"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHECK_ROOM_BYTES = 64 << 20
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class StoredBlob:
    """A file that is in the store."""

    sha256: str
    size_bytes: int


@final
class BlobWriter:
    """One file on its way in. `abort` may follow `commit` and does nothing then."""

    def __init__(self, store: "FileStore", limit_bytes: int | None) -> None:
        """Open a file under a temporary name."""
        self._store = store
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        with _disk_full_is_our_error():
            store.check_room()
            fd, name = tempfile.mkstemp(dir=store.partials)
        self._partial = Path(name)
        self._file = os.fdopen(fd, "wb")

    def write(self, block: bytes) -> None:
        """Add bytes.

        Raises:
            HoldfastError: `file_too_large` over the limit; `storage_full`.
        """
        before = self._size_bytes
        self._size_bytes += len(block)
        if self._limit_bytes is not None and self._size_bytes > self._limit_bytes:
            what, seen = "The file", f"at least {self._size_bytes}"
            raise HoldfastError(
                "file_too_large", what=what, n=seen, limit=self._limit_bytes, setting="limit_bytes"
            )
        with _disk_full_is_our_error():
            if before // _CHECK_ROOM_BYTES != self._size_bytes // _CHECK_ROOM_BYTES:
                self._store.check_room()
            self._file.write(block)
        self._hash.update(block)

    def whole(self, expected_sha256: str | None = None) -> Path:
        """The bytes so far in their temporary file, to look at before they are kept.

        Nobody else knows this file: the same bytes of another sender come and go without it.

        Raises:
            HoldfastError: `checksum_mismatch` when the bytes are not the expected ones.
        """
        self._check(expected_sha256)
        with _disk_full_is_our_error():
            self._file.flush()
        return self._partial

    def commit(self, expected_sha256: str | None = None) -> StoredBlob:
        """Put the file under its name; on the disk when this returns.

        Raises:
            HoldfastError: `checksum_mismatch` when the bytes are not the expected ones.
        """
        sha256 = self._check(expected_sha256)
        target = self._store.path(sha256)
        with _disk_full_is_our_error():
            self._file.flush()
            os.fchmod(self._file.fileno(), 0o400)
            os.fsync(self._file.fileno())
            self._file.close()
            _make_folders(self._store.root, target.parent)
            self._partial.replace(target)  # the same bytes when another writer was first
            _sync_folder(target.parent)
        return StoredBlob(sha256, self._size_bytes)

    def _check(self, expected_sha256: str | None) -> str:
        sha256 = self._hash.hexdigest()
        if expected_sha256 is not None and expected_sha256.lower() != sha256:
            raise HoldfastError("checksum_mismatch")
        return sha256

    def abort(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # closing writes what is buffered, on a disk that may be full
            self._file.close()
        self._partial.unlink(missing_ok=True)


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
        self._min_free_bytes = min_free_bytes
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.partials.parent, self.partials):
            folder.mkdir(exist_ok=True, mode=0o700)

    def path(self, sha256: str) -> Path:
        """Where the file is or would be; a ValueError for anything but 64 hex digits."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("a SHA-256 has 64 lower-case hex digits")
        return self.root / "blobs" / "sha256" / sha256[:2] / sha256[2:4] / sha256

    def exists(self, sha256: str) -> bool:
        """Whether the file is here, whole."""
        return self.path(sha256).is_file()

    def begin(self, *, limit_bytes: int | None = None) -> BlobWriter:
        """Start a file whose bytes come in pieces. Call `commit` or `abort`.

        Raises:
            HoldfastError: `storage_full`.
        """
        return BlobWriter(self, limit_bytes)

    def put(self, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredBlob:
        """Store a whole file.

        Raises:
            HoldfastError: `file_too_large`, `storage_full`. Nothing is kept then.
        """
        writer = self.begin(limit_bytes=limit_bytes)
        try:
            for chunk in chunks:
                writer.write(chunk)
            return writer.commit()
        finally:
            writer.abort()

    def delete(self, sha256: str) -> None:
        """Forget a file; one that is not here is fine."""
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self, *, older_s: float = 24 * 3600) -> int:
        """Remove what writers that were killed left behind; returns how many files."""
        limit = time.time() - older_s
        swept = 0
        for partial in self.partials.iterdir():
            with suppress(FileNotFoundError):  # its writer has just finished
                if partial.stat().st_mtime < limit:
                    partial.unlink()
                    swept += 1
        return swept

    def check_room(self) -> None:
        """Raise HoldfastError `storage_full` while the disk has too little room."""
        if shutil.disk_usage(self.partials).free < self._min_free_bytes:
            raise HoldfastError("storage_full")


@contextmanager
def _disk_full_is_our_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise HoldfastError("storage_full") from error
        raise


def _make_folders(root: Path, folder: Path) -> None:
    """Make a folder and those above it, each entered durably into its parent."""
    if folder.is_dir() or folder == root:
        return
    _make_folders(root, folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """A rename is durable once its folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
