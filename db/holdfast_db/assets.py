"""Rows for files: what the store holds, and the models and probe sets that refer to it."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.inserting import insert_if_new, insert_or_update
from holdfast_db.store import StoredBlob
from holdfast_db.tables import BlobRow, ModelRow, ProbeSetRow

__all__ = ["NewModel", "NewProbeSet", "add_blob", "add_model", "add_probe_set", "keep_blob"]


@dataclass(frozen=True)
class NewModel:
    """A model file under a name; `blob` is in the store."""

    name: str
    format: str
    blob: StoredBlob
    project: str = "default"
    filename: str | None = None
    architecture: str | None = None


@dataclass(frozen=True)
class NewProbeSet:
    """An archive of images under a name; `blob` is in the store, `images` how many it holds."""

    name: str
    archive: str
    blob: StoredBlob
    project: str = "default"
    images: int | None = None


def add_blob(session: Session, blob: StoredBlob) -> None:
    """Note that a file is in the store; noting it again gives it a new day (see `retention`)."""
    now = {"created_at": db_now(session)}
    values = {"sha256": blob.sha256, "size_bytes": blob.size_bytes, **now}
    # One statement: between two the clean-up could remove the row that the first one has seen.
    insert_or_update(session, BlobRow, values, key=["sha256"], new=now)


def keep_blob(session: Session, sha256: str) -> None:
    """Give a file a new day, because somebody was told that it is here; at most once an hour."""
    now = db_now(session)
    old = (BlobRow.sha256 == sha256, BlobRow.created_at < now - timedelta(hours=1))
    session.execute(update(BlobRow).where(*old).values(created_at=now))


def add_model(session: Session, new: NewModel) -> tuple[ModelRow, bool]:
    """Give a model file a name; the row, and whether it is new."""
    add_blob(session, new.blob)
    values = {"project": new.project, "name": new.name, "sha256": new.blob.sha256}
    more = {
        "format": new.format,
        "architecture": new.architecture,
        "filename": new.filename,
        "size_bytes": new.blob.size_bytes,
    }
    is_new = insert_if_new(session, ModelRow, {**values, **more, "created_at": db_now(session)})
    return session.scalars(select(ModelRow).filter_by(**values)).one(), is_new


def add_probe_set(session: Session, new: NewProbeSet) -> tuple[ProbeSetRow, bool]:
    """Give an archive of images a name; the row, and whether it is new."""
    add_blob(session, new.blob)
    values = {"project": new.project, "name": new.name, "sha256": new.blob.sha256}
    more = {
        "archive": new.archive,
        "images": new.images,
        "size_bytes": new.blob.size_bytes,
    }
    is_new = insert_if_new(session, ProbeSetRow, {**values, **more, "created_at": db_now(session)})
    return session.scalars(select(ProbeSetRow).filter_by(**values)).one(), is_new
