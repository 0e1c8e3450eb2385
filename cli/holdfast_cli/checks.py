"""The questions of `holdfast doctor`; an answer never raises."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from holdfast.errors import HoldfastError
from holdfast_cli.local import NEEDS, absent
from holdfast_cli.problems import internal

__all__ = ["Check", "checks"]

_BROKER_S: Final = 3


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
    if not absent("server"):
        os.environ["HOLDFAST_DATA"] = str(data.resolve())
        yield _asked("storage", lambda: _storage(data))
        yield _asked("database", lambda: _database(data))
        yield _asked("broker", lambda: _broker(data))
    if server is not None:
        yield _asked("server", lambda: _server(server))


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


def _storage(data: Path) -> tuple[bool | None, str]:
    if not data.is_dir():
        return None, f"no service has run in {data} yet"
    free = os.statvfs(data).f_bavail * os.statvfs(data).f_frsize
    says = f"{data}, {free / 1e9:.0f} GB free"
    return (True, says) if os.access(data, os.W_OK) else (False, f"{data} cannot be written")


def _database(data: Path) -> tuple[bool | None, str]:
    from sqlalchemy import make_url

    from holdfast_db.session import Database
    from holdfast_db.settings import StorageSettings

    url = StorageSettings().database_url
    shown = make_url(url).render_as_string(hide_password=True)
    if url.startswith("sqlite") and not (data / "holdfast.db").exists():
        return None, f"no service has run in {data} yet"
    database = Database(url)
    try:
        database.ping()
        at_head = database.at_head()
    finally:
        database.close()
    return at_head, shown if at_head else f"{shown} has tables of another release"


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
        # Anybody may ask the two above; this one takes the token.
        client.peek("/v1/audits?limit=1")
    return ready == "ready", f"{url}, version {version}, {ready}, the token is accepted"
