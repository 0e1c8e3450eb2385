"""Which addresses a webhook may have: a list of the operator, and nothing inside our own network.

A name says little: what it resolves to is judged, at the moment when the message is sent. Source:
the project's security reference, section 5, item 7.
"""

import ipaddress
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from holdfast.errors import HoldfastError

__all__ = ["Address", "Allowed", "Target", "check_url", "is_public", "may_reach", "read_allow"]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORT: Final = 443
_MAX_URL: Final = 2000
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
# `is_global` calls these public: protocol assignments, relays, NAT64 of a site, old site-local,
# segment routing, documentation.
_NEVER: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("5f00::/16"),
    ipaddress.IPv6Network("3fff::/20"),
)


@dataclass(frozen=True)
class Allowed:
    """One entry of the list.

    `*` and `*.example.com` stand for many hosts; `networks` are private ones that it may lie in.
    """

    host: str
    port: int
    networks: tuple[Network, ...] = ()

    def takes(self, host: str, port: int) -> bool:
        """Whether an address of this host and port is meant."""
        if port != self.port:
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and host != self.host[2:]
        return self.host in ("*", host)


@dataclass(frozen=True)
class Target:
    """Where a message goes: `path` with its query; `networks` may be reached though private."""

    host: str
    port: int
    path: str
    networks: tuple[Network, ...]


def read_allow(text: str) -> tuple[Allowed, ...]:
    """Read the setting `HOLDFAST_WEBHOOK_ALLOW`.

    Args:
        text: entries separated by commas: `*`, `hooks.example.com`, `*.example.com`,
            `ci.example.com:8443`, and `ci.internal@10.2.0.0/16` for a host in a private network.
            Empty: there are no webhooks.

    Raises:
        ValueError: an entry is of another form.
    """
    return tuple(_entry(part.strip()) for part in text.split(",") if part.strip())


def _entry(part: str) -> Allowed:
    place, at, networks = part.partition("@")
    host, port = _host_and_port(place)
    if not host or (at and not networks):
        raise ValueError(f"HOLDFAST_WEBHOOK_ALLOW cannot hold {part!r}")
    return Allowed(
        host, port, tuple(ipaddress.ip_network(each) for each in networks.split("+") if each)
    )


def _host_and_port(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if parts.netloc != place or parts.hostname is None:
        raise ValueError(f"HOLDFAST_WEBHOOK_ALLOW cannot hold {place!r}")
    return _plain(parts.hostname), parts.port or _PORT


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def check_url(url: str, allowed: tuple[Allowed, ...]) -> Target:
    """Read the address of a webhook.

    Raises:
        HoldfastError: `webhook_url_refused`, saying why. What the name resolves to is not asked.
    """
    if not allowed:
        raise _refused("webhooks are off: HOLDFAST_WEBHOOK_ALLOW is not set")
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _refused("it must be printable ASCII without spaces")
    try:
        parts = urlsplit(url)
        host, port = _plain(parts.hostname or ""), parts.port or _PORT
    except ValueError:
        raise _refused("it cannot be read") from None
    if parts.scheme != "https" or not host:
        raise _refused("it must begin with https://")
    if "@" in parts.netloc or parts.fragment:
        raise _refused("it must hold no user name, password or fragment")
    found = [entry for entry in allowed if entry.takes(host, port)]
    if not found:
        raise _refused(f"HOLDFAST_WEBHOOK_ALLOW does not name {host} at port {port}")
    target = Target(host, port, _path(parts.path, parts.query), _networks(found))
    literal = _literal(host)
    if literal is not None and not may_reach(literal, target.networks):
        raise _refused("its address is not public")
    return target


def _path(path: str, query: str) -> str:
    return f"{path or '/'}?{query}" if query else path or "/"


def _networks(entries: list[Allowed]) -> tuple[Network, ...]:
    return tuple(network for entry in entries for network in entry.networks)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def may_reach(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether a message may go to this address: it is public, or the operator named its network."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in network for network in networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address, and every one that hides in it, belongs to the public internet."""
    inner = _unwrapped(address)
    is_spelling = isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped is not None or address in _NAT64
    )
    return all(_is_public(each) for each in (inner if is_spelling else (address, *inner)))


def _is_public(address: Address) -> bool:
    bad = (
        address.is_multicast,
        address.is_reserved,
        address.is_unspecified,
        address.is_loopback,
        address.is_link_local,
        address.is_private,
        any(address in network for network in _NEVER),
    )
    return address.is_global and not any(bad)


def _unwrapped(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses to which a packet for this address may be carried, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    number = int(address)
    if address in _NAT64 or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return (ipaddress.IPv4Address(number & 0xFFFFFFFF),)
    return (address,)


def _refused(reason: str) -> HoldfastError:
    return HoldfastError("webhook_url_refused", reason=reason)
