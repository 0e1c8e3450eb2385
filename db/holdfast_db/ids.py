"""Identifiers that sort by the time they were made: UUID version 7 (RFC 9562, section 5.7)."""

import secrets
import time
import uuid

__all__ = ["new_id"]

_VERSION = 7
_VARIANT = 0b10


def new_id() -> str:
    """A new UUIDv7 as text: 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    head = (milliseconds & (1 << 48) - 1) << 80 | _VERSION << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=head | _VARIANT << 62 | secrets.randbits(62)))
