"""Uploads in the database and in the store: announced, complete or refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.probes.sniff import check_archive
from holdfast.runtimes.sniff import sniff, sniff_file
from holdfast_api.ids import known_id
from holdfast_api.parts import Parts
from holdfast_api.requests import UploadRequest
from holdfast_api.settings import ApiSettings
from holdfast_api.sink import check_room
from holdfast_api.views import BlobView, UploadView
from holdfast_db.assets import add_blob, keep_blob
from holdfast_db.projects import has_blob
from holdfast_db.queries import get_blob, get_upload
from holdfast_db.references import BLOB_USERS
from holdfast_db.store import BlobWriter, StoredBlob
from holdfast_db.tables import BlobRow, UploadRow

__all__ = [
    "REFUSALS",
    "announce",
    "check_blob",
    "complete",
    "create",
    "find_blob",
    "forget",
    "keep",
    "kind_of_archive",
    "kind_of_model",
    "note_offset",
    "open_upload",
    "put_whole",
    "refuse",
    "show",
    "sniff_model",
]

MODEL_REFUSALS: Final = ("unsupported_format", "pickle_refused")
ARCHIVE_REFUSALS: Final = (
    *("not_a_zip", "bad_zip", "empty_archive", "too_many_files", "zip_bomb", "archive_too_large"),
    *("unsafe_name", "special_file", "duplicate_name", "encrypted_zip", "zip_method"),
    *("unsupported_file", "file_too_large"),
)
REFUSALS: Final = (*MODEL_REFUSALS, "invalid_safetensors", *ARCHIVE_REFUSALS)
"""What the bytes of an upload may be refused for."""


def limit_of(kind: str, settings: ApiSettings) -> tuple[int, str]:
    """The largest file of this kind, and the setting that says so."""
    if kind == "model":
        return settings.max_model_bytes, "HOLDFAST_MAX_MODEL_BYTES"
    return settings.max_probes_bytes, "HOLDFAST_MAX_PROBES_BYTES"


def kind_of_model(path: Path, *, has_architecture: bool = False) -> str:
    """The format of a model file, refused here when no audit would take it.

    Raises:
        HoldfastError: one of `MODEL_REFUSALS`, `invalid_safetensors`, or what is wrong with a zip.
    """
    return sniff(path, has_architecture=has_architecture).value


def sniff_model(file: BinaryIO) -> str:
    """The format of the bytes of an upload, which may be weights that get an architecture later."""
    return sniff_file(file, has_architecture=True).value


def kind_of_archive(path: Path) -> str:
    """The kind of an image archive; see `check_archive` for what it refuses."""
    with path.open("rb") as file:
        return check_archive(file)


def find_blob(parts: Parts, sha256: str) -> BlobView | None:
    """The bytes with this digest, if they are here and the caller's project has them.

    Of others it is not said: that would tell who owns a file, and let a hash stand for the file.
    """
    project = parts.caller.project
    with parts.whole_db.reading() as session:
        row = get_blob(session, sha256)
        if project is not None and not has_blob(session, project, sha256):
            return None
    if row is None or not parts.store.exists(row.sha256):
        return None
    with parts.whole_db.transaction() as session:
        keep_blob(session, row.sha256)
    return BlobView(sha256=row.sha256, size_bytes=row.size_bytes)


def create(parts: Parts, body: UploadRequest) -> UploadView:
    """Announce a file, unless it is empty, too large, or more than the disk takes.

    Raises:
        HoldfastError: `empty_file`, `file_too_large`, `storage_full`.
    """
    limit, setting = limit_of(body.kind, parts.settings)
    what = "The model" if body.kind == "model" else "The image archive"
    if body.size_bytes == 0:
        raise HoldfastError("empty_file", what=what)
    if body.size_bytes > limit:
        raise HoldfastError(
            "file_too_large", what=what, n=body.size_bytes, limit=limit, setting=setting
        )
    check_room(parts, body.size_bytes)
    return announce(parts, body)


def announce(parts: Parts, body: UploadRequest) -> UploadView:
    """Write the row of a new upload."""
    row = UploadRow(
        project=parts.caller.project,
        kind=body.kind,
        via=body.via,
        size_bytes=body.size_bytes,
        sha256=body.sha256,
        filename=body.filename,
        expires_at=datetime.now(UTC) + timedelta(seconds=parts.settings.upload_ttl_s),
    )
    with parts.db.transaction() as session:
        session.add(row)
    return _view(row)


def show(parts: Parts, upload_id: str) -> UploadView:
    """One upload."""
    with parts.db.reading() as session:
        return _view(_get(session, upload_id))


def open_upload(parts: Parts, upload_id: str) -> UploadView:
    """An upload that waits for its bytes.

    Raises:
        HoldfastError: `not_found`, also for one that expired; `upload_finished`.
    """
    upload = show(parts, upload_id)
    if upload.state != "open":
        raise HoldfastError("upload_finished", id=upload.id)
    if upload.expires_at < datetime.now(UTC):
        raise HoldfastError("not_found", what="upload")
    return upload


def complete(
    parts: Parts, upload: UploadView, writer: BlobWriter, checksum: str | None
) -> UploadView:
    """Keep the bytes, unless they are not what was announced or nothing we could audit.

    Raises:
        HoldfastError: `checksum_mismatch` leaves the upload open, one of `REFUSALS` ends it.
    """
    if upload.sha256 is not None and checksum not in (None, upload.sha256):
        raise HoldfastError("checksum_mismatch")
    whole = writer.whole(checksum or upload.sha256)
    try:
        with whole.open("rb") as file:
            # before it has a name: what is refused is never in the store
            (sniff_model if upload.kind == "model" else check_archive)(file)
    except HoldfastError as error:
        refuse(parts, upload.id, error.code)
        raise
    view = keep(parts, upload.id, put_whole(parts, writer))
    parts.partials.remove(upload.id)
    return view


def put_whole(parts: Parts, writer: BlobWriter, expected_sha256: str | None = None) -> StoredBlob:
    """Give a file to the store. One that lay here unused gets a new day first.

    Else the clean-up could take it between this and the transaction that notes it.

    Raises:
        HoldfastError: `checksum_mismatch`, `storage_full`, `storage_unavailable`.
    """
    with parts.whole_db.transaction() as session:
        keep_blob(session, writer.sha256)
    return writer.commit(expected_sha256)


def note_offset(parts: Parts, upload_id: str, offset: int) -> None:
    """Note how many bytes of an open upload count."""
    is_open = (UploadRow.id == upload_id, UploadRow.state == "open")
    with parts.db.transaction() as session:
        session.execute(update(UploadRow).where(*is_open).values(offset=offset))


def forget(parts: Parts, upload_id: str) -> None:
    """Remove an upload, and its bytes when no model, probe set or other upload uses them."""
    with parts.db.reading() as session:
        found = _get(session, upload_id)
    with parts.whole_db.transaction() as session:
        row = _get(session, found.id)
        parts.partials.remove(row.id)
        session.delete(row)
        session.flush()
        if row.state != "complete" or row.sha256 is None or _is_used(session, row.sha256):
            return
        session.execute(delete(BlobRow).where(BlobRow.sha256 == row.sha256))
        parts.store.delete(row.sha256)


def keep(parts: Parts, upload_id: str, blob: StoredBlob) -> UploadView:
    """Note that all bytes of an upload are in the store.

    Raises:
        HoldfastError: `upload_finished` when another sender was first.
    """
    values = {"sha256": blob.sha256, "offset": blob.size_bytes}
    try:
        with parts.db.transaction() as session:
            add_blob(session, blob)
            check_blob(parts, blob)
            _close(session, upload_id, state="complete", **values)
            return _view(_get(session, upload_id))
    except HoldfastError:
        _drop_if_unknown(parts, blob)
        raise


def check_blob(parts: Parts, blob: StoredBlob) -> None:
    """Look whether a file is here in the transaction that notes it.

    The clean-up may have removed it just before its row was ours.

    Raises:
        HoldfastError: `not_found`.
    """
    if not parts.store.exists(blob.sha256):
        raise HoldfastError("not_found", what="blob")


def refuse(parts: Parts, upload_id: str, code: str) -> None:
    """End an upload whose bytes are not wanted."""
    with parts.db.transaction() as session:
        _close(session, upload_id, state="failed", error_code=code)


def _drop_if_unknown(parts: Parts, blob: StoredBlob) -> None:
    """Remove bytes that nobody may keep; as a file of the other kind the same may be in use."""
    with parts.whole_db.transaction() as session:
        if get_blob(session, blob.sha256) is None:
            parts.store.delete(blob.sha256)


def _close(session: Session, upload_id: str, **values: object) -> None:
    """Of two senders of one upload the first wins."""
    is_open = (UploadRow.id == upload_id, UploadRow.state == "open")
    closed = update(UploadRow).where(*is_open).values(values).returning(UploadRow.id)
    if session.execute(closed).first() is None:
        raise HoldfastError("upload_finished", id=upload_id)


def _is_used(session: Session, sha256: str) -> bool:
    return any(session.scalar(select(exists().where(column == sha256))) for column in BLOB_USERS)


def _get(session: Session, upload_id: str) -> UploadRow:
    row = get_upload(session, known_id(upload_id, "upload"))
    if row is None:
        raise HoldfastError("not_found", what="upload")
    return row


def _view(row: UploadRow) -> UploadView:
    return UploadView.model_validate(
        {
            **{name: getattr(row, name) for name in _COPIED},
            "url": f"/v1/uploads/{row.id}",
            "code": row.error_code,
        }
    )


_COPIED = (
    *("id", "kind", "via", "state", "offset", "size_bytes", "sha256", "filename"),
    *("created_at", "expires_at"),
)
