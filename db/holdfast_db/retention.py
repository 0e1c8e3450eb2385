"""What is removed by itself: old audits, files that nobody uses, uploads and answers of yesterday.

A file goes in the transaction that removes its row, so whoever notes the same file at that moment
either comes first, and it stays, or comes second and must look whether it is still there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, final

import structlog
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holdfast_db.blobs import open_store
from holdfast_db.clock import db_now
from holdfast_db.jobs.steps import changed
from holdfast_db.partials import UPLOADS_FOLDER, Partials
from holdfast_db.references import OVER, audit_is_needed, blob_is_used
from holdfast_db.session import Database
from holdfast_db.settings import StorageSettings
from holdfast_db.tables import AuditRow, BlobRow, IdempotencyRow, ProjectRow, UploadRow

__all__ = ["Cleaned", "Cleaner", "Removes", "clean_up", "cleaner"]

_DAY: Final = timedelta(days=1)
_LEFT_S: Final = 2 * 24 * 3600.0
"""A part of a file that nobody wrote to for so long has no upload any more."""
_AT_ONCE: Final = 500
_log = structlog.get_logger(__name__)


class Removes(Protocol):
    """The store of files, as far as it is needed here."""

    def delete(self, sha256: str) -> None:
        """Forget a file; one that is not there is fine."""


@dataclass(frozen=True)
class Cleaned:
    """How many rows and files went."""

    audits: int = 0
    uploads: int = 0
    blobs: int = 0
    answers: int = 0


def clean_up(db: Database, store: Removes, partials: Partials) -> Cleaned:
    """Remove what is past its time, a batch of each kind; call it again for the rest.

    * audits that somebody wants removed and that have ended; those older than the
      `retention_days` of their project, unless they are needed (see `audit_is_needed`)
    * uploads past their `expires_at`, with the parts that have come
    * files that no row names, a day after they were last sent or asked for
    * stored answers to requests with an `Idempotency-Key`, after a day
    """
    with db.transaction() as session:
        audits = _remove_audits(session)
    with db.transaction() as session:
        uploads = _remove_uploads(session, partials)
    with db.transaction() as session:
        old = IdempotencyRow.created_at < db_now(session) - _DAY
        answers = changed(session, delete(IdempotencyRow).where(old))
    partials.sweep(older_s=_LEFT_S)
    return Cleaned(audits, uploads, _remove_blobs(db, store), answers)


@final
class Cleaner:
    """Cleans up every now and then."""

    def __init__(self, db: Database, store: Removes, partials: Partials, *, every_s: float) -> None:
        """Clean up at most every `every_s` seconds."""
        self._db = db
        self._store = store
        self._partials = partials
        self._every_s = every_s
        self._next_s = 0.0

    def run_if_due(self) -> None:
        """Clean up, unless that was done a short while ago."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + self._every_s
        done = clean_up(self._db, self._store, self._partials)
        if done != Cleaned():
            _log.info("cleaned_up", **vars(done))


def cleaner(db: Database, storage: StorageSettings, *, every_s: float) -> Cleaner:
    """One that cleans up what these settings name."""
    store = open_store(storage)
    return Cleaner(db, store, Partials(storage.data / UPLOADS_FOLDER), every_s=every_s)


def _remove_audits(session: Session) -> int:
    now = db_now(session)
    gone = _delete_audits(session, (AuditRow.remove_requested.is_(True),))
    kept_for = select(ProjectRow.slug, ProjectRow.retention_days).where(
        ProjectRow.retention_days.is_not(None)
    )
    for slug, days in session.execute(kept_for).all():
        if days is not None:
            gone += _delete_audits(session, _too_old(slug, now - timedelta(days=days)))
    return gone


def _too_old(slug: str, limit: datetime) -> tuple[ColumnElement[bool], ...]:
    return (AuditRow.project == slug, AuditRow.finished_at < limit, ~audit_is_needed())


def _delete_audits(session: Session, which: Sequence[ColumnElement[bool]]) -> int:
    ended = select(AuditRow.id).where(AuditRow.state.in_(OVER), *which).limit(_AT_ONCE)
    ids = list(session.scalars(ended))
    return changed(session, delete(AuditRow).where(AuditRow.id.in_(ids))) if ids else 0


def _remove_uploads(session: Session, partials: Partials) -> int:
    past = select(UploadRow.id).where(UploadRow.expires_at < db_now(session)).limit(_AT_ONCE)
    ids = list(session.scalars(past))
    for upload_id in ids:
        partials.remove(upload_id)
    return changed(session, delete(UploadRow).where(UploadRow.id.in_(ids))) if ids else 0


def _remove_blobs(db: Database, store: Removes) -> int:
    with db.reading() as session:
        unused = (BlobRow.created_at < db_now(session) - _DAY, ~blob_is_used())
        found = list(session.scalars(select(BlobRow.sha256).where(*unused).limit(_AT_ONCE)))
    return sum(_remove_blob(db, store, sha256, unused) for sha256 in found)


def _remove_blob(
    db: Database, store: Removes, sha256: str, unused: Sequence[ColumnElement[bool]]
) -> int:
    try:
        with db.transaction() as session:
            if not changed(session, delete(BlobRow).where(BlobRow.sha256 == sha256, *unused)):
                return 0
            store.delete(sha256)
    except IntegrityError:  # PostgreSQL: a model or probe set took it at this moment
        return 0
    return 1
