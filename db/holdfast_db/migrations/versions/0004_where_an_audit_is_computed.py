"""Where an audit is computed: the queue of its shards, also of one that took a result over.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision up."""
    queue = sa.Column("queue", sa.String(length=40), server_default="cpu", nullable=False)
    op.add_column("audit", queue)


def downgrade() -> None:
    """Go one revision down."""
    op.drop_column("audit", "queue")
