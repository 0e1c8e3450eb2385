"""No process of the pool outlives the worker that started it."""

import ctypes
import os
import signal
import sys

__all__ = ["die_with_main", "remember_main"]

_MAIN_PID = "HOLDFAST_WORKER_MAIN_PID"
_PR_SET_PDEATHSIG = 1


def remember_main() -> None:
    """In the worker's main process: leave its id where the pool's processes find it."""
    os.environ[_MAIN_PID] = str(os.getpid())


def die_with_main() -> None:
    """In a process of the pool: end with the main process, or now when that is already gone.

    The parent is compared with the id that was left, not with 1: in a container 1 may be the
    worker itself.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(os.environ.get(_MAIN_PID, os.getppid())):
        os._exit(1)
