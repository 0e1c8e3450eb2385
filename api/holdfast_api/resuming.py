"""An upload that comes in pieces: what counts of it, one more piece, and its end.

The row's `offset` is the truth: it is written after the bytes are on the disk. So what a piece
left when its connection broke counts, and what a process left that was killed is cut off.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, final

import anyio.to_thread
from starlette.requests import Request

from holdfast.errors import HoldfastError
from holdfast.probes.sniff import check_archive
from holdfast_api import storing
from holdfast_api.parts import Parts
from holdfast_api.sink import check_room, pour
from holdfast_api.views import UploadView
from holdfast_db.partials import Appender

__all__ = ["CHECKSUMS", "Checksum", "append", "held", "here", "read_checksum"]

CHECKSUMS: Final = ("sha1", "sha256")
"""What `Upload-Checksum` may be; tus demands SHA-1."""


@final
class Checksum:
    """Passes blocks on and digests them."""

    def __init__(self, kind: str, expected: bytes) -> None:
        """Expect `expected` of the digest `kind`."""
        self._hash = hashlib.new(kind, usedforsecurity=False)
        self._expected = expected

    def through(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """A `write` that digests, too."""

        def digesting(block: bytes) -> None:
            self._hash.update(block)
            write(block)

        return digesting

    def check(self) -> None:
        """Raise HoldfastError `chunk_mismatch` unless the digest is the expected one."""
        if self._hash.digest() != self._expected:
            raise HoldfastError("chunk_mismatch")


def read_checksum(header: str | None) -> Checksum | None:
    """The checksum of an `Upload-Checksum: sha1 <base64>` header.

    Raises:
        HoldfastError: `unknown_checksum`.
    """
    if header is None:
        return None
    kind, _, text = header.strip().partition(" ")
    try:
        expected = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if (
        kind not in CHECKSUMS
        or len(expected) != hashlib.new(kind, usedforsecurity=False).digest_size
    ):
        raise HoldfastError("unknown_checksum")
    return Checksum(kind, expected)


def held(parts: Parts, upload_id: str) -> UploadView:
    """An upload with the offset at which to go on: no more than this process has.

    Raises:
        HoldfastError: `not_found`; `upload_gone` for one that expired or was refused.
    """
    upload = storing.show(parts, upload_id)
    is_over = upload.state == "open" and upload.expires_at < datetime.now(UTC)
    if upload.state == "failed" or is_over:
        raise HoldfastError("upload_gone", id=upload.id)
    return here(parts, upload)


def here(parts: Parts, upload: UploadView) -> UploadView:
    """An upload with no more bytes than lie here: another process, or none, may have the rest."""
    if upload.state != "open":
        return upload
    offset = min(upload.offset, parts.partials.size(upload.id))
    return upload.model_copy(update={"offset": offset})


async def append(
    parts: Parts, request: Request, upload: UploadView, checksum: Checksum | None
) -> UploadView:
    """Add the body of `request` to an open upload; with its last byte the upload is complete.

    Raises:
        HoldfastError: `upload_busy`, `body_too_large`, `slow_body`, `storage_full`,
            `chunk_mismatch`, and when it is whole what `storing.finish` raises.
    """
    run = anyio.to_thread.run_sync
    left = upload.size_bytes - upload.offset
    await run(check_room, parts, left)
    holding = parts.partials.append(upload.id, upload.offset)
    appender = await run(holding.__enter__)
    try:
        await _pour(parts, request, appender, upload, checksum)
        if appender.end == upload.size_bytes:
            return await run(_finish, parts, upload, appender)
        return upload.model_copy(update={"offset": appender.end})
    finally:
        with anyio.CancelScope(shield=True):
            await run(holding.__exit__, None, None, None)


async def _pour(
    parts: Parts,
    request: Request,
    appender: Appender,
    upload: UploadView,
    checksum: Checksum | None,
) -> None:
    """Write what comes; a piece with a checksum counts whole or not at all."""
    write = appender.write if checksum is None else checksum.through(appender.write)
    left = upload.size_bytes - upload.offset
    try:
        await pour(request, write, left, parts.settings)
        if checksum is not None:
            checksum.check()
    except HoldfastError as error:
        if checksum is not None or error.code == "body_too_large":
            await anyio.to_thread.run_sync(appender.drop)
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_note, parts, upload.id, appender)


def _note(parts: Parts, upload_id: str, appender: Appender) -> None:
    storing.note_offset(parts, upload_id, appender.keep())


def _finish(parts: Parts, upload: UploadView, appender: Appender) -> UploadView:
    """Put a whole file into the store, or refuse what we could not audit and forget it."""
    try:
        appender.look(storing.sniff_model if upload.kind == "model" else check_archive)
        writer = parts.store.begin()
        try:
            for block in appender.blocks():
                writer.write(block)
            blob = storing.put_whole(parts, writer, upload.sha256)
        finally:
            writer.abort()
    except HoldfastError as error:
        if error.code in (*storing.REFUSALS, "checksum_mismatch"):
            storing.refuse(parts, upload.id, error.code)
            parts.partials.remove(upload.id)
        raise
    view = storing.keep(parts, upload.id, blob)
    parts.partials.remove(upload.id)
    return view
