"""The parts of the service that may run alone: the API, and the scheduler.

`holdfast serve` puts the same two into one process and keeps a worker beside them.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any, Final, final

import uvicorn

from holdfast_api.app import create_app
from holdfast_api.parts import Ring
from holdfast_api.settings import ApiSettings
from holdfast_cli.ports import check_bind, listen
from holdfast_db.logs import set_up_logs

__all__ = ["answer_requests", "run_api", "run_scheduler", "tell_settings"]

_REQUEST_STOP_S: Final = 30
"""Behind a balancer nobody waits at a terminal, and an upload may need so long to its end."""


def run_api(host: str, port: int, data: Path) -> int:
    """Answer requests until SIGINT or SIGTERM; the database must have been migrated.

    Raises:
        HoldfastError: `insecure_bind`, `port_in_use`.
    """
    check_bind(host, asks_for_tokens=ApiSettings().asks_for_tokens)
    with contextlib.closing(listen(host, port)) as address:
        tell_settings(data, host, address.getsockname()[1])
        set_up_logs()
        answer_requests(address, stop_s=_REQUEST_STOP_S)
    return 0


def run_scheduler(data: Path) -> int:
    """Bring back what was lost, and ring, until SIGINT or SIGTERM."""
    os.environ["HOLDFAST_DATA"] = str(data.resolve())
    from holdfast_worker.scheduler import main  # reads its settings when it is imported

    main()
    return 0


def tell_settings(data: Path, host: str, port: int) -> None:
    """Every part reads its own settings; this is how the command's options reach them all."""
    os.environ["HOLDFAST_DATA"] = str(data.resolve())
    os.environ["HOLDFAST_HOST"] = host
    os.environ["HOLDFAST_PORT"] = str(port)


def answer_requests(address: socket, *, stop_s: int, ring: Ring | None = None) -> None:
    """Serve the API on a socket that listens, until SIGINT or SIGTERM.

    Args:
        address: the socket.
        stop_s: how long requests that run may take to their end.
        ring: wakes a worker; by default by the broker of the environment.
    """
    config = uvicorn.Config(
        create_app(ApiSettings(), ring=ring),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=stop_s,
    )
    _Server(config).run(sockets=[address])


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
