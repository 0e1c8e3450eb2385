"""The tables. There are no relations: what belongs together is asked for together.

blob <- model, probe_set <- audit <- shard <- result
                            audit <- event, verdict, measurement, baseline, comparison
webhook <- delivery         upload, project, token, idempotency, policy, worker, lease stand alone
"""

from holdfast_db.tables.access import IdempotencyRow, ProjectRow, TokenRow
from holdfast_db.tables.assets import BlobRow, ModelRow, ProbeSetRow, UploadRow
from holdfast_db.tables.base import Base
from holdfast_db.tables.gates import (
    BaselineRow,
    ComparisonRow,
    MeasurementRow,
    PolicyRow,
    VerdictRow,
)
from holdfast_db.tables.hooks import DeliveryRow, WebhookRow
from holdfast_db.tables.jobs import AuditRow, EventRow, ResultRow, ShardRow
from holdfast_db.tables.service import LeaseRow, WorkerRow

__all__ = [
    "AuditRow",
    "Base",
    "BaselineRow",
    "BlobRow",
    "ComparisonRow",
    "DeliveryRow",
    "EventRow",
    "IdempotencyRow",
    "LeaseRow",
    "MeasurementRow",
    "ModelRow",
    "PolicyRow",
    "ProbeSetRow",
    "ProjectRow",
    "ResultRow",
    "ShardRow",
    "TokenRow",
    "UploadRow",
    "VerdictRow",
    "WebhookRow",
    "WorkerRow",
]
