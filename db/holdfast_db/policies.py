"""Stored policies."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.ids import new_id
from holdfast_db.inserting import insert_if_new
from holdfast_db.pages import Page, read_page
from holdfast_db.tables import PolicyRow

__all__ = ["add_policy", "list_policies"]


def add_policy(
    session: Session, project: str, name: str, digest: str, policy_json: str
) -> tuple[PolicyRow, bool]:
    """Store a policy under a name; the row, and whether it is new. An archived one comes back."""
    key = {"project": project, "name": name, "digest": digest}
    values = {**key, "id": new_id(), "policy": policy_json, "created_at": db_now(session)}
    is_new = insert_if_new(session, PolicyRow, values)
    row = session.scalars(select(PolicyRow).filter_by(**key)).one()
    row.archived_at = None
    return row, is_new


def list_policies(
    session: Session, project: str | None, name: str | None, *, limit: int, cursor: str | None
) -> Page[PolicyRow]:
    """A page of policies that are not archived, newest first."""
    wanted = {PolicyRow.project: project, PolicyRow.name: name}
    conditions = [column == value for column, value in wanted.items() if value is not None]
    live = PolicyRow.archived_at.is_(None)
    return read_page(session, PolicyRow, [*conditions, live], limit=limit, cursor=cursor)
