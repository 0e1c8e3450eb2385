"""How much memory a service and its children hold at most, as the kernel counts it."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from children import command_of
from services import children_of

__all__ = ["Peaks", "peak_bytes", "watching"]

_PERIOD_S = 0.1
_CHILD = "holdfast.sandbox.child"


@dataclass
class Peaks:
    """The largest resident memory seen, in bytes: of each lasting process, and of any child."""

    lasting: dict[int, int] = field(default_factory=dict)
    child_bytes: int = 0
    n_children: int = 0

    def look(self, pid: int) -> None:
        """Look at one process."""
        size = peak_bytes(pid)
        if _CHILD in command_of(pid):
            self.child_bytes = max(self.child_bytes, size)
        else:
            self.lasting[pid] = max(self.lasting.get(pid, 0), size)


def peak_bytes(pid: int) -> int:
    """The largest resident memory of a process so far; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for child in children_of(pid):
            yield from _family(child)


@contextlib.contextmanager
def watching(pid: int) -> Iterator[Peaks]:
    """Watch a process and everything below it for the length of the block."""
    peaks, stop, seen = Peaks(), threading.Event(), set[int]()

    def watch() -> None:
        while not stop.wait(_PERIOD_S):
            for each in _family(pid):
                peaks.look(each)
                if _CHILD in command_of(each):
                    seen.add(each)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        stop.set()
        thread.join()
        peaks.n_children = len(seen)
