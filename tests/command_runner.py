"""Many calls of the `holdfast` command in one process of their own, two at a time.

Run as a program: orders come as JSON on stdin, what each said goes as JSON to stdout. The command
is the real one, from its arguments to its exit code; only its start is paid once.
"""

import io
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from memory_watch import peak_bytes

__all__ = ["Answer", "Answers", "run_all"]


@dataclass(frozen=True)
class Answer:
    """How one call ended."""

    exit: int
    out: str
    err: str


@dataclass(frozen=True)
class Answers:
    """All of them by name, and the largest resident memory of the command and of its children."""

    by_name: dict[str, Answer]
    command_bytes: int
    children_bytes: int


def run_all(orders: dict[str, Sequence[object]], folder: Path, env: dict[str, str]) -> Answers:
    """Run the command with each of these arguments, in `folder`."""
    told = subprocess.run(
        [sys.executable, str(Path(__file__))],
        input=json.dumps({name: [str(part) for part in order] for name, order in orders.items()}),
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=env,
        check=True,
    )
    found = json.loads(told.stdout)
    answers = {name: Answer(*answer) for name, answer in found["answers"].items()}
    return Answers(answers, found["command_bytes"], found["children_bytes"])


class _Streams(threading.local):
    """What each thread prints."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()


class _Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of whichever thread writes."""

    def __init__(self, streams: _Streams, name: str) -> None:
        self._streams, self._name = streams, name

    def write(self, text: str) -> int:
        written: int = getattr(self._streams, self._name).write(text)
        return written


def _serve() -> None:
    from holdfast_cli.main import app  # noqa: PLC0415 - only in the process of its own
    from holdfast_cli.problems import guarded  # noqa: PLC0415 - as above

    streams, stdout = _Streams(), sys.stdout
    sys.stdout, sys.stderr = _Stream(streams, "out"), _Stream(streams, "err")

    def call(arguments: list[str]) -> int:
        try:
            return guarded(lambda: app(arguments, prog_name="holdfast"))
        except SystemExit as end:
            return int(end.code or 0)

    def run(order: list[str]) -> tuple[int, str, str]:
        streams.__init__()  # type: ignore[misc] # a thread runs many orders
        code = call(order)
        return code, streams.out.getvalue(), streams.err.getvalue()

    orders = json.loads(sys.stdin.read())
    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip(orders, pool.map(run, orders.values()), strict=True))
    json.dump({"answers": answers, **_peaks()}, stdout)


def _peaks() -> dict[str, int]:
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    # Not ru_maxrss: it remembers the process that started this one.
    return {"command_bytes": peak_bytes(os.getpid()), "children_bytes": children}


if __name__ == "__main__":
    _serve()
