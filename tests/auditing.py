"""Run a real audit in the real child and look at what comes back."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits, Progress
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult, Measurement
from holdfast.sandbox.parent import AuditOutput, run_audit

__all__ = ["LIMITS", "cell_of", "measured", "plan_of", "rows_of", "run"]

LIMITS = ChildLimits(memory_bytes=4 << 30, wall_s=120.0, stall_s=60.0)
_NOTHING: dict[str, Any] = {
    "translation": {"shifts_px": []},
    "rotation": {"angles_deg": []},
    "scale": {"zooms": []},
}


def plan_of(preset: str = "unit", **fields: Any) -> AuditPlan:
    """A plan; a family that is not given is left out, other keys go to the plan or its input.

    Without controls, unless they are asked for: most tests count views.
    """
    families: dict[str, Any] = {**_NOTHING, **fields.pop("families", {})}
    fields.setdefault("controls", 0)
    for family, key in (
        ("translation", "shifts_px"),
        ("rotation", "angles_deg"),
        ("scale", "zooms"),
    ):
        if key in fields:
            families[family] = {key: fields.pop(key)}
    inner = {key: fields.pop(key) for key in ("resize", "crop", "fill") if key in fields}
    data: dict[str, Any] = {"input": {"preset": preset, **inner}, "families": families, **fields}
    return read_record(AuditPlan, data, "invalid_plan")


def run(
    model: bytes | Path,
    probes: Path,
    plan: AuditPlan,
    *,
    limits: ChildLimits = LIMITS,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    policy: GatePolicy | None = None,
) -> AuditOutput:
    """Audit in the locked child; the sandbox must be in force."""
    path = model if isinstance(model, Path) else probes.with_name("toy.onnx")
    if isinstance(model, bytes):
        path.write_bytes(model)
    return run_audit(
        path,
        probes,
        plan,
        mode="required",
        limits=limits,
        on_progress=on_progress,
        cancelled=cancelled,
        policy=policy,
    )


def measured(result: AuditResult, measurement_id: str) -> Measurement:
    """The measurement with this id."""
    (found,) = [item for item in result.measurements if item.id == measurement_id]
    return found


def cell_of(result: AuditResult, **parameter: Any) -> Any:
    """The cell with this parameter, for example `angle_deg=5.0`."""
    ((name, wanted),) = parameter.items()
    (found,) = [cell for cell in result.cells if getattr(cell, name, None) == wanted]
    return found


def rows_of(output: AuditOutput) -> list[dict[str, Any]]:
    """The per-sample file as one dict per row."""
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(output.samples)).to_pylist()
    return rows
