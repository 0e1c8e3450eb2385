"""Keep one child process alive: start it, start it again when it dies, stop it in the end."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, Self, final

__all__ = ["Keeper"]

_HEALTHY_S: Final = 30
_PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)


@final
class Keeper:
    """One child process for the length of a block.

    It is started from a thread of its own that lives as long as the block, because a child that
    is bound to its parent ends with the thread that started it.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], stop_s: float
    ) -> None:
        """Remember what to run; `stop_s` is the time it has to end after SIGTERM."""
        self._command = list(command)
        self._environment = dict(environment)
        self._stop_s = stop_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper")
        self.pid: int | None = None

    def __enter__(self) -> Self:
        """Start the child."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the child, by force when it does not want to end."""
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            # A session of its own: Ctrl-C in the terminal is for us, we stop the child in order.
            with subprocess.Popen(  # noqa: S603 - our own module
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            ) as process:
                self.pid = process.pid
                self._watch(process)
            if self._stopping.is_set():
                return
            deaths = 0 if time.monotonic() - began > _HEALTHY_S else deaths + 1
            print(f"the worker ended ({process.returncode}); starting it again", file=sys.stderr)
            self._stopping.wait(_PAUSES_S[min(deaths, len(_PAUSES_S) - 1)])

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None and not self._stopping.wait(0.2):
            pass
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(self._stop_s)
            except subprocess.TimeoutExpired:
                process.kill()
