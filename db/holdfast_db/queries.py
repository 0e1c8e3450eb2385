"""What can be asked. Nothing here changes a row."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holdfast_db.pages import MAX_LIMIT, Page, read_page
from holdfast_db.tables import (
    AuditRow,
    BlobRow,
    EventRow,
    ModelRow,
    ProbeSetRow,
    ShardRow,
    UploadRow,
    WorkerRow,
)

__all__ = [
    "MAX_LIMIT",
    "AuditFilters",
    "Order",
    "Page",
    "count_queued",
    "events_after",
    "get_audit",
    "get_blob",
    "get_model",
    "get_models",
    "get_order",
    "get_probe_set",
    "get_probe_sets",
    "get_shards",
    "get_upload",
    "list_audits",
    "list_models",
    "list_probe_sets",
    "list_workers",
]


@dataclass(frozen=True)
class AuditFilters:
    """Which audits to list; None leaves a condition out."""

    project: str | None = None
    branch: str | None = None
    commit: str | None = None
    state: str | None = None
    decision: str | None = None
    model_id: str | None = None


@dataclass(frozen=True)
class Order:
    """What a worker needs for one audit; `plan` and `policy` are JSON."""

    model_sha256: str
    probes_sha256: str
    plan: str
    policy: str | None


def get_audit(session: Session, audit_id: str) -> AuditRow | None:
    """One audit."""
    return session.get(AuditRow, audit_id)


def get_model(session: Session, model_id: str) -> ModelRow | None:
    """One model."""
    return session.get(ModelRow, model_id)


def get_probe_set(session: Session, probe_set_id: str) -> ProbeSetRow | None:
    """One probe set."""
    return session.get(ProbeSetRow, probe_set_id)


def get_upload(session: Session, upload_id: str) -> UploadRow | None:
    """One upload."""
    return session.get(UploadRow, upload_id)


def get_blob(session: Session, sha256: str) -> BlobRow | None:
    """One file of the store."""
    return session.get(BlobRow, sha256)


def get_models(session: Session, ids: Iterable[str]) -> dict[str, ModelRow]:
    """Several models by their ids."""
    rows = session.scalars(select(ModelRow).where(ModelRow.id.in_(set(ids))))
    return {row.id: row for row in rows}


def get_probe_sets(session: Session, ids: Iterable[str]) -> dict[str, ProbeSetRow]:
    """Several probe sets by their ids."""
    rows = session.scalars(select(ProbeSetRow).where(ProbeSetRow.id.in_(set(ids))))
    return {row.id: row for row in rows}


def get_shards(session: Session, audit_id: str) -> list[ShardRow]:
    """The shards of an audit."""
    query = select(ShardRow).where(ShardRow.audit_id == audit_id).order_by(ShardRow.id)
    return list(session.scalars(query))


def get_order(session: Session, audit_id: str) -> Order:
    """What a worker needs for one audit, which must be there."""
    query = (
        select(ModelRow.sha256, ProbeSetRow.sha256, AuditRow.plan, AuditRow.policy)
        .select_from(AuditRow)
        .join(ModelRow, ModelRow.id == AuditRow.model_id)
        .join(ProbeSetRow, ProbeSetRow.id == AuditRow.probe_set_id)
        .where(AuditRow.id == audit_id)
    )
    model_sha256, probes_sha256, plan, policy = session.execute(query).one()
    return Order(model_sha256, probes_sha256, plan, policy)


def list_audits(
    session: Session, filters: AuditFilters, *, limit: int = 50, cursor: str | None = None
) -> Page[AuditRow]:
    """A page of audits, newest first."""
    wanted = {
        AuditRow.project: filters.project,
        AuditRow.branch: filters.branch,
        AuditRow.commit: filters.commit,
        AuditRow.state: filters.state,
        AuditRow.decision: filters.decision,
        AuditRow.model_id: filters.model_id,
    }
    conditions = [column == value for column, value in wanted.items() if value is not None]
    return read_page(session, AuditRow, conditions, limit=limit, cursor=cursor)


def list_models(
    session: Session,
    *,
    project: str | None = None,
    name: str | None = None,
    sha256: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[ModelRow]:
    """A page of models, newest first."""
    wanted = {ModelRow.project: project, ModelRow.name: name, ModelRow.sha256: sha256}
    conditions = [column == value for column, value in wanted.items() if value is not None]
    return read_page(session, ModelRow, conditions, limit=limit, cursor=cursor)


def list_probe_sets(
    session: Session,
    *,
    project: str | None = None,
    name: str | None = None,
    sha256: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[ProbeSetRow]:
    """A page of probe sets, newest first."""
    wanted = {ProbeSetRow.project: project, ProbeSetRow.name: name, ProbeSetRow.sha256: sha256}
    conditions = [column == value for column, value in wanted.items() if value is not None]
    return read_page(session, ProbeSetRow, conditions, limit=limit, cursor=cursor)


def list_workers(session: Session) -> list[WorkerRow]:
    """All workers that were ever heard of and not forgotten."""
    return list(session.scalars(select(WorkerRow).order_by(WorkerRow.hostname)))


def count_queued(session: Session) -> int:
    """How many audits wait."""
    waiting = select(func.count()).select_from(AuditRow).where(AuditRow.state == "queued")
    return session.execute(waiting).scalar_one()


def events_after(
    session: Session, audit_id: str, after_id: int = 0, *, limit: int = 100
) -> list[EventRow]:
    """The events of an audit that came after one of them, oldest first."""
    newer = (EventRow.audit_id == audit_id, EventRow.id > after_id)
    query = select(EventRow).where(*newer).order_by(EventRow.id).limit(limit)
    return list(session.scalars(query))
