"""How much of a full audit does a sequential one need when the gate is clear?

For each net a full audit gives the numbers; then gates are judged sequentially that are clearly met
or clearly missed, in several random orders: their limit is 0.05 away from the bound of the interval
that decides, or with `--from value` from the value itself, a closer call. Printed are the verdicts
and the share of the full audit's forwards, median and range. A few orders tell little, so the last
columns run the same tests, and no model, over the full audit's own numbers per image in 300 random
orders: after how many images it is decided, and the share of the forwards that it takes to leave
each family and to stop right there, late controls included; median and quartiles. One argument: the
folder with `models` and `images`.

No test that holds for every distribution of scores in [0, 1] can pass a gate 0.05 from the value on
fewer than ln(20) / ln(1 + 0.05 / (1 - limit)) images, about 55: the next image might score 1.
"""

import argparse
import io
import os
import platform
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np

from holdfast.audit.reading import read_samples
from holdfast.audit.stopping import Stopping
from holdfast.audit.tally import Tally
from holdfast.gate import judge, read_policy
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.families import Family
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput, run_audit

NETS = {
    "mnist_cntk_winml.onnx": ("mnist2000.npz", "byte"),
    "shufflenet-v2-12-int8.onnx": ("imagenet200", "imagenet"),
}
FAMILIES = ("translation", "rotation", "scale")
GATES = {
    "translation.consistency": ("translation.consistency",),
    "translation.drift": ("translation.drift",),
    "consistency of all three families": tuple(f"{family}.consistency" for family in FAMILIES),
}
AWAY = 0.05
ORDERS = 300
CONFIDENCE, CONTROLS = AuditPlan().confidence, AuditPlan().controls


def audited(model: Path, data: Path, plan: AuditPlan, policy: GatePolicy | None) -> AuditOutput:
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
    )


def policy_at(result: AuditResult, gated: Sequence[str], *, met: bool, start: str) -> GatePolicy:
    """Limits for all of `gated`, each 0.05 away on the side on which it is met, or missed."""
    return read_policy({"assertions": {each: _limit(result, each, met, start) for each in gated}})


def _limit(result: AuditResult, gated: str, met: bool, start: str) -> list[Any]:  # noqa: FBT001
    (seen,) = (m for m in result.measurements if m.id == gated)
    upper = gated.endswith("drift")  # a limit from above
    # What decides is the bound nearer to the limit: of a lower limit that is met, the lower one.
    bound = seen.high if met is upper else seen.low
    origin = (seen.value if start == "value" else bound) or 0.0
    limit = origin + (AWAY if met is upper else -AWAY)
    return ["error", {"max" if upper else "min": min(1.0, max(0.0, limit))}]


def measure(model: Path, data: Path, preset: str, seeds: int, start: str) -> None:
    """Print the rows of one net: one full audit, then sequential ones in several orders."""
    asked = {"input": {"preset": preset}}
    whole = audited(model, data, read_record(AuditPlan, asked, "invalid_plan"), None)
    full, numbers = whole.result, read_samples(whole.result, io.BytesIO(whole.samples)).tally
    for name, gated in GATES.items():
        for words in ("met", "missed"):
            policy = policy_at(full, gated, met=words == "met", start=start)
            plans = [
                read_record(AuditPlan, {**asked, "seed": seed}, "invalid_plan")
                for seed in range(seeds)
            ]
            found = [audited(model, data, plan, policy).result for plan in plans]
            verdicts = dict.fromkeys(judge(each, policy).decision.value for each in found)
            print(
                f"| {model.stem} | {name}, {words} | {judge(full, policy).decision} "
                f"| {', '.join(verdicts)} | {_needed(full, found)} "
                f"| {_anywhere(full, policy, numbers)} |",
                flush=True,
            )


def _needed(full: AuditResult, found: Sequence[AuditResult]) -> str:
    """Images and share of the forwards of some orders."""
    images = statistics.median(each.probes.n_used for each in found)
    rows = [each.samples.n_rows / full.samples.n_rows for each in found]
    middle = statistics.median(rows)
    return f"{images:g} of {full.probes.n_used} | {middle:.1%} ({min(rows):.1%} to {max(rows):.1%})"


def _anywhere(full: AuditResult, policy: GatePolicy, numbers: Tally) -> str:
    """The image of the decision over many orders, and the share of forwards up to there."""
    draw = np.random.default_rng(0)
    orders = [draw.permutation(numbers.n_images) for _ in range(ORDERS)]
    found = np.array([decided_at(policy, numbers, order) for order in orders])
    images, forwards = np.quantile(found, (0.25, 0.5, 0.75), axis=0).T
    low, middle, high = forwards / full.samples.n_rows
    return (
        f"{images[1]:g} ({images[0]:g} to {images[2]:g}) | {middle:.1%} ({low:.1%} to {high:.1%})"
    )


def decided_at(policy: GatePolicy, numbers: Tally, order: Sequence[np.intp]) -> tuple[int, int]:
    """The image at which an order is decided, the last one where it is not; and its forwards."""
    seen = {a.id: numbers.numbers(a.id).values for a in policy.assertions}
    stopping, layout = Stopping(policy, CONFIDENCE), numbers.layout
    n, forwards, images_of = 0, 0, Counter[Family]()
    for image in order:
        if stopping.decided:
            break
        families = stopping.needed(layout.families)
        forwards += len(layout.views(controls=False, families=families))
        images_of.update(families)
        asked = {name: seen[name] for name in seen if Family(name.partition(".")[0]) in families}
        stopping.take(1, {name: values[[image]] for name, values in asked.items()})
        n += 1
    if failing := stopping.failing:
        few = min(CONTROLS, *(images_of[family] for family in failing))
        forwards += few * len(layout.late(failing))
    return n, forwards


def main() -> None:
    """Measure all nets of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--from", dest="start", choices=("bound", "value"), default="bound")
    options = parser.parse_args()
    assets = options.assets
    libraries = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy"))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {libraries}"
    )
    print(
        "| net | gate | full verdict | sequential verdicts | images | share of forwards "
        f"| images, {ORDERS} orders | share of forwards |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, (images, preset) in NETS.items():
        with packed(assets / "images" / images) as data:
            measure(assets / "models" / name, data, preset, options.seeds, options.start)


if __name__ == "__main__":
    main()
