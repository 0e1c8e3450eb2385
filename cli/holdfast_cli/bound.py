"""Run a module so that it ends with its parent: `python -m holdfast_cli.bound PID MODULE ARG...`.

The kernel sends SIGTERM when the thread that started us is gone, however it went. So nothing that
`holdfast serve` starts outlives it, not even when it is killed.
"""

import ctypes
import os
import signal
import sys
from typing import Final

__all__ = ["command"]

_PR_SET_PDEATHSIG: Final = 1


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs `module` bound to the thread that starts it."""
    return [sys.executable, "-m", "holdfast_cli.bound", str(os.getpid()), module, *arguments]


def _run(parent: int, module: str, arguments: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before we asked
            sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - our own module


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
