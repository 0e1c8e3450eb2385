"""What Alembic runs for each command. It works on the connection that `session` opened."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection

from holdfast_db.columns import UtcDateTime
from holdfast_db.tables import Base


def _render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Migrations import nothing of ours, because it changes and they do not."""
    is_time = kind == "type" and isinstance(item, UtcDateTime)
    return "sa.DateTime(timezone=True)" if is_time else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render_item,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
