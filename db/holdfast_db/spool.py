"""Files on their way in: counted, hashed, and only then given to whoever keeps them."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from holdfast.errors import HoldfastError

__all__ = [
    "BlobWriter",
    "Spool",
    "StoredBlob",
    "check_sha256",
    "disk_full_is_our_error",
    "is_sha256",
    "make_folders",
    "sync_folder",
]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHECK_ROOM_BYTES = 64 << 20
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class StoredBlob:
    """A file that is in the store."""

    sha256: str
    size_bytes: int


@final
class Spool:
    """The folder of files that are not whole yet. Nothing comes while the disk is nearly full."""

    def __init__(self, folder: Path, min_free_bytes: int) -> None:
        """Use a folder that is there; `min_free_bytes` must stay free on its disk."""
        self.folder = folder
        self._min_free_bytes = min_free_bytes

    def begin(self, keep: Callable[[Path, str], None], limit_bytes: int | None) -> "BlobWriter":
        """Start a file; `keep` is given its path and its SHA-256 when all of it is on the disk."""
        return BlobWriter(self, keep, limit_bytes)

    def put(
        self, keep: Callable[[Path, str], None], chunks: Iterable[bytes], limit_bytes: int
    ) -> StoredBlob:
        """Take a whole file; nothing is left of one that breaks off."""
        writer = self.begin(keep, limit_bytes)
        try:
            for chunk in chunks:
                writer.write(chunk)
            return writer.commit()
        finally:
            writer.abort()

    def sweep(self, older_s: float) -> int:
        """Remove what writers that were killed left behind; returns how many files."""
        limit = time.time() - older_s
        swept = 0
        for partial in self.folder.iterdir():
            with suppress(FileNotFoundError):  # its writer has just finished
                if partial.stat().st_mtime < limit:
                    partial.unlink()
                    swept += 1
        return swept

    def free_bytes(self) -> int:
        """The room on the disk."""
        return shutil.disk_usage(self.folder).free

    def check_room(self, coming_bytes: int = 0) -> None:
        """Raise HoldfastError `storage_full` unless so many bytes leave enough room."""
        if self.free_bytes() - coming_bytes < self._min_free_bytes:
            raise HoldfastError("storage_full")

    def check_writable(self) -> None:
        """Raise an OSError unless a file can be written here."""
        with tempfile.TemporaryFile(dir=self.folder) as file:
            file.write(b"ready")
            file.flush()


@final
class BlobWriter:
    """One file on its way in. `abort` may follow `commit` and does nothing then."""

    def __init__(
        self, spool: Spool, keep: Callable[[Path, str], None], limit_bytes: int | None
    ) -> None:
        """Open a file under a temporary name."""
        self._spool = spool
        self._keep = keep
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        with disk_full_is_our_error():
            spool.check_room()
            fd, name = tempfile.mkstemp(dir=spool.folder)
        self._partial = Path(name)
        self._file = os.fdopen(fd, "wb")

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far."""
        return self._hash.hexdigest()

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
        with disk_full_is_our_error():
            if before // _CHECK_ROOM_BYTES != self._size_bytes // _CHECK_ROOM_BYTES:
                self._spool.check_room()
            self._file.write(block)
        self._hash.update(block)

    def whole(self, expected_sha256: str | None = None) -> Path:
        """The bytes so far in their temporary file, to look at before they are kept.

        Nobody else knows this file: the same bytes of another sender come and go without it.

        Raises:
            HoldfastError: `checksum_mismatch` when the bytes are not the expected ones.
        """
        self._check(expected_sha256)
        with disk_full_is_our_error():
            self._file.flush()
        return self._partial

    def commit(self, expected_sha256: str | None = None) -> StoredBlob:
        """Give the file to the store; kept for good when this returns.

        Raises:
            HoldfastError: `checksum_mismatch` when the bytes are not the expected ones;
                `storage_full`, `storage_unavailable`.
        """
        sha256 = self._check(expected_sha256)
        with disk_full_is_our_error():
            self._file.flush()
            os.fchmod(self._file.fileno(), 0o400)
            os.fsync(self._file.fileno())
            self._file.close()
            self._keep(self._partial, sha256)
        return StoredBlob(sha256, self._size_bytes)

    def _check(self, expected_sha256: str | None) -> str:
        sha256 = self.sha256
        if expected_sha256 is not None and expected_sha256.lower() != sha256:
            raise HoldfastError("checksum_mismatch")
        return sha256

    def abort(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # closing writes what is buffered, on a disk that may be full
            self._file.close()
        self._partial.unlink(missing_ok=True)


def is_sha256(text: str) -> bool:
    """Whether a text is 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None


def check_sha256(text: str) -> str:
    """The text itself; a ValueError for anything but 64 hex digits."""
    if not is_sha256(text):
        raise ValueError("a SHA-256 has 64 lower-case hex digits")
    return text


@contextmanager
def disk_full_is_our_error() -> Iterator[None]:
    """Raise HoldfastError `storage_full` in place of the operating system's words for it."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise HoldfastError("storage_full") from error
        raise


def make_folders(root: Path, folder: Path) -> None:
    """Make a folder and those above it, up to `root`, each entered durably into its parent."""
    if folder.is_dir() or folder == root:
        return
    make_folders(root, folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """A rename is durable once its folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
