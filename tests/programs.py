"""Programs that tests start beside the project: found, started bound to us, stopped by their id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ["absent", "as_user", "find_program", "free_loopback_port", "running", "wait_until"]


def absent(what: str, remedy: str) -> NoReturn:
    """Skip the test, visibly; with CI=true a missing program is a failure."""
    message = f"{what} is not installed; {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def find_program(names: Sequence[str], folders: Sequence[Path] = ()) -> str | None:
    """The first of `names` on PATH or in one of `folders`, as a path."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def free_loopback_port() -> int:
    """A port that was free a moment ago; nothing else on a test machine races for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_user(user: str | None) -> list[str]:
    """A prefix that binds a program's life to ours and, as root, drops to `user`."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if user is not None:
            absent("setpriv", "install the Debian package util-linux")
        return []
    drop = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return [setpriv, *drop, "--pdeathsig=SIGKILL", "--"]


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, user: str | None = None, stop: int = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` for the length of the block; it dies with us, even when we are killed."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*as_user(user), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], bool], *, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a started program; when it ends or takes too long, fail with its log."""
    deadline = time.monotonic() + 30
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
