"""Where the service listens: refused before anything is started."""

import ipaddress
import socket

from holdfast.errors import HoldfastError

__all__ = ["check_bind", "check_port", "listen"]


def check_bind(host: str, *, asks_for_tokens: bool) -> None:
    """Where no token is asked only this machine may connect.

    Raises:
        HoldfastError: `insecure_bind`.
    """
    if not asks_for_tokens and not _is_loopback(host):
        raise HoldfastError("insecure_bind", host=host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        HoldfastError: `port_in_use`, also for an address that this machine does not have.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError):
        raise HoldfastError("port_in_use", host=host, port=port) from None
    bound.set_inheritable(False)
    return bound


def check_port(host: str, port: int) -> None:
    """Raise `port_in_use` unless a server could listen there now."""
    listen(host, port).close()
