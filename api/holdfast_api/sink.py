"""The bytes of an upload: counted, paced, cut off at the limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, final

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from holdfast.errors import HoldfastError
from holdfast_api.parts import Parts
from holdfast_api.settings import ApiSettings

__all__ = ["check_length", "check_room", "pour", "receive"]

_BLOCK_BYTES: Final = 4 << 20
_FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")


def check_room(parts: Parts, size_bytes: int) -> None:
    """Refuse an upload that would fill the disk of the service.

    Raises:
        HoldfastError: `storage_full`.
    """
    parts.store.check_room(size_bytes)


def check_length(request: Request, limit_bytes: int) -> None:
    """Refuse a body that does not say its length, says too much, or is a form.

    Raises:
        HoldfastError: `length_required`, `body_too_large`, `unsupported_media_type`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:  # what curl sends unless it is told otherwise: the file would be a form
        raise HoldfastError("unsupported_media_type", expected="application/octet-stream")
    announced = request.headers.get("content-length", "")
    if not (announced.isascii() and announced.isdigit()):
        raise HoldfastError("length_required")
    if int(announced[:20]) > limit_bytes:
        raise _too_large(limit_bytes)


async def receive(
    request: Request, write: Callable[[bytes], object], size_bytes: int, settings: ApiSettings
) -> None:
    """Pass on a body that must have `size_bytes`; see `pour`.

    While one block is hashed and written the next one comes. Nothing writes any more when this
    ends, however it ends.

    Raises:
        HoldfastError: `incomplete_body`, and what `check_length` and `pour` raise.
    """
    check_length(request, size_bytes)
    seen = await pour(request, write, size_bytes, settings)
    if seen < size_bytes:
        raise HoldfastError("incomplete_body", n=seen, m=size_bytes)


async def pour(
    request: Request, write: Callable[[bytes], object], limit_bytes: int, settings: ApiSettings
) -> int:
    """Pass the body on in blocks, from a thread, so that the event loop stays free.

    Returns:
        How many bytes came; fewer than were announced when the connection broke.

    Raises:
        HoldfastError: `body_too_large`, `slow_body`; what `write` raises.
    """
    behind = _Behind(write)
    seen = waiting = 0
    chunks: list[bytes] = []
    try:
        async for chunk in _paced(request, settings):
            seen += len(chunk)
            waiting += len(chunk)
            if seen > limit_bytes:
                raise _too_large(limit_bytes)
            chunks.append(chunk)
            if waiting >= _BLOCK_BYTES:
                await behind.put(chunks)
                chunks, waiting = [], 0
        await behind.put(chunks)
        await behind.flush()
    finally:
        await behind.settle()
    return seen


@final
class _Behind:
    """One block is written in a thread while its successor is collected."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._running: asyncio.Task[None] | None = None

    async def put(self, chunks: list[bytes]) -> None:
        """Wait until the block before is written, and start with this one."""
        await self.flush()
        work = anyio.to_thread.run_sync(self._write_all, chunks)
        self._running = asyncio.ensure_future(work)

    async def flush(self) -> None:
        """Wait for the block that is being written; raises what its writing raised."""
        running, self._running = self._running, None
        if running is not None:
            await running

    async def settle(self) -> None:
        """Wait without complaint: whoever gave up is told of that, not of the block."""
        if self._running is not None:
            await asyncio.wait([self._running])
            self._running.exception()

    def _write_all(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._write(chunk)


def _too_large(limit_bytes: int) -> HoldfastError:
    return HoldfastError("body_too_large", limit=limit_bytes, setting="the announced size_bytes")


async def _paced(request: Request, settings: ApiSettings) -> AsyncIterator[bytes]:
    """The chunks of the body, as long as they come fast enough on the whole."""
    began = time.monotonic()
    seen = 0
    stream = request.stream()
    while True:
        allowed_s = settings.upload_grace_s + seen / settings.upload_bytes_per_s
        try:
            with anyio.fail_after(began + allowed_s - time.monotonic()):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise HoldfastError("slow_body", n=seen, s=round(allowed_s)) from None
        except ClientDisconnect:
            return
        if chunk is None:
            return
        if time.monotonic() > began + allowed_s:
            raise HoldfastError("slow_body", n=seen, s=round(allowed_s))
        seen += len(chunk)
        yield chunk
