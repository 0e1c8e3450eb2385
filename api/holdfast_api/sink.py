"""The bytes of an upload: counted, paced, cut off at the limit."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from holdfast.errors import HoldfastError
from holdfast_api.parts import Parts
from holdfast_api.settings import ApiSettings

__all__ = ["check_room", "receive"]

_BLOCK_BYTES: Final = 4 << 20


def check_room(parts: Parts, size_bytes: int) -> None:
    """Refuse an upload that would fill the disk of the service.

    Raises:
        HoldfastError: `storage_full`.
    """
    parts.store.check_room(size_bytes)


async def receive(
    request: Request, write: Callable[[bytes], object], size_bytes: int, settings: ApiSettings
) -> None:
    """Pass the body on in blocks, from a thread, so that the event loop stays free.

    Raises:
        HoldfastError: `body_too_large`, `incomplete_body`, `slow_body`; what `write` raises.
    """
    _check_announced(request, size_bytes)
    seen = 0
    pending = bytearray()
    async for chunk in _paced(request, settings):
        seen += len(chunk)
        if seen > size_bytes:
            raise _too_large(size_bytes)
        pending += chunk
        if len(pending) >= _BLOCK_BYTES:
            await anyio.to_thread.run_sync(write, bytes(pending))
            pending.clear()
    await anyio.to_thread.run_sync(write, bytes(pending))
    if seen < size_bytes:
        raise HoldfastError("incomplete_body", n=seen, m=size_bytes)


def _check_announced(request: Request, size_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > size_bytes:
        raise _too_large(size_bytes)


def _too_large(size_bytes: int) -> HoldfastError:
    return HoldfastError("body_too_large", limit=size_bytes, setting="the announced size_bytes")


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
