"""The questions of `holdfast doctor`; an answer never raises."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from holdfast.errors import HoldfastError
from holdfast_cli.local import NEEDS, absent
from holdfast_cli.problems import internal

if TYPE_CHECKING:
    from holdfast_db.counts import WorkerAge

__all__ = ["Check", "checks"]

_BROKER_S: Final = 3
_FRESH_S: Final = 60


@final
@dataclass(frozen=True)
class Check:
    """One answer; `ok` is None for what is not there and does not have to be."""

    name: str
    ok: bool | None
    says: str


def checks(data: Path, server: str | None) -> Iterator[Check]:
    """Ask everything that can be asked here, one after the other."""
    for extra in NEEDS:
        yield _extra(extra)
    yield _asked("sandbox", _sandbox)
    yield _asked("gpu", _gpu)
    if not absent("server"):
        os.environ["HOLDFAST_DATA"] = str(data.resolve())
        yield _asked("storage", lambda: _storage(data))
        yield _asked("database", lambda: _database(data))
        yield _asked("broker", lambda: _broker(data))
        yield _asked("worker", lambda: _workers(data))
    if server is not None:
        yield _asked("server", lambda: _server(server))
        yield _asked("token", lambda: _token(server))


def _asked(name: str, ask: Callable[[], tuple[bool | None, str]]) -> Check:
    try:
        return Check(name, *ask())
    except HoldfastError as error:
        return Check(name, ok=False, says=error.sentence)
    except Exception as error:  # noqa: BLE001 - a broken part is an answer, too
        return Check(name, ok=False, says=internal(error).fields["request_id"])


def _extra(extra: str) -> Check:
    if absent(extra):
        return Check(extra, ok=None, says=f"not installed; pip install 'holdfast[{extra}]'")
    return Check(extra, ok=True, says="installed")


def _sandbox() -> tuple[bool | None, str]:
    from holdfast.sandbox.selftest import selftest

    seen = selftest()
    if seen.ok:
        return True, f"in force: {seen.layers}"
    return False, f"{seen.why} (in force: {seen.layers or 'nothing'})"


def _gpu() -> tuple[bool | None, str]:
    """Whether an audit may use a GPU, and what the lock is then; CUDA itself is not started."""
    from holdfast.sandbox.gpu import VARIABLE, device_files, gpu_names, is_enabled
    from holdfast.sandbox.selftest import selftest

    devices = device_files()
    there = ", ".join(gpu_names() or devices) or "no NVIDIA device is here"
    if not is_enabled():
        return None, f"off; {VARIABLE}=experimental turns it on ({there})"
    seen = selftest(gpu=True)
    if not seen.ok:
        return False, f"{seen.why} (in force: {seen.layers or 'nothing'})"
    return bool(devices), f"{there}; in force: {seen.layers}"


def _storage(data: Path) -> tuple[bool | None, str]:
    from holdfast_db.blobs import open_store
    from holdfast_db.settings import StorageSettings

    if not data.is_dir():
        return None, f"no service has run in {data} yet"
    try:
        store = open_store(StorageSettings())
        place = store.check()
    except OSError:
        return False, f"{data} cannot be written"
    return True, f"{place}, {store.free_bytes() / 1e9:.0f} GB free on the disk of {data}"


def _url(data: Path) -> str | None:
    """The address of the database; None for a file that no service has made yet."""
    from holdfast_db.settings import StorageSettings

    url = StorageSettings().database_url
    there = not url.startswith("sqlite") or (data / "holdfast.db").exists()
    return url if there else None


def _database(data: Path) -> tuple[bool | None, str]:
    from sqlalchemy import make_url

    from holdfast_db.session import Database

    url = _url(data)
    if url is None:
        return None, f"no service has run in {data} yet"
    shown = make_url(url).render_as_string(hide_password=True)
    with closing(Database(url)) as database:
        database.ping()
        at_head = database.at_head()
    return at_head, shown if at_head else f"{shown} has tables of another release"


def _workers(data: Path) -> tuple[bool | None, str]:
    """Workers that ended in order are forgotten; one that is silent was lost."""
    from holdfast_db.counts import read_counts
    from holdfast_db.session import Database

    url = _url(data)
    if url is None:
        return None, f"no service has run in {data} yet"
    with closing(Database(url)) as database, database.reading() as session:
        workers = read_counts(session).workers
    if not workers:
        return None, "none has reported"
    told = ", ".join(_worker(each) for each in workers)
    return any(each.silent_s <= _FRESH_S for each in workers), f"last seen: {told}"


def _worker(seen: "WorkerAge") -> str:
    about = [f"{seen.slots} at a time"]
    about += [seen.gpu] if seen.gpu else []
    about += [] if seen.sandboxed else ["without a full sandbox"]
    return f"{seen.hostname} {seen.silent_s:.0f} s ago ({', '.join(about)})"


def _broker(data: Path) -> tuple[bool | None, str]:
    from holdfast_worker.app import app

    with app.connection_for_write(connect_timeout=_BROKER_S) as connection:
        if connection.transport.driver_type == "filesystem":
            there = (data / "broker").is_dir()
            says = "a folder of the data" if there else f"no service has run in {data} yet"
            return (True if there else None), says
        connection.ensure_connection(max_retries=1, timeout=_BROKER_S)
        return True, connection.as_uri()


def _server(url: str) -> tuple[bool | None, str]:
    from holdfast_cli.remote import connect

    with connect(url) as client:
        version = client.peek("/v1/version")["version"]
        ready = client.peek("/readyz")["status"]
    return ready == "ready", f"{url}, version {version}, {ready}"


def _token(url: str) -> tuple[bool | None, str]:
    from holdfast_cli.remote import connect

    with connect(url) as client:
        client.peek("/v1/audits?limit=1")  # anybody may ask the questions above, not this one
    given = os.environ.get("HOLDFAST_TOKEN")
    return True, "HOLDFAST_TOKEN is accepted" if given else "none is given, none is needed"
