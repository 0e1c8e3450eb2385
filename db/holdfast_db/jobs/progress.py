"""How far an audit is: the sum of what its shards tell, which never goes back."""

from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from holdfast.records.job import Progress
from holdfast_db.jobs.steps import Claim, tell_progress, undecided
from holdfast_db.tables import AuditRow, ShardRow

__all__ = ["note_progress"]


def note_progress(session: Session, claim: Claim, told: Progress, now: datetime) -> None:
    """Write the audit's progress after a shard's own was written, and tell its readers."""
    seen = _of_parts(session, claim.audit_id, told) if claim.kind == "part" else told
    done = case((AuditRow.progress_done < seen.done, seen.done), else_=AuditRow.progress_done)
    if claim.kind == "merge":  # what the parts measured is all there is
        values = {"stage": "writing", "progress_total": AuditRow.progress_done}
    else:
        total = case((done < seen.total, seen.total), else_=done)
        values = {"stage": seen.stage, "progress_done": done, "progress_total": total}
    here = update(AuditRow).where(AuditRow.id == claim.audit_id).values(values)
    written = here.returning(AuditRow.stage, AuditRow.progress_done, AuditRow.progress_total)
    unsynchronised = {"synchronize_session": False}
    row = session.execute(written, execution_options=unsynchronised).one()
    data = {"stage": row.stage, "done": row.progress_done, "total": row.progress_total}
    tell_progress(session, claim.audit_id, data, now)


def _of_parts(session: Session, audit_id: str, told: Progress) -> Progress:
    """All parts together; those to come will need as many views per image as the others."""
    images = ShardRow.stop - ShardRow.start
    begun = case((ShardRow.progress_total > 0, images), else_=0)
    sums = select(
        func.sum(ShardRow.progress_done),
        func.sum(ShardRow.progress_total),
        func.sum(begun),
        func.sum(images),
    )
    parts = (ShardRow.audit_id == audit_id, ShardRow.kind == "part", undecided())
    done, known, of_images, all_images = map(int, session.execute(sums.where(*parts)).one())
    total = known * all_images // of_images if of_images else 0
    return Progress(stage="measuring" if done else told.stage, done=done, total=max(done, total))
