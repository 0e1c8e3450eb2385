"""Programs that are killed and started again, always with the same command."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from programs import as_user
from workers import children_of, is_alive

__all__ = ["Program"]


@final
class Program:
    """A process that is killed and started again, always with the same command."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        *,
        user: str | None = None,
    ) -> None:
        """Keep what `start` needs."""
        self.name = name
        self._command = [*as_user(user), *command]
        self._env = {**os.environ, **env}
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.due = 0.0

    def start(self) -> None:
        """Start it; it may take its time."""
        with self._log.open("ab") as out:
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to it and all below it: children of PostgreSQL have sessions of their own."""
        if self.process is None:
            return
        for pid in (self.process.pid, *children_of(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def is_up(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def pool(self) -> list[int]:
        """The processes of a worker's pool."""
        if self.process is None:
            return []
        return [pid for pid in children_of(self.process.pid) if _is_pool(pid)]


def _is_pool(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes() and is_alive(pid)
    except OSError:
        return False
