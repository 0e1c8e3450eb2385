"""Resumable uploads: tus 1.0.0 with creation, termination, expiration and checksum.

Source: https://tus.io/protocols/resumable-upload, version 1.0.0.
"""

import base64
import binascii
from email.utils import format_datetime
from typing import Annotated, Any, Final

import anyio.to_thread
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import HoldfastError
from holdfast_api import storing
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import UploadRequest
from holdfast_api.resuming import CHECKSUMS, append, held, read_checksum
from holdfast_api.sink import check_length
from holdfast_api.views import UploadView

__all__ = ["VERSION", "CreationHeaders", "creation", "router"]

router = APIRouter(prefix="/v1", tags=["Uploads"])
VERSION: Final = {"Tus-Resumable": "1.0.0"}
_PIECE: Final = "application/offset+octet-stream"
_BODY: Final = {"content": {_PIECE: {"schema": {"type": "string", "format": "binary"}}}}
_KEYS: Final = ("kind", "sha256", "filename")
Resumable = Annotated[str | None, Header()]


class CreationHeaders(BaseModel):
    """The headers with which tus creates an upload.

    `Upload-Metadata` has `kind` (`model` or `probes`) and may have `sha256` and `filename`.
    """

    model_config = ConfigDict(frozen=True)

    tus_resumable: str | None = None
    upload_length: Annotated[int, Field(ge=0, lt=1 << 60)] | None = None
    upload_metadata: Annotated[str, Field(max_length=4_000)] | None = None


@router.options("/uploads", status_code=204)
def get_upload_options(parts: PartsDep) -> Response:
    """What the service knows of tus."""
    largest = max(storing.limit_of(kind, parts.settings)[0] for kind in ("model", "probes"))
    headers = {
        "Tus-Version": VERSION["Tus-Resumable"],
        "Tus-Extension": "creation,expiration,checksum,termination",
        "Tus-Max-Size": str(largest),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
    return Response(status_code=204, headers={**VERSION, **headers})


def creation(parts: Parts, asked: CreationHeaders) -> Response:
    """Announce a file by the headers of tus.

    Raises:
        HoldfastError: `tus_version`, `invalid_request`, and what `storing.create` raises.
    """
    _check_version(asked.tus_resumable)
    given = {key: value for key, value in _metadata(asked.upload_metadata) if key in _KEYS}
    announced: dict[str, Any] = {**given, "size_bytes": asked.upload_length, "via": "tus"}
    try:
        body = UploadRequest.model_validate(announced)
    except ValidationError:
        raise HoldfastError("invalid_request") from None
    view = storing.create(parts, body)
    headers = {"Location": view.url, **_state(view)}
    return Response(view.model_dump_json(), 201, headers, media_type="application/json")


@router.head(
    "/uploads/{upload_id}",
    response_class=Response,
    responses=declare("not_found", "tus_version", "upload_gone"),
)
def head_upload(upload_id: str, parts: PartsDep, tus_resumable: Resumable = None) -> Response:
    """At which byte to go on."""
    _check_version(tus_resumable)
    view = held(parts, upload_id)
    headers = {"Upload-Length": str(view.size_bytes), "Cache-Control": "no-store"}
    return Response(headers={**headers, **_state(view)})


@router.patch(
    "/uploads/{upload_id}",
    status_code=204,
    openapi_extra={"requestBody": {"required": True, **_BODY}},
    responses=declare(
        *("not_found", "tus_version", "upload_gone", "upload_finished", "upload_busy"),
        *("wrong_offset", "body_too_large", "slow_body", "storage_full", "length_required"),
        *("unsupported_media_type", "unknown_checksum", "chunk_mismatch", "checksum_mismatch"),
        *storing.REFUSALS,
    ),
)
async def append_upload(  # noqa: PLR0917 - one header each
    upload_id: str,
    request: Request,
    parts: PartsDep,
    upload_offset: Annotated[int, Header(ge=0, lt=1 << 60)],
    upload_checksum: Annotated[str | None, Header(max_length=200)] = None,
    tus_resumable: Resumable = None,
) -> Response:
    """Send the bytes from an offset on. What arrives counts, also when the connection breaks.

    With the last byte the file is checked and stored, as PUT does.
    """
    _check_version(tus_resumable)
    upload = await anyio.to_thread.run_sync(held, parts, upload_id)
    if upload.state != "open":
        raise HoldfastError("upload_finished", id=upload.id)
    if upload_offset != upload.offset:
        raise HoldfastError("wrong_offset", id=upload.id, n=upload.offset, m=upload_offset)
    if request.headers.get("content-type") != _PIECE:
        raise HoldfastError("unsupported_media_type", expected=_PIECE)
    checksum = read_checksum(upload_checksum)
    check_length(request, upload.size_bytes - upload.offset)
    view = await append(parts, request, upload, checksum)
    return Response(status_code=204, headers=_state(view))


def _check_version(given: str | None) -> None:
    if given != VERSION["Tus-Resumable"]:
        raise HoldfastError("tus_version")


def _metadata(header: str | None) -> list[tuple[str, str]]:
    """The pairs of `Upload-Metadata: key base64,key base64`."""
    pairs = [pair.strip().partition(" ") for pair in (header or "").split(",") if pair.strip()]
    try:
        return [
            (key, base64.b64decode(value.strip(), validate=True).decode())
            for key, _, value in pairs
        ]
    except (binascii.Error, ValueError):
        raise HoldfastError("invalid_request") from None


def _state(view: UploadView) -> dict[str, str]:
    """Where an upload stands. The time of its end is written as HTTP writes times (RFC 9110)."""
    expires = format_datetime(view.expires_at, usegmt=True)
    return {**VERSION, "Upload-Offset": str(view.offset), "Upload-Expires": expires}
