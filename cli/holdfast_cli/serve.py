"""`holdfast serve` and `holdfast worker`."""

from enum import StrEnum
from typing import Annotated

import typer

from holdfast_cli import options as opt

__all__ = ["serve", "worker"]


class Role(StrEnum):
    """Which part of the service a process is."""

    all = "all"
    api = "api"
    scheduler = "scheduler"


class Queue(StrEnum):
    """The queues there are, as `holdfast_worker.settings.QUEUES` names them."""

    cpu = "cpu"
    gpu = "gpu"


def serve(
    *,
    host: Annotated[str, typer.Option(envvar="HOLDFAST_HOST", help="Listen here.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="HOLDFAST_PORT", min=0, max=65535, help="Listen on this port.")
    ] = 8000,
    data: opt.DataFolder = opt.DATA,
    role: Annotated[
        Role,
        typer.Option(help="One part alone, where each has a process or container of its own."),
    ] = Role.all,
) -> None:
    """Start the whole service: API, pages, queue and one worker; no other server is needed.

    With --role api or scheduler only that part runs; HOLDFAST_DATABASE_URL, HOLDFAST_BROKER_URL and
    HOLDFAST_STORE_URL say where the others are.
    """
    from holdfast_cli.local import need

    need("server", "audit") if role is Role.all else need("server")
    if role is Role.all:
        from holdfast_cli.embedded import serve_until_stopped

        raise typer.Exit(serve_until_stopped(host, port, data))
    from holdfast_cli.parts import run_api, run_scheduler

    raise typer.Exit(run_api(host, port, data) if role is Role.api else run_scheduler(data))


def worker(
    *,
    queue: Annotated[Queue, typer.Option(help="Take jobs from this queue.")] = Queue.cpu,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Audits at a time.")] = 1,
) -> None:
    """Start a worker for a service whose database and broker HOLDFAST_* variables name."""
    import os
    import sys

    from holdfast_cli.local import need

    need("server", "audit")
    # The worker takes our place: signals reach it directly, and no process is in between.
    command = [sys.executable, "-m", "holdfast_worker", "--queue", queue.value]
    os.execv(sys.executable, [*command, "--concurrency", str(concurrency)])  # noqa: S606 - ourselves
