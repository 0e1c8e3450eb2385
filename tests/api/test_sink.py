"""The bytes of an upload go to the disk from a thread, one block behind those that come."""

import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.lowlevel
import pytest
from starlette.requests import Request
from starlette.types import Message

from holdfast.errors import HoldfastError
from holdfast_api.settings import ApiSettings
from holdfast_api.sink import receive

BLOCK = bytes(1 << 20)
N_BLOCKS = 20
_LENGTH = [(b"content-length", str(N_BLOCKS * len(BLOCK)).encode())]


def _request(messages: Iterator[Message]) -> Request:
    async def next_message() -> Message:
        await anyio.lowlevel.checkpoint()
        return next(messages)

    asked: Callable[[], Awaitable[Message]] = next_message
    return Request({"type": "http", "method": "PUT", "headers": _LENGTH}, asked)


def _body(blocks: int, last: Message) -> Iterator[Message]:
    for _ in range(blocks):
        yield {"type": "http.request", "body": BLOCK, "more_body": True}
    yield last


def _sent(write: Callable[[bytes], object], last: Message, blocks: int = N_BLOCKS) -> None:
    request = _request(_body(blocks, last))
    anyio.run(receive, request, write, N_BLOCKS * len(BLOCK), ApiSettings())


END: Message = {"type": "http.request", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


def test_all_bytes_are_written_in_order_and_never_by_the_event_loop() -> None:
    written: list[int] = []
    threads: set[int] = set()

    def write(block: bytes) -> None:
        threads.add(threading.get_ident())
        written.append(len(block))

    _sent(write, END)
    assert sum(written) == N_BLOCKS * len(BLOCK)
    assert threading.get_ident() not in threads


def test_a_slow_disk_is_waited_for_when_the_sender_gives_up() -> None:
    busy = [0, 0]

    def write(_: bytes) -> None:
        busy[0] += 1
        time.sleep(0.02)
        busy[1] += 1

    with pytest.raises(HoldfastError, match="incomplete_body"):
        _sent(write, GONE, blocks=7)
    assert busy[0] == busy[1] == 7, "nothing is written after the end"


def test_what_the_disk_says_ends_the_upload_at_once() -> None:
    seen: list[int] = []

    def write(block: bytes) -> None:
        seen.append(len(block))
        raise HoldfastError("storage_full")

    with pytest.raises(HoldfastError, match="storage_full"):
        _sent(write, END)
    assert len(seen) == 1


def test_too_many_bytes_end_the_upload_and_the_block_behind_is_settled() -> None:
    busy = [0, 0]

    def write(_: bytes) -> None:
        busy[0] += 1
        time.sleep(0.02)
        busy[1] += 1

    with pytest.raises(HoldfastError, match="body_too_large"):
        _sent(write, END, blocks=N_BLOCKS + 1)
    assert busy[0] == busy[1]
