"""Projects, tokens, policies, baselines, comparisons, webhooks; audits in shards.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision up."""
    _create_idempotency()
    _create_policy()
    _create_project()
    _create_token()
    _create_webhook()
    _create_delivery()
    _create_baseline()
    _create_comparison()
    _create_measurement()
    _create_verdict()
    _widen_audit()
    _widen_model()
    _widen_probe_set()
    _widen_shard()
    _widen_upload()
    _widen_worker()
    _name_projects()


def downgrade() -> None:
    """Go one revision down; the indexes go with their tables."""
    for table in (
        "verdict",
        "measurement",
        "comparison",
        "baseline",
        "delivery",
        "webhook",
        "token",
        "project",
        "policy",
        "idempotency",
    ):
        op.drop_table(table)
    op.drop_index("ix_audit_plan_digest", "audit")
    for table, columns in _ADDED.items():
        for column in columns:
            op.drop_column(table, column)  # a batch would lose the checks of a SQLite table


_ADDED = {
    "audit": ("plan_digest", "baseline_id", "reused_id", "remove_requested"),
    "model": ("architecture",),
    "probe_set": ("images",),
    "shard": (
        "place",
        "start",
        "stop",
        "comparison_id",
        "progress_done",
        "progress_total",
        "started_at",
        "finished_at",
    ),
    "upload": ("project", "via"),
    "worker": ("slots", "gpu"),
}


def _create_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("caller", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.JSON(none_as_null=True)),
        sa.Column("body", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_idempotency"),
        sa.UniqueConstraint("caller", "key", name="uq_idempotency_caller_key"),
    )
    with op.batch_alter_table("idempotency") as batch:
        batch.create_index("ix_idempotency_created_at", ["created_at"])


def _create_policy() -> None:
    op.create_table(
        "policy",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_policy"),
        sa.UniqueConstraint("project", "name", "digest", name="uq_policy_project_name_digest"),
    )
    with op.batch_alter_table("policy") as batch:
        batch.create_index("ix_policy_created_at", ["created_at"])


def _create_project() -> None:
    op.create_table(
        "project",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("default_branch", sa.String(length=255), nullable=False),
        sa.Column("policy_id", sa.String(length=36)),
        sa.Column("public_badge", sa.Boolean(), nullable=False),
        sa.Column("retention_days", sa.Integer()),
        sa.Column("max_queued", sa.Integer()),
        sa.Column("max_running", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slug", name="pk_project"),
    )
    with op.batch_alter_table("project") as batch:
        batch.create_index("ix_project_created_at", ["created_at"])


def _create_token() -> None:
    op.create_table(
        "token",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("scope IN ('read', 'audit', 'admin')", name="ck_token_scope"),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.UniqueConstraint("sha256", name="uq_token_sha256"),
    )
    with op.batch_alter_table("token") as batch:
        batch.create_index("ix_token_created_at", ["created_at"])
        batch.create_index("ix_token_project", ["project"])


def _create_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("events", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("secret", sa.String(length=80), nullable=False),
        sa.Column("old_secret", sa.String(length=80)),
        sa.Column("old_secret_until", sa.DateTime(timezone=True)),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    with op.batch_alter_table("webhook") as batch:
        batch.create_index("ix_webhook_created_at", ["created_at"])
        batch.create_index("ix_webhook_project", ["project"])


def _create_delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("webhook_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_status", sa.Integer()),
        sa.Column("last_error", sa.String(length=40)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'given_up')", name="ck_delivery_state"
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhook.id"],
            name="fk_delivery_webhook_id_webhook",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("webhook_id", "message_id", name="uq_delivery_webhook_id_message_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("delivery") as batch:
        batch.create_index("ix_delivery_state_next_try_at", ["state", "next_try_at"])


def _create_baseline() -> None:
    op.create_table(
        "baseline",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.String(length=255), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name="fk_baseline_audit_id_audit", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project", "branch", name="pk_baseline"),
    )
    with op.batch_alter_table("baseline") as batch:
        batch.create_index("ix_baseline_audit_id", ["audit_id"])


def _create_comparison() -> None:
    op.create_table(
        "comparison",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("baseline_id", sa.String(length=36), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("options_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("error_code", sa.String(length=40)),
        sa.Column("error_fields", sa.JSON(none_as_null=True)),
        sa.Column("sha256", sa.String(length=64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')",
            name="ck_comparison_state",
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name="fk_comparison_audit_id_audit", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["baseline_id"],
            ["audit.id"],
            name="fk_comparison_baseline_id_audit",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comparison"),
        sa.UniqueConstraint(
            "baseline_id",
            "audit_id",
            "options_digest",
            name="uq_comparison_baseline_id_audit_id_options_digest",
        ),
    )
    with op.batch_alter_table("comparison") as batch:
        batch.create_index("ix_comparison_audit_id", ["audit_id"])


def _create_measurement() -> None:
    op.create_table(
        "measurement",
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name="fk_measurement_audit_id_audit", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", "name", name="pk_measurement"),
    )


def _create_verdict() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("baseline_id", sa.String(length=36), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("decision", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name="fk_verdict_audit_id_audit", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
        sa.UniqueConstraint(
            "audit_id",
            "policy_digest",
            "baseline_id",
            name="uq_verdict_audit_id_policy_digest_baseline_id",
        ),
    )


def _widen_audit() -> None:
    with op.batch_alter_table("audit") as batch:
        batch.add_column(sa.Column("plan_digest", sa.String(length=64)))
        batch.add_column(sa.Column("baseline_id", sa.String(length=36)))
        batch.add_column(sa.Column("reused_id", sa.String(length=36)))
        batch.add_column(
            sa.Column("remove_requested", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch.create_index("ix_audit_plan_digest", ["plan_digest"])


def _widen_model() -> None:
    with op.batch_alter_table("model") as batch:
        batch.add_column(sa.Column("architecture", sa.String(length=64)))


def _widen_probe_set() -> None:
    with op.batch_alter_table("probe_set") as batch:
        batch.add_column(sa.Column("images", sa.Integer()))


def _widen_shard() -> None:
    with op.batch_alter_table("shard") as batch:
        batch.add_column(sa.Column("place", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("start", sa.Integer()))
        batch.add_column(sa.Column("stop", sa.Integer()))
        batch.add_column(sa.Column("comparison_id", sa.String(length=36)))
        batch.add_column(
            sa.Column("progress_done", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch.add_column(
            sa.Column("progress_total", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch.add_column(sa.Column("started_at", sa.DateTime(timezone=True)))
        batch.add_column(sa.Column("finished_at", sa.DateTime(timezone=True)))


def _widen_upload() -> None:
    with op.batch_alter_table("upload") as batch:
        batch.add_column(sa.Column("project", sa.String(length=64)))
        batch.add_column(
            sa.Column("via", sa.String(length=40), server_default="put", nullable=False)
        )


def _widen_worker() -> None:
    with op.batch_alter_table("worker") as batch:
        batch.add_column(sa.Column("slots", sa.Integer(), server_default="1", nullable=False))
        batch.add_column(sa.Column("gpu", sa.String(length=255)))


def _name_projects() -> None:
    """Every project that something was filed under gets a row."""
    op.execute(
        sa.text(
            "INSERT INTO project (slug, name, default_branch, public_badge, created_at) "
            "SELECT slug, slug, 'main', false, CURRENT_TIMESTAMP FROM ("
            "SELECT project AS slug FROM model UNION SELECT project FROM probe_set "
            "UNION SELECT project FROM audit UNION SELECT 'default') AS seen"
        )
    )
