"""Start a worker: `python -m holdfast_worker --queue cpu --concurrency 1`.

This process becomes Celery's: what Celery reads from the environment when it is imported has to be
there before.
"""

import argparse
import os
import socket
import sys

from holdfast_db.logs import LogSettings
from holdfast_worker.settings import QUEUES

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Turn our few options into Celery's command line."""
    given = _parser().parse_args(arguments)
    os.environ["HOLDFAST_QUEUE"] = given.queue
    os.environ["HOLDFAST_CONCURRENCY"] = str(given.concurrency)
    # SIGTERM first lets audits go on for a while, then makes them give their shards back.
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    if given.loglevel:
        os.environ["HOLDFAST_LOG_LEVEL"] = given.loglevel
    level = LogSettings().log_level or "info"
    os.nice(given.nice)
    name = given.name or f"{given.queue}@{socket.gethostname()}"
    command = [sys.executable, "-m", "celery", "-q", "--app", "holdfast_worker.app", "worker"]
    about = ["--hostname", name, "--queues", given.queue, "--concurrency", str(given.concurrency)]
    quiet = ["--loglevel", level, "--without-mingle", "--without-gossip"]
    os.execv(sys.executable, [*command, *about, *quiet])  # noqa: S606 - our own interpreter


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m holdfast_worker", description=__doc__)
    parser.add_argument("--queue", choices=QUEUES, default="cpu")
    parser.add_argument("--concurrency", type=int, default=1, help="audits at a time")
    parser.add_argument("--name", help="NAME@HOST, where several workers share a queue and a host")
    about = "0 to 19: let others on this machine go first"
    parser.add_argument("--nice", type=int, choices=range(20), default=0, metavar="N", help=about)
    levels = ("debug", "info", "warning", "error", "critical")
    parser.add_argument("--loglevel", choices=levels, help="in place of HOLDFAST_LOG_LEVEL")
    return parser


if __name__ == "__main__":
    main()
