"""How much of a full audit does a sequential one need when the gate is clear?

For each net a full audit gives the numbers; then gates are judged sequentially whose limit is 0.05
below what was seen (clearly met) and 0.05 above (clearly missed), in several random orders. Printed
are the verdicts and the share of the full audit's forwards, median and range. One argument: the
folder with `models` and `images`.

No test that holds for every distribution of scores in [0, 1] can pass such a gate on fewer than
ln(20) / ln(1 + 0.05 / (1 - limit)) images, about 55: the next image might score 1.
"""

import argparse
import os
import platform
import statistics
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
GATED = ("translation.consistency", "translation.drift")
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


def policy_at(result: AuditResult, gated: str, away: float) -> GatePolicy:
    """One limit, `away` on the better side of what was seen (negative: on the worse side)."""
    (seen,) = (m.value or 0.0 for m in result.measurements if m.id == gated)
    if gated.endswith("drift"):
        limits = {"max": max(0.0, seen - away)}
    else:
        limits = {"min": min(1.0, seen + away)}
    return read_policy({"assertions": {gated: ["error", limits]}})


def measure(model: Path, data: Path, preset: str, seeds: int) -> None:
    """Print the rows of one net: one full audit, then sequential ones in several orders."""
    asked = {"input": {"preset": preset}}
    full = audited(model, data, read_record(AuditPlan, asked, "invalid_plan"), None)
    for gated in GATED:
        for words, away in (("met", -AWAY), ("missed", AWAY)):
            policy = policy_at(full, gated, away)
            rows, verdicts, images = [], [], []
            for seed in range(seeds):
                plan = read_record(AuditPlan, {**asked, "seed": seed}, "invalid_plan")
                found = audited(model, data, plan, policy)
                rows.append(found.samples.n_rows / full.samples.n_rows)
                verdicts.append(judge(found, policy).decision.value)
                images.append(found.probes.n_used)
            print(
                f"| {model.stem} | {gated}, {words} | {judge(full, policy).decision} "
                f"| {', '.join(dict.fromkeys(verdicts))} "
                f"| {statistics.median(images):g} of {full.probes.n_used} "
                f"| {statistics.median(rows):.1%} ({min(rows):.1%} to {max(rows):.1%}) |",
                flush=True,
            )


def main() -> None:
    """Measure all nets of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    assets = options.assets
    libraries = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy"))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {libraries}"
    )
    print("| net | gate | full verdict | sequential verdicts | images | share of forwards |")
    print("|---|---|---|---|---|---|")
    for name, (images, preset) in NETS.items():
        with packed(assets / "images" / images) as data:
            measure(assets / "models" / name, data, preset, options.seeds)


if __name__ == "__main__":
    main()
