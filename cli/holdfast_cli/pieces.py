"""A large file to a service, in pieces: a broken connection costs one piece, not the file."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from holdfast.errors import HoldfastError

__all__ = ["send_in_pieces"]

_PIECE_BYTES: Final = 64 << 20
_BLOCK_BYTES: Final = 1 << 20
_TRIES: Final = 6
"""How often in a row nothing may arrive: together they wait half a minute."""
_WAIT_S: Final = 1.0
"""Before the second try; each later one waits twice as long."""
_PASSING: Final = frozenset(
    {
        *("unreachable", "slow_body", "upload_busy", "wrong_offset"),
        *("rate_limited", "database_unavailable"),
    }
)


class _Sender(Protocol):
    """The part of a client that is needed here."""

    def get(self, link: str, **query: object) -> dict[str, Any]:
        """One JSON document."""

    def send_piece(self, url: str, offset: int, size: int, body: Iterator[bytes]) -> None:
        """Send a piece of a file."""


def send_in_pieces(
    client: _Sender, url: str, path: Path, on_step: Callable[[int, int], None]
) -> None:
    """Send what the upload at `url` does not have yet, and go on where a connection broke.

    Raises:
        HoldfastError: what the service says; `unreachable` after some tries in which no byte came.
    """
    size, known, failures = path.stat().st_size, 0, 0
    while True:
        try:
            upload = client.get(url)
            if upload["state"] != "open":
                _check(upload)
                return
            offset = int(upload["offset"])
            failures = 0 if offset > known else failures
            known = max(known, offset)
            piece = min(_PIECE_BYTES, size - offset)
            client.send_piece(url, offset, piece, _blocks(path, offset, piece, on_step))
        except HoldfastError as error:
            failures += 1
            if error.code not in _PASSING or failures == _TRIES:
                raise
            time.sleep(_WAIT_S * 2 ** (failures - 1))


def _check(upload: dict[str, Any]) -> None:
    """Raise what an upload was refused for when nobody was there to hear it."""
    if upload["state"] == "failed":
        raise HoldfastError(str(upload["code"]))


def _blocks(
    path: Path, offset: int, piece: int, on_step: Callable[[int, int], None]
) -> Iterator[bytes]:
    """The bytes of a piece; an empty one only has the service look at the whole file."""
    total, left = path.stat().st_size, piece
    with path.open("rb") as file:
        file.seek(offset)
        while left > 0 and (block := file.read(min(_BLOCK_BYTES, left))):
            yield block
            left -= len(block)
            on_step(offset + piece - left, total)
