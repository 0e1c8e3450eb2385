"""How much of a full audit does a sequential one need when the gate is clear?

For each net a full audit gives the consistencies; then two gates are judged sequentially, all
limits 0.05 below what was seen (clearly met) and 0.05 above (clearly missed). Printed are the
verdicts and the share of the full audit's forwards. One argument: the folder with `models` and
`images`.
"""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from holdfast.gate import judge, read_policy
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import run_audit

NETS = {
    "mnist_cntk_winml.onnx": ("mnist2000.npz", "byte"),
    "shufflenet-v2-12-int8.onnx": ("imagenet200", "imagenet"),
}
GATED = tuple(f"{family}.consistency" for family in ("translation", "rotation", "scale"))
AWAY = 0.05


def audited(model: Path, data: Path, plan: AuditPlan, policy: GatePolicy | None) -> AuditResult:
    """One audit in the locked child, on all cores."""
    return run_audit(
        model,
        data,
        plan,
        mode="auto",
        limits=ChildLimits(threads=os.cpu_count() or 1),
        on_progress=lambda _: None,
        cancelled=lambda: False,
        policy=policy,
    ).result


def policy_at(result: AuditResult, away: float) -> GatePolicy:
    """All limits `away` above what was seen, within [0, 1]."""
    values = {m.id: m.value for m in result.measurements if m.id in GATED and m.value is not None}
    limits = {name: ["error", {"min": min(1.0, value + away)}] for name, value in values.items()}
    return read_policy({"assertions": limits})


def measure(model: Path, data: Path, preset: str) -> None:
    """Print the rows of one net."""
    plan = read_record(AuditPlan, {"input": {"preset": preset}}, "invalid_plan")
    full = audited(model, data, plan, None)
    for words, away in (("clearly met", -AWAY), ("clearly missed", AWAY)):
        policy = policy_at(full, away)
        found = audited(model, data, plan, policy)
        verdicts = [judge(result, policy).decision.value for result in (full, found)]
        share = found.samples.n_rows / full.samples.n_rows
        print(
            f"| {model.stem} | {words} | {verdicts[0]} | {verdicts[1]} "
            f"| {found.probes.n_used} of {full.probes.n_used} "
            f"| {found.samples.n_rows} of {full.samples.n_rows} ({share:.1%}) |",
            flush=True,
        )


def main() -> None:
    """Measure all nets of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=Path)
    assets = parser.parse_args().assets
    libraries = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy"))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {libraries}"
    )
    print("| net | gate | full verdict | sequential verdict | images | forwards |")
    print("|---|---|---|---|---|---|")
    for name, (images, preset) in NETS.items():
        with tempfile.TemporaryDirectory(), packed(assets / "images" / images) as data:
            measure(assets / "models" / name, data, preset)


if __name__ == "__main__":
    main()
