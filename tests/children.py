"""Child processes as the kernel sees them, and programs that stand in for the interpreter."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["child_pids", "command_of", "soon", "stand_in"]


_AUDIT_CHILD = "holdfast.sandbox.child"


def child_pids(parent: int | None = None) -> set[int]:
    """The living children of a process; of this one only those that audit.

    In a run of all tests this process also has the private database servers as children.
    """
    if parent is None:
        return {pid for pid in _children(os.getpid()) if _AUDIT_CHILD in command_of(pid)}
    return _children(parent)


def _children(wanted: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            if int(after_name[1]) == wanted and after_name[0] != "Z":
                found.add(int(entry.name))
    return found


def command_of(pid: int) -> str:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def soon(happened: Callable[[], bool], seconds: float = 2.0) -> bool:
    """True as soon as `happened`, False when it did not within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.02)
    return happened()


def stand_in(folder: Path, code: str) -> Path:
    """A program to put in the place of `sys.executable`: it ignores `-m` and runs `code`."""
    program = folder / "python"
    program.write_text(f"#!{sys.executable} -IB\n{code}")
    program.chmod(0o755)
    return program
