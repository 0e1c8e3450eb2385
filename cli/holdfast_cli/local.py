"""An audit on this machine: this process supervises, a locked child reads the model and images."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits, Device
from holdfast.records.model import ModelCard, ModelFormat
from holdfast.runtimes.sniff import sniff
from holdfast.sandbox.gpu import device_files, is_enabled
from holdfast.sandbox.parent import AuditOutput, SandboxMode, inspect_model, run_audit
from holdfast.sandbox.selftest import selftest
from holdfast_cli.cache import Cache, key_of
from holdfast_cli.formats import Output
from holdfast_cli.options import DeviceName
from holdfast_cli.order import Order
from holdfast_cli.progress import progress

__all__ = [
    "NEEDS",
    "absent",
    "card_of",
    "child_limits",
    "measure_here",
    "mode_for",
    "need",
    "need_for",
]

_AGAIN: Final = (
    "nothing was measured: an earlier audit had the same model, images, plan, policy and versions, "
    "and this is its result (--no-cache measures again)"
)

NEEDS: Final = {
    "audit": ("numpy", "onnx", "onnxruntime", "cv2", "PIL", "pyarrow", "scipy"),
    "report": ("altair", "jinja2", "vl_convert"),
    "server": (
        *("fastapi", "uvicorn", "sqlalchemy", "alembic", "celery", "pydantic_settings"),
        *("prometheus_client", "structlog"),
    ),
    "s3": ("obstore",),
}


def absent(extra: str) -> list[str]:
    """The libraries of an extra that are not installed; none of them is loaded."""
    return [name for name in NEEDS[extra] if importlib.util.find_spec(name) is None]


def need(*extras: str) -> None:
    """Refuse, before any work, what a missing extra would break in the middle of it.

    Raises:
        HoldfastError: `missing_extra`.
    """
    for extra in extras:
        if absent(extra):
            raise HoldfastError("missing_extra", extra=extra)


def need_for(outputs: Sequence[Output]) -> None:
    """Refuse outputs whose extra is missing; only the report draws.

    Raises:
        HoldfastError: `missing_extra`.
    """
    if any(output.form == "html" for output in outputs):
        need("report")


def child_limits(threads: int | None) -> ChildLimits:
    """The bounds of the child, from the same HOLDFAST_CHILD_* settings that a worker reads.

    Raises:
        HoldfastError: `invalid_config` for a setting that is no number.
    """
    given: dict[str, Any] = {"threads": threads or len(os.sched_getaffinity(0))}
    for name in ChildLimits.model_fields:
        setting = f"HOLDFAST_CHILD_{name.upper()}"
        if setting in os.environ and name != "threads":
            try:
                number = float(os.environ[setting])
            except ValueError:
                reason = "this must be a number"
                raise HoldfastError("invalid_config", where=setting, reason=reason) from None
            given[name] = int(number) if number.is_integer() else number
    try:
        return read_record(ChildLimits, given, "invalid_plan")
    except HoldfastError as error:
        where = "the HOLDFAST_CHILD_ settings"
        raise HoldfastError("invalid_config", where=where, reason=error.fields["reason"]) from None


def measure_here(
    order: Order, mode: SandboxMode, limits: ChildLimits, cache: Cache | None
) -> AuditOutput:
    """Run one audit, or take what an earlier one of the same left; Ctrl-C ends the child.

    With `--device auto` a GPU that turns out to be of no use is passed over, and a line says so.

    Raises:
        HoldfastError: everything that can be wrong with the model, the images or the machine.
    """
    try:
        return _measure(order, mode, limits, cache, device_for(order.device))
    except HoldfastError as error:
        if error.code != "gpu_not_available" or order.device is not DeviceName.auto:
            raise
        typer.echo(f"{error.sentence} The audit runs on the CPU.", err=True)
        return _measure(order, mode, limits, cache, "cpu")


def device_for(asked: DeviceName) -> Device:
    """`auto` is a GPU where the operator allows one and the driver has made its devices."""
    if asked is DeviceName.auto:
        return "gpu" if is_enabled() and device_files() else "cpu"
    return "gpu" if asked is DeviceName.gpu else "cpu"


def _measure(
    order: Order, mode: SandboxMode, limits: ChildLimits, cache: Cache | None, device: Device
) -> AuditOutput:
    policy = None if order.gate is None else read_policy(order.gate)
    used = _mode_for(order.model, mode, gpu=device == "gpu")
    with packed(order.data) as probes:
        key = ""
        if cache:
            key = key_of(order.model, probes, order.plan, policy, used, device=device)
        found = cache.find(key) if cache else None
        if found is not None:
            typer.echo(_AGAIN, err=True)
            return found
        with progress(order.name) as report:
            done = run_audit(
                order.model,
                probes,
                order.plan,
                mode=used,
                limits=limits,
                on_progress=lambda step: report(step.stage, step.done, step.total),
                cancelled=lambda: False,
                policy=policy,
                device=device,
            )
    if cache:
        cache.keep(key, done)
    return done


def mode_for(order: Order, mode: SandboxMode) -> SandboxMode:
    """The sandbox that an audit runs in."""
    return _mode_for(order.model, mode)


def card_of(model: Path, mode: SandboxMode, architecture: str | None = None) -> ModelCard:
    """What a model file is, seen by a locked child."""
    return inspect_model(
        model, mode=_mode_for(model, mode), limits=child_limits(1), architecture=architecture
    )


def _mode_for(model: Path, mode: SandboxMode, *, gpu: bool = False) -> SandboxMode:
    """TorchScript runs code, so `auto` becomes `required` where the self-test passes."""
    if mode != "auto" or not _is_torchscript(model):
        return mode
    return "required" if selftest(gpu=gpu).ok else mode


def _is_torchscript(model: Path) -> bool:
    try:
        return sniff(model, has_architecture=True) is ModelFormat.torchscript
    except (HoldfastError, OSError):
        return False  # the child says what is wrong with it
