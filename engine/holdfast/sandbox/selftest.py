"""Prove from the outside that a locked child can do no harm."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.sandbox.attempts import SECRET, attempts
from holdfast.sandbox.gpu import NOTE
from holdfast.sandbox.lock import Bounds, LockLevel, lock

__all__ = ["SelfTest", "selftest"]

_BOUNDS = Bounds(memory_bytes=4 << 30, cpu_s=10, output_bytes=1 << 20)
_TIMEOUT_S = 30
_GPU = "--gpu"


@dataclass(frozen=True)
class SelfTest:
    """`ok` when all attempts were denied and all layers are there; else `why` says what is not.

    `layers` names those that are in force.
    """

    ok: bool
    why: str
    layers: str = ""


def selftest(*, gpu: bool = False) -> SelfTest:
    """Start a locked child that tries to do harm; takes a few tens of milliseconds.

    `gpu` tries the rules of a child that drives a GPU; no GPU needs to be there.
    """
    if sys.platform != "linux":
        return SelfTest(ok=False, why=f"there is no sandbox on {sys.platform}")
    rules = [_GPU] if gpu else []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, SECRET).write_text("nobody reads this")
        run = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-B", "-m", "holdfast.sandbox.selftest", *rules, folder],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    first, *rest = run.stdout.splitlines() or [""]
    try:
        seen = json.loads(first)
    except ValueError:
        return SelfTest(ok=False, why=f"the probe did not answer (exit {run.returncode})")
    faults = [
        *(f"{name} was possible" for name in seen["allowed"]),
        *(["starting a program was possible"] if rest else []),
        *(f"{name} does not work" for name in seen["broken"]),
        *seen["missing"],
    ]
    return SelfTest(ok=not faults, why="; ".join(faults), layers=seen["layers"])


def _works(act: Callable[[], object]) -> bool:
    try:
        act()
    except (OSError, RuntimeError):
        return False
    return True


def _layers(level: LockLevel) -> str:
    there = {
        "limits, but of memory" if level.gpu else "limits": True,
        "no capabilities": level.capabilities_dropped,
        "no new privileges": level.no_new_privs,
        f"Landlock ABI {level.landlock_abi}": level.landlock_abi > 0,
        "seccomp": level.seccomp,
    }
    reached = ", ".join(name for name, reached in there.items() if reached)
    return f"{reached}; rules for a GPU, experimental. {NOTE}" if level.gpu else reached


def _probe(folder: str, *, gpu: bool = False) -> None:
    """In the locked child: attempts must fail, threads and memfd must work, exec must fail last."""
    level = lock("auto", _BOUNDS, gpu=gpu)
    tried = attempts(folder, _BOUNDS, gpu=gpu)
    needed: dict[str, Callable[[], object]] = {
        "a thread": threading.Thread(target=int).start,
        "memory files": lambda: os.close(os.memfd_create("t")),
        **(_NEEDED_BY_CUDA if gpu else {}),
    }
    answer = {
        "missing": level.missing,
        "layers": _layers(level),
        "allowed": [name for name, act in tried.items() if _works(act)],
        "broken": [name for name, act in needed.items() if not _works(act)],
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(OSError):  # were it allowed, another line would come
        os.execv("/bin/echo", ["echo", "started"])  # noqa: S606 - must fail


def _name_thread() -> None:
    """As libcuda does it: opened as a new file would be."""
    path = f"/proc/self/task/{threading.get_native_id()}/comm"
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - nothing heavy here
        file.write("named")


def _wait_for_packets() -> None:
    """As libcuda does it for other processes that share its memory; none will come."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
        made.bind("\0waits")
        made.listen()


_NEEDED_BY_CUDA: dict[str, Callable[[], object]] = {
    "a name for a thread": _name_thread,
    "a local socket that waits": _wait_for_packets,
}

if __name__ == "__main__":
    _probe(sys.argv[-1], gpu=_GPU in sys.argv[1:-1])
