"""How audits end: why one was cancelled, and whether one stopped early.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision up."""
    op.add_column("audit", sa.Column("cancel_reason", sa.String(length=255)))
    op.add_column("audit", sa.Column("stopped_early", sa.Boolean()))


def downgrade() -> None:
    """Go one revision down."""
    for column in ("stopped_early", "cancel_reason"):
        op.drop_column("audit", column)  # a batch would lose the checks of a SQLite table
