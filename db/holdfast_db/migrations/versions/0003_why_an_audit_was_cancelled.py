"""Why an audit was cancelled.

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


def downgrade() -> None:
    """Go one revision down."""
    op.drop_column("audit", "cancel_reason")  # a batch would lose the checks of a SQLite table
