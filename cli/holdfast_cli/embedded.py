"""The whole service in one command: API and pages, reconciler, and one worker process.

Order at the start: address, lock of the data folder, database, broker, worker, reconciler, API.
The end is the same way back: no more requests, no more rings, then the worker gives its job back.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any, Final, final

import uvicorn

from holdfast.errors import HoldfastError
from holdfast.sandbox.selftest import selftest
from holdfast_api.app import create_app
from holdfast_api.settings import ApiSettings
from holdfast_cli import bound
from holdfast_cli.keeper import Keeper
from holdfast_cli.ports import check_bind, listen
from holdfast_db.jobs import expire_leases
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings
from holdfast_worker.logs import set_up_logs
from holdfast_worker.settings import WorkerSettings

__all__ = ["serve_until_stopped"]

_WORKER_STOP_S: Final = 20
_SOFT_SHUTDOWN_S: Final = "0"
"""Who pressed Ctrl-C waits at the terminal; the audit starts again with the next start."""
_REQUEST_STOP_S: Final = 3


def serve_until_stopped(host: str, port: int, data: Path) -> int:
    """Run the service until SIGINT or SIGTERM.

    Raises:
        HoldfastError: `insecure_bind`, `port_in_use`, `data_in_use`, or `sandbox_unavailable`;
            nothing was started then.
    """
    check_bind(host, os.environ.get("HOLDFAST_TOKEN", ""))
    _check_sandbox()
    with contextlib.closing(listen(host, port)) as address, _locked(data):
        # Every part reads its own settings; this is how the command's options reach them all.
        os.environ["HOLDFAST_DATA"] = str(data.resolve())
        os.environ["HOLDFAST_HOST"] = host
        os.environ["HOLDFAST_PORT"] = str(address.getsockname()[1])
        set_up_logs(os.environ.get("HOLDFAST_LOG_LEVEL", "WARNING"))
        database = Database(StorageSettings().database_url)
        with contextlib.closing(database):
            _prepare(database, data)
            with _worker(), _reconciler(database):
                _serve(address)
    return 0


def _check_sandbox() -> None:
    """The worker would refuse to start, again and again; here somebody reads why."""
    if os.environ.get("HOLDFAST_SANDBOX", "required") == "required":
        seen = selftest()
        if not seen.ok:
            raise HoldfastError("sandbox_unavailable", missing=seen.why)


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    """The data folder for us alone; the lock ends with this process, however that ends."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HoldfastError("data_in_use", path=data) from None
        yield


def _prepare(database: Database, data: Path) -> None:
    """What the last run left: old tables, rings in the broker's folder, jobs nobody runs now."""
    database.migrate()
    shutil.rmtree(data / "broker", ignore_errors=True)
    if database.engine.dialect.name == "sqlite":
        # A database on a server may have other workers, whose jobs go on.
        with database.transaction() as session:
            expire_leases(session)


def _worker() -> Keeper:
    shutdown = os.environ.get("HOLDFAST_SOFT_SHUTDOWN_S", _SOFT_SHUTDOWN_S)
    environment = {**os.environ, "HOLDFAST_SOFT_SHUTDOWN_S": shutdown}
    level = os.environ.get("HOLDFAST_LOG_LEVEL", "warning").lower()
    concurrency = str(WorkerSettings().concurrency)
    arguments = ("--queue", "cpu", "--concurrency", concurrency, "--loglevel", level)
    return Keeper(bound.command("holdfast_worker", *arguments), environment, _WORKER_STOP_S)


@contextlib.contextmanager
def _reconciler(database: Database) -> Iterator[None]:
    """The scheduler's loop in a thread, as it runs in a process of its own at scale."""
    from holdfast_worker.scheduler import Scheduler  # reads its settings when it is imported

    stop = threading.Event()
    loop = Scheduler(database)
    thread = threading.Thread(target=loop.run, args=(stop,), name="reconciler")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@final
class _Server(uvicorn.Server):
    """Uvicorn that says when it is ready, and leaves the signals to us."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port, *_ = sockets[0].getsockname()
            name = f"[{host}]" if ":" in host else host
            print(f"Holdfast serves http://{name}:{port} - Ctrl-C stops it", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end this block in order; uvicorn's way would raise them again at its end."""

        def stop(*_: Any) -> None:  # noqa: ANN401 - as signal wants it
            self.force_exit = self.should_exit
            self.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        yield


def _serve(address: socket) -> None:
    from holdfast_worker import bell

    config = uvicorn.Config(
        # The worker's own bell: two descriptions of one broker's folder could disagree.
        create_app(ApiSettings(), ring=bell.ring),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_REQUEST_STOP_S,
    )
    _Server(config).run(sockets=[address])
