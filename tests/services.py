"""The whole service as a process, `holdfast serve`, for the length of a block."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from commands import environment, program
from programs import free_loopback_port

__all__ = ["Service", "children_of", "embedded", "is_alive", "wait_for"]

START_S = 60
STOP_S = 40


@dataclass(frozen=True)
class Service:
    """A service that is ready: API and worker answer."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    def worker_pid(self) -> int:
        """The main process of its worker."""
        return next(iter(children_of(self.process.pid)))


def children_of(pid: int) -> list[int]:
    """The children of a process, from the kernel."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(what: str, happens: Callable[[], bool], timeout_s: float = 30) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + timeout_s
    while not happens():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(0.1)


@contextlib.contextmanager
def embedded(folder: Path, **settings: object) -> Iterator[Service]:
    """Start one below `folder`, wait until it is ready, stop it in the end."""
    port, log = free_loopback_port(), folder / "serve.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            program("serve", "--port", port, "--data", folder / "data"),
            cwd=folder,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    service = Service(f"http://127.0.0.1:{port}", folder / "data", log, process)
    try:
        _wait_until_ready(service)
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_until_ready(service: Service) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and service.process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{service.url}/readyz")
            if answer.is_success and answer.json()["status"] == "ready":
                return
        time.sleep(0.2)
    pytest.fail(f"the service did not become ready:\n{service.log.read_text(errors='replace')}")
