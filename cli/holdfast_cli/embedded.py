"""The whole service in one command: API and pages, reconciler, and one worker process.

Order at the start: address, lock of the data folder, database, broker, worker, reconciler, API.
The end is the same way back: no more requests, no more rings, then the worker gives its job back.
"""

import contextlib
import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError
from holdfast.sandbox.selftest import selftest
from holdfast_api.settings import ApiSettings
from holdfast_cli import bound
from holdfast_cli.keeper import Keeper
from holdfast_cli.parts import answer_requests, tell_settings
from holdfast_cli.ports import check_bind, listen
from holdfast_db.jobs import expire_leases
from holdfast_db.logs import LogSettings, set_up_logs
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings
from holdfast_worker.settings import WorkerSettings

__all__ = ["serve_until_stopped"]

_WORKER_STOP_S: Final = 20
_SOFT_SHUTDOWN_S: Final = "0"
"""Who pressed Ctrl-C waits at the terminal; the audit starts again with the next start."""
_REQUEST_STOP_S: Final = 3
_SHARD_IMAGES: Final = "1024"
"""One worker gains nothing from parts but to go on behind them after a restart."""
_NICE: Final = "10"


def serve_until_stopped(host: str, port: int, data: Path) -> int:
    """Run the service until SIGINT or SIGTERM.

    Raises:
        HoldfastError: `insecure_bind`, `port_in_use`, `data_in_use`, or `sandbox_unavailable`;
            nothing was started then.
    """
    check_bind(host, asks_for_tokens=ApiSettings().asks_for_tokens)
    _check_sandbox()
    with contextlib.closing(listen(host, port)) as address, _locked(data):
        os.environ.setdefault("HOLDFAST_SHARD_IMAGES", _SHARD_IMAGES)
        tell_settings(data, host, address.getsockname()[1])
        set_up_logs(otherwise="warning")
        database = Database(StorageSettings().database_url)
        with contextlib.closing(database):
            _prepare(database, data)
            with _worker(), _reconciler(database):
                from holdfast_worker import bell

                # The worker's own bell: two descriptions of one broker's folder could disagree.
                answer_requests(address, stop_s=_REQUEST_STOP_S, ring=bell.ring)
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
    level = LogSettings().log_level or "warning"
    concurrency = str(WorkerSettings().concurrency)
    # API and audits share this machine: whoever asks comes first, audits take what is left.
    where = ("--queue", "cpu", "--concurrency", concurrency)
    arguments = (*where, "--nice", _NICE, "--loglevel", level)
    return Keeper(bound.command("holdfast_worker", *arguments), environment, _WORKER_STOP_S)


@contextlib.contextmanager
def _reconciler(database: Database) -> Iterator[None]:
    """The scheduler's loop in a thread, as it runs in a process of its own at scale."""
    from holdfast_worker.scheduler import Scheduler  # reads its settings when it is imported
    from holdfast_worker.settings import WorkerSettings
    from holdfast_worker.webhooks import sending

    stop = threading.Event()
    loop = Scheduler(database)
    thread = threading.Thread(target=loop.run, args=(stop,), name="reconciler")
    thread.start()
    try:
        with sending(database, WorkerSettings()):
            yield
    finally:
        stop.set()
        thread.join()
