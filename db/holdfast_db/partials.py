"""Files of which only a part has come: appended to over several requests, one writer at a time.

They lie beside the store, on the disk of the process that receives them, until they are whole.
How much of one counts is said by its upload's row; what lies behind that is cut off.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, final

from holdfast.errors import HoldfastError

__all__ = ["UPLOADS_FOLDER", "Appender", "Partials"]

UPLOADS_FOLDER: Final = "uploads"
"""Where in the data folder they lie."""

_NAME: Final = re.compile(r"[0-9a-f-]{36}")
_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK_BYTES: Final = 4 << 20


@final
class Appender:
    """The right to append to one file, from `start` on."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        """Append to `file`, of which `start` bytes count."""
        self._file = file
        self._start = start
        self.end = start

    def write(self, block: bytes) -> None:
        """Add bytes.

        Raises:
            HoldfastError: `storage_full`; what was written before counts.
        """
        try:
            self._file.write(block)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise HoldfastError("storage_full") from error
            raise
        self.end += len(block)

    def keep(self) -> int:
        """Bring what was written to the disk; how many bytes count then."""
        os.fsync(self._file.fileno())
        return self.end

    def drop(self) -> None:
        """Take back what was written since the start."""
        self._file.truncate(self._start)
        self._file.seek(self._start)
        self.end = self._start

    def blocks(self) -> Iterator[bytes]:
        """The whole file, in blocks."""
        self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            yield block

    def look(self, read: Callable[[BinaryIO], object]) -> None:
        """Let `read` look at the whole file."""
        self._file.seek(0)
        read(self._file)


@final
class Partials:
    """A folder of unfinished files, named by their uploads."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made with the first file."""
        self._folder = folder

    def size(self, upload_id: str) -> int:
        """How many bytes of an upload lie here."""
        try:
            return self._path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def append(self, upload_id: str, start: int) -> Iterator[Appender]:
        """Append to an upload's file, of which `start` bytes count, for the length of the block.

        Raises:
            HoldfastError: `upload_busy` while somebody else appends; `wrong_offset` when fewer
                bytes are here than are said to count.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self._path(upload_id), os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(fd, "r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise HoldfastError("upload_busy", id=upload_id) from None
            here = file.seek(0, os.SEEK_END)
            if here < start:
                raise HoldfastError("wrong_offset", id=upload_id, n=here, m=start)
            file.truncate(start)
            file.seek(start)
            yield Appender(file, start)

    def remove(self, upload_id: str) -> None:
        """Forget a file; one that is not here is fine."""
        self._path(upload_id).unlink(missing_ok=True)

    def sweep(self, *, older_s: float) -> int:
        """Remove what nobody has written to for so long; how many files."""
        limit, swept = time.time() - older_s, 0
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(FileNotFoundError):  # its upload was finished this moment
                if path.stat().st_mtime < limit:
                    path.unlink()
                    swept += 1
        return swept

    def _path(self, upload_id: str) -> Path:
        if not _NAME.fullmatch(upload_id):
            raise ValueError("an upload's id has 36 characters")
        return self._folder / upload_id
