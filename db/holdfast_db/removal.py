"""Removing by hand: audits, and models and probe sets that no open audit needs.

Files stay until the next clean-up finds that nobody uses them (see `retention`).
"""

from sqlalchemy import delete, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast_db.jobs.steps import changed
from holdfast_db.references import OVER
from holdfast_db.tables import AuditRow, ModelRow, ProbeSetRow

__all__ = ["ask_for_removal", "remove_asset", "remove_audit"]


def remove_audit(session: Session, audit_id: str) -> bool:
    """Remove an audit that has ended, with everything below it; False while it is open."""
    ended = (AuditRow.id == audit_id, AuditRow.state.in_(OVER))
    return changed(session, delete(AuditRow).where(*ended)) > 0


def ask_for_removal(session: Session, audit_id: str) -> None:
    """Have an audit removed by the next clean-up after its end."""
    here = AuditRow.id == audit_id
    changed(session, update(AuditRow).where(here).values(remove_requested=True))


def remove_asset(
    session: Session, row: ModelRow | ProbeSetRow, user: InstrumentedAttribute[str]
) -> None:
    """Remove a model or probe set and the audits, all over, that used it.

    Args:
        session: the transaction.
        row: what goes.
        user: the column of `AuditRow` that refers to it.
    """
    changed(session, delete(AuditRow).where(user == row.id))
    session.delete(row)
