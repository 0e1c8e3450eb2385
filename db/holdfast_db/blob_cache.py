"""Copies of files whose home is far away: a folder of bounded size, the oldest leave first."""

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final

import structlog

from holdfast.errors import HoldfastError
from holdfast_db.spool import check_sha256, disk_full_is_our_error

__all__ = ["BlobCache"]

_log = structlog.get_logger(__name__)
_GRACE_S = 600.0
"""Who was just given a path still has to open the file; what is open may go."""


@final
class BlobCache:
    """Files by their SHA-256, checked when they come; several processes may share the folder."""

    def __init__(self, folder: Path, partials: Path, limit_bytes: int) -> None:
        """Keep at most about `limit_bytes` in `folder`; files come through `partials`."""
        self._folder = folder
        self._partials = partials
        self._limit_bytes = limit_bytes
        self._coming: dict[str, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def get(self, sha256: str, fetch: Callable[[], Iterable[bytes]]) -> Path:
        """The path of a copy, whose bytes come from `fetch` when it is not here yet.

        Raises:
            HoldfastError: `storage_damaged` for bytes that have another digest; `storage_full`.
        """
        target = self._path(sha256)
        with self._only_one(sha256):
            if not self._touch(target):
                self._fill(sha256, fetch)
        return target

    def adopt(self, partial: Path, sha256: str) -> None:
        """Keep a file that is whole and checked already."""
        target = self._path(sha256)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        partial.replace(target)
        self._touch(target)
        self._shrink(target)

    def drop(self, sha256: str) -> None:
        """Forget a copy; one that is not here is fine."""
        self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._folder / check_sha256(sha256)[:2] / sha256

    @contextmanager
    def _only_one(self, sha256: str) -> Iterator[None]:
        """Of the threads that want the same file one fetches it."""
        with self._lock:
            lock, users = self._coming.get(sha256, (threading.Lock(), 0))
            self._coming[sha256] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._coming.pop(sha256)
                if users > 1:
                    self._coming[sha256] = (lock, users - 1)

    def _touch(self, path: Path) -> bool:
        """Note that a file is used; False when it is not here."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def _fill(self, sha256: str, fetch: Callable[[], Iterable[bytes]]) -> None:
        digest = hashlib.sha256()
        fd, name = tempfile.mkstemp(dir=self._partials)
        try:
            with disk_full_is_our_error(), os.fdopen(fd, "wb") as file:
                for block in fetch():
                    digest.update(block)
                    file.write(block)
                os.fchmod(file.fileno(), 0o400)
            if digest.hexdigest() != sha256:
                _log.error("a stored file has other bytes", sha256=sha256, seen=digest.hexdigest())
                raise HoldfastError("storage_damaged")
            self.adopt(Path(name), sha256)
        finally:
            Path(name).unlink(missing_ok=True)

    def _shrink(self, newest: Path) -> None:
        """Remove what was not used for longest, until the rest is small enough."""
        files = []
        for path in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):  # another process shrinks, too
                seen = path.stat()
                files.append((seen.st_mtime, seen.st_size, path))
        total_bytes = sum(size for _, size, _ in files)
        young = time.time() - _GRACE_S
        for used_at, size, path in sorted(files):
            if total_bytes <= self._limit_bytes or used_at > young:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                total_bytes -= size
