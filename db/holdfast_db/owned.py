"""Whose rows a session sees: the one place where a project's rows are kept from everybody else.

A session of `Database.for_project` finds no row of another project, whatever is asked: a foreign
id is like one that was never given out. Rows below an audit or a webhook have no project of their
own; they are reached by the id of their parent, which must be looked up first.
"""

from typing import Any, Final

from sqlalchemy.orm import ORMExecuteState, with_loader_criteria

from holdfast_db.tables import (
    AuditRow,
    BaselineRow,
    ModelRow,
    PolicyRow,
    ProbeSetRow,
    ProjectRow,
    TokenRow,
    UploadRow,
    WebhookRow,
)

__all__ = ["PROJECT", "keep_to_own_rows"]

PROJECT: Final = "project"
"""The key in a session's `info` that names the only project it may see."""
_OWNED: Final[tuple[tuple[type[Any], Any], ...]] = (
    (AuditRow, AuditRow.project),
    (BaselineRow, BaselineRow.project),
    (ModelRow, ModelRow.project),
    (PolicyRow, PolicyRow.project),
    (ProbeSetRow, ProbeSetRow.project),
    (ProjectRow, ProjectRow.slug),
    (TokenRow, TokenRow.project),
    (UploadRow, UploadRow.project),
    (WebhookRow, WebhookRow.project),
)


def keep_to_own_rows(state: ORMExecuteState) -> None:
    """Add the project to every SELECT, UPDATE and DELETE of a session that is bound to one."""
    project = state.session.info.get(PROJECT)
    if project is None or state.is_insert:
        return
    own = [with_loader_criteria(table, owner == project) for table, owner in _OWNED]
    state.statement = state.statement.options(*own)
