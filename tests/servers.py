"""Private Redis and PostgreSQL instances on free loopback ports, with data in temporary folders."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from programs import absent, find_program, free_loopback_port, running, wait_until

__all__ = [
    "POSTGRES_USER",
    "create_database",
    "folder_of",
    "new_cluster",
    "postgres",
    "postgres_answers",
    "postgres_command",
    "redis",
    "redis_answers",
    "redis_command",
]

# PostgreSQL refuses to run as root; its Debian package makes the user `postgres`.
POSTGRES_USER = "postgres" if os.geteuid() == 0 and getpass.getuser() != "postgres" else None
_FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"]


@contextlib.contextmanager
def folder_of(owner: str | None) -> Iterator[Path]:
    """A folder directly under /tmp: pytest's own is closed to the user PostgreSQL runs as."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    try:
        if owner is not None:
            shutil.chown(folder, owner, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def redis_answers(port: int) -> bool:
    """Whether a Redis on this port is ready."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b"PING\r\n")
            return link.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def redis_command(folder: Path, port: int) -> list[str]:
    """A Redis without persistence: what it holds is gone when it is killed."""
    program = find_program(["redis-server"])
    if program is None:
        absent("redis-server", "install the Debian package redis-server")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    memory_only = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    return [program, *options, *memory_only]


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis without persistence; yields its URL."""
    port = free_loopback_port()
    with folder_of(None) as folder:
        log = folder / "log"
        with running(redis_command(folder, port), log=log) as process:
            wait_until(lambda: redis_answers(port), process=process, log=log)
            yield f"redis://127.0.0.1:{port}/0"


def postgres_answers(url: str) -> bool:
    """Whether a PostgreSQL takes connections."""
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _programs() -> tuple[str, str]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    initdb, server = (find_program([name], folders) for name in ("initdb", "postgres"))
    if initdb is None or server is None:
        absent("PostgreSQL", "install the Debian package postgresql")
    return initdb, server


def new_cluster(folder: Path) -> None:
    """Make the files of an empty PostgreSQL below a folder of its user's."""
    options = ["-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
    subprocess.run(
        [_programs()[0], "-D", str(folder / "data"), *options],
        check=True,
        user=POSTGRES_USER,
        group=POSTGRES_USER,
        extra_groups=[] if POSTGRES_USER else None,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )


def postgres_command(folder: Path, port: int) -> list[str]:
    """A PostgreSQL that does not wait for the disk, on the files of `new_cluster`."""
    settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *_FAST]
    options = [part for setting in settings for part in ("-c", setting)]
    return [_programs()[1], "-D", str(folder / "data"), "-p", str(port), *options]


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL that does not wait for the disk; yields the URL of its database `postgres`."""
    port = free_loopback_port()
    _programs()
    with folder_of(POSTGRES_USER) as folder:
        log, command = folder / "log", postgres_command(folder, port)
        new_cluster(folder)
        url = f"postgresql://holdfast@127.0.0.1:{port}/postgres"
        # SIGQUIT is PostgreSQL's immediate shutdown; nobody needs this data again.
        with running(command, log=log, user=POSTGRES_USER, stop=signal.SIGQUIT) as process:
            wait_until(lambda: postgres_answers(url), process=process, log=log)
            yield url.replace("postgresql://", "postgresql+psycopg://", 1)


def create_database(server_url: str, name: str, template: str) -> None:
    """Make the database `name` as a copy of `template` (nobody may be connected to that one)."""
    url = server_url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        names = map(psycopg.sql.Identifier, (name, template))
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
