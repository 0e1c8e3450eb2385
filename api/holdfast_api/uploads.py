"""Uploads: announce a file, send its bytes as a raw body, use it by id or by SHA-256.

How the same is done in pieces, as the tus protocol has it, is in `tus`.
"""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import FileResponse

from holdfast.errors import HoldfastError
from holdfast_api import storing, tus
from holdfast_api.parts import PartsDep
from holdfast_api.problems import declare
from holdfast_api.repeating import RepeatableRoute
from holdfast_api.requests import UploadRequest
from holdfast_api.resuming import here
from holdfast_api.sink import check_room, receive
from holdfast_api.views import BlobView, UploadView

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["Uploads"], route_class=RepeatableRoute)
_OCTETS = "application/octet-stream"
_BODY = {"content": {_OCTETS: {"schema": {"type": "string", "format": "binary"}}}}


@router.post(
    "/uploads",
    status_code=201,
    response_model=UploadView | BlobView,
    responses={
        200: {"model": BlobView, "description": "These bytes are here already."},
        **declare("empty_file", "file_too_large", "storage_full", "tus_version"),
    },
)
def create_upload(
    parts: PartsDep,
    response: Response,
    headers: Annotated[tus.CreationHeaders, Header()],
    body: UploadRequest | None = None,
) -> UploadView | BlobView | Response:
    """Announce a file: with a JSON body, or without one by the headers of tus.

    With a `sha256` that the service already has, nothing needs to be sent.
    """
    if headers.tus_resumable is not None:
        return tus.creation(parts, headers)
    if body is None:
        raise HoldfastError("invalid_request")
    if body.sha256 is not None and (known := storing.find_blob(parts, body.sha256)) is not None:
        response.status_code = 200
        return known
    view = storing.create(parts, body)
    response.headers["Location"] = view.url
    return view


@router.put(
    "/uploads/{upload_id}",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, **_BODY}},
    responses=declare(
        *("not_found", "upload_finished", "incomplete_body", "body_too_large", "slow_body"),
        *("checksum_mismatch", "storage_full", "length_required", "unsupported_media_type"),
        *storing.REFUSALS,
    ),
)
async def put_upload(
    upload_id: str,
    request: Request,
    parts: PartsDep,
    x_checksum_sha256: Annotated[str | None, Header(pattern=r"^[0-9a-fA-F]{64}$")] = None,
) -> UploadView:
    """Send the bytes, once, as the whole body. What does not arrive whole is not kept."""
    upload = await anyio.to_thread.run_sync(storing.open_upload, parts, upload_id)
    check_room(parts, upload.size_bytes)
    writer = parts.store.begin()
    try:
        await receive(request, writer.write, upload.size_bytes, parts.settings)
        return await anyio.to_thread.run_sync(
            storing.complete, parts, upload, writer, x_checksum_sha256
        )
    finally:
        writer.abort()


@router.get("/uploads/{upload_id}", responses=declare("not_found"))
def get_upload(upload_id: str, parts: PartsDep) -> UploadView:
    """How far an upload is, and why it failed."""
    return here(parts, storing.show(parts, upload_id))


@router.delete("/uploads/{upload_id}", status_code=204, responses=declare("not_found"))
def delete_upload(upload_id: str, parts: PartsDep, response: Response) -> None:
    """Forget an upload. Bytes that a model or probe set uses stay."""
    storing.forget(parts, upload_id)
    response.headers.update(tus.VERSION)


@router.head("/blobs/sha256:{sha256}", response_class=Response, responses=declare("not_found"))
def head_blob(sha256: str, parts: PartsDep) -> Response:
    """Whether the project has these bytes, and how many they are."""
    known = storing.find_blob(parts, sha256)
    if known is None:
        raise HoldfastError("not_found", what="blob")
    return Response(headers={"Content-Length": str(known.size_bytes)})


@router.get(
    "/blobs/sha256:{sha256}",
    response_class=FileResponse,
    responses={
        200: {**_BODY, "description": "The bytes."},
        206: {**_BODY, "description": "The range that was asked for."},
        416: {"description": "The range is not in the file."},
        **declare("not_found"),
    },
)
def get_blob(sha256: str, parts: PartsDep) -> Response:
    """The bytes of a stored file, for an admin; `Range` is understood."""
    known = storing.find_blob(parts, sha256)
    if known is None:
        raise HoldfastError("not_found", what="blob")
    headers = {"ETag": f'"{sha256}"', "Cache-Control": "private, no-cache"}
    path = parts.store.path(known.sha256)
    return FileResponse(path, filename=sha256, media_type=_OCTETS, headers=headers)
