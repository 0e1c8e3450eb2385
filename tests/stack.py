"""The service as a user starts it, and the command line as a user types it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Answer", "Service", "holdfast", "serving"]

_START_S = 60
_STOP_S = 90


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


def holdfast(*args: str | Path, env: dict[str, str] | None = None) -> Answer:
    """Run the `holdfast` command in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "holdfast_cli", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return Answer(run.returncode, run.stdout, run.stderr)


@dataclass(frozen=True)
class Service:
    """A running embedded service."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> Any:
        """The JSON at `path`."""
        with urllib.request.urlopen(self.url + path, timeout=40) as answer:  # noqa: S310 - ours
            return json.load(answer)

    def workers(self) -> list[int]:
        """Process ids of the Celery worker and its pool, children of the service."""
        return _below(self.process.pid)


@contextlib.contextmanager
def serving(data: Path, port: int, **env: str) -> Iterator[Service]:
    """Run `holdfast serve` for the length of the block; it must leave no process behind."""
    log = data.parent / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "holdfast_cli", "serve", "--port", str(port), "--data", data],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
        )
    service = Service(f"http://127.0.0.1:{port}", data, process)
    try:
        _wait_until_ready(service, log)
        yield service
        children = service.workers()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=_STOP_S) == 0, log.read_text(errors="replace")[-3000:]
        assert not [pid for pid in children if _alive(pid)]
    finally:
        if process.poll() is None:
            for pid in [*service.workers(), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(service: Service, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError, ValueError):
            if service.get("/readyz")["status"] == "ready":
                return
        if service.process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError("the service did not start:\n" + log.read_text(errors="replace"))
        time.sleep(0.2)


def _below(pid: int) -> list[int]:
    """All descendants of a process, from /proc."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [int(child), *_below(int(child))]
    return found


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
