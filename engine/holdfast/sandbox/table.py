"""A per-sample file as CSV: read in a locked child, handed on while the child still writes."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from holdfast.errors import HoldfastError
from holdfast.records.job import ChildLimits, TableJob
from holdfast.sandbox.files import input_file
from holdfast.sandbox.parent import SandboxMode
from holdfast.sandbox.process import Child

__all__ = ["samples_csv"]

_BLOCK_BYTES: Final = 1 << 16


def samples_csv(samples: Path, *, mode: SandboxMode, limits: ChildLimits) -> Iterator[bytes]:
    """The bytes of the CSV, in blocks; closing the iterator ends the child.

    A reader that takes nothing for `limits.stall_s` loses the child, and the rest.

    Raises:
        HoldfastError: `invalid_samples`, or a limit was met; possibly after some blocks.
    """
    table = _Table(samples, mode, limits)
    try:
        while block := os.read(table.read_fd, _BLOCK_BYTES):
            yield block
    finally:
        table.end()
    if table.error is not None:
        raise table.error


@final
class _Table:
    """One child, and the thread that it lives and dies with."""

    def __init__(self, samples: Path, mode: SandboxMode, limits: ChildLimits) -> None:
        self.read_fd, self._write_fd = os.pipe()
        self.error: HoldfastError | None = None
        self._samples, self._mode, self._limits = samples, mode, limits
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="table")
        self._thread.start()

    def end(self) -> None:
        """Stop the child if it still writes."""
        self._over.set()
        os.close(self.read_fd)
        self._thread.join()

    def _run(self) -> None:
        try:
            with input_file(self._samples) as samples_fd:
                job = TableJob(
                    mode=self._mode,
                    limits=self._limits,
                    parent_pid=os.getpid(),
                    samples_fd=samples_fd,
                    result_fd=self._write_fd,
                )
                Child(job, lambda _: None, self._over.is_set).run()
        except HoldfastError as error:
            self.error = error
        finally:
            with contextlib.suppress(OSError):
                os.close(self._write_fd)
