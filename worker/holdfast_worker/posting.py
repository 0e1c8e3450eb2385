"""One signed POST to one pinned address: resolved once, judged, connected to, and cut off in time.

Source: the project's security reference, section 5, item 7.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Final, final

from holdfast.errors import HoldfastError
from holdfast_db.hook_rules import Address, Allowed, Target, check_url, may_reach
from holdfast_db.outbox import Due

__all__ = ["Poster", "Sent", "signature"]

_LIMIT_S: Final = 5.0
_MAX_ANSWER: Final = 4096
_V4: Final = 4
_PREFIX: Final = "whsec_"


@dataclass(frozen=True)
class Sent:
    """How a try went; `error` is None when it arrived, else a word for the list of deliveries."""

    status: int | None = None
    error: str | None = None


def signature(secret: str, message_id: str, timestamp: int, payload: str) -> str:
    """`v1,<base64 of HMAC-SHA256>` over `id.timestamp.payload`, as Standard Webhooks has it."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.{payload}".encode()
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


@final
class Poster:
    """Posts messages to the addresses that the operator allows."""

    def __init__(self, allowed: tuple[Allowed, ...], ca_file: str = "") -> None:
        """Trust the authorities of this machine, and those of `ca_file`."""
        self._allowed = allowed
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        if ca_file:
            self._tls.load_verify_locations(ca_file)

    def post(self, message: Due) -> Sent:
        """Send one message; never raises for what a receiver, a name or a network does."""
        try:
            target = check_url(message.url, self._allowed)
            addresses = _resolved(target)
        except HoldfastError:
            return Sent(error="refused")
        except (OSError, UnicodeError):
            return Sent(error="unresolved")
        if not addresses or not all(may_reach(each, target.networks) for each in addresses):
            return Sent(error="refused")
        return self._send(target, addresses[0], message)

    def _send(self, target: Target, address: Address, message: Due) -> Sent:
        connection = _Pinned(target, address, self._tls)
        # A time-out of a socket is one of each read; this one is of the whole exchange.
        watch = threading.Timer(_LIMIT_S, connection.cut)
        watch.start()
        try:
            connection.request("POST", target.path, message.payload.encode(), _headers(message))
            answer = connection.getresponse()
            answer.read(_MAX_ANSWER)
            if connection.is_cut:  # an answer that was cut off in its headers looks complete
                return Sent(error="late")
        except ssl.SSLError:
            return Sent(error="late" if connection.is_cut else "tls")
        except (OSError, http.client.HTTPException):
            return Sent(error="late" if connection.is_cut else "unreachable")
        finally:
            watch.cancel()
            connection.close()
        is_fine = 200 <= answer.status < 300  # noqa: PLR2004 - RFC 9110, 15.3
        return Sent(answer.status, None if is_fine else "status")


@final
class _Pinned(http.client.HTTPSConnection):
    """A connection to one address under the name of the target; redirects are never followed."""

    def __init__(self, target: Target, address: Address, tls: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port, timeout=_LIMIT_S, context=tls)
        self._address = address
        self._tls = tls
        self.is_cut = False

    def connect(self) -> None:
        """Connect to the pinned address; the certificate must be one of the name."""
        family = socket.AF_INET if self._address.version == _V4 else socket.AF_INET6
        plain = socket.socket(family, socket.SOCK_STREAM)
        self.sock = plain  # so that it is closed whatever happens
        plain.settimeout(_LIMIT_S)
        plain.connect((str(self._address), self.port))
        # The handshake comes when `cut` knows the socket: it can take long as well.
        self.sock = self._tls.wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        if self.is_cut:
            raise TimeoutError
        self.sock.do_handshake()

    def cut(self) -> None:
        """End the exchange, whatever it waits for."""
        self.is_cut = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own, which would take the TLS state from the thread that reads.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _resolved(target: Target) -> list[Address]:
    """Every address of a name. Also `0x7f.1` and `2130706433` are names here, and are judged."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(place[0]).partition("%")[0] for *_, place in found)
    return [ipaddress.ip_address(text) for text in texts]


def _headers(message: Due) -> dict[str, str]:
    at = int(time.time())
    signatures = [
        signature(secret, message.message_id, at, message.payload) for secret in message.secrets
    ]
    return {
        "Content-Type": "application/json",
        "User-Agent": "holdfast-webhooks",
        "Connection": "close",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }
