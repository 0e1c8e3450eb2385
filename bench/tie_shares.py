"""How many ties occur, and how far could they bend a consistency? Simulated logits and real nets.

A tie is a changed answer with a margin within rounding; it counts as agreement. If every tie were
a flip, the consistency would be lower by exactly the share of ties: that share is the most by which
ties can flatter a model. Without arguments only the simulation runs; give `MODEL IMAGES PRESET`
(images: folder, zip or npz) for a real net.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.metrics import orbit_scores, read_scores
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits
from holdfast.records.model import OutputKind
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import run_audit

TOLERANCES = (1e-5, 1e-3, 5e-3)
OFFSETS = (0.0, 3.0, 10.0, 100.0, 1000.0)
STEPS = (0.02, 0.05, 0.1, 0.2, 0.5)
_CLEARLY = 1.05  # probability of the best class over that of the identity's
_MOVED = (np.arange(39) > 0)[:, None]  # the identity stays


def simulated(offset: float, step: float, tolerance: float) -> str:
    """One row: ten logits of spread 1 on a common offset, rounded to multiples of `step`.

    Each of 38 views of 400 images moves every logit by 0.2.
    """
    draw = np.random.default_rng(0)
    views = draw.normal(size=(400, 1, 10)) + 0.2 * draw.normal(size=(400, 39, 10)) * _MOVED
    logits = views + offset
    if step:
        logits = np.round(logits / step) * step
    seen = read_scores(logits.astype(np.float32), OutputKind.logits)
    scores = orbit_scores(seen, np.full(400, -1), tolerance)
    return _shares(scores.flip, scores.tie)


def _shares(flip: NDArray[np.bool_], tie: NDArray[np.bool_]) -> str:
    changed = flip | tie
    columns = (changed.mean(), tie.mean(), 1 - flip.mean(), 1 - changed.mean())
    return " | ".join(f"{column:.4f}" for column in columns)


def audited(model: Path, images: Path, preset: str, limit: int) -> None:
    """Rows for a real net: whole audit with the default lists, shares by family and tolerance."""
    asked = {"input": {"preset": preset}, "limit": limit or None}
    plan = read_record(AuditPlan, asked, "invalid_plan")
    with packed(images) as probes:
        output = run_audit(
            model,
            probes,
            plan,
            mode="auto",
            limits=ChildLimits(),
            on_progress=lambda _: None,
            cancelled=lambda: False,
        )
    arithmetic = output.result.model.arithmetic
    table = pq.read_table(io.BytesIO(output.samples))
    cells = int(table["cell"].to_numpy().max()) + 1
    names = ("predicted", "margin", "predicted_probability", "reference_probability")
    predicted, margin, best, reference = (
        table[name].to_numpy().reshape(-1, cells + 1) for name in names
    )
    lost = (best > _CLEARLY * reference)[:, 1:]
    families = np.array(table["family"].to_pylist()[: cells + 1])[1:]
    changed = predicted[:, 1:] != predicted[:, :1]
    for tolerance in TOLERANCES:
        clear = (margin[:, 1:] > tolerance) & (margin[:, :1] > tolerance)
        behind = changed & ~clear & lost & (margin[:, :1] > tolerance)
        for family in dict.fromkeys(families):
            place = families == family
            shares = _shares((changed & clear)[:, place], (changed & ~clear)[:, place])
            row = f"{family} | {tolerance:g} | {shares} | {behind[:, place].mean():.4f}"
            print(f"| {model.stem}, {arithmetic} | {row} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", nargs="*", help="MODEL IMAGES PRESET")
    parser.add_argument("--limit", type=int, default=0, help="images, 0 for all")
    options = parser.parse_args()
    print("| logits | tolerance | changed | ties | consistency | if ties were flips |")
    print("|---|---|---|---|---|---|")
    for offset in OFFSETS:
        for tolerance in TOLERANCES:
            row = simulated(offset, 0, tolerance)
            print(f"| spread 1, offset {offset:g} | {tolerance:g} | {row} |")
    for step in STEPS:
        row = simulated(0, step, TOLERANCES[-1])
        print(f"| spread 1, rounded to {step:g} | {TOLERANCES[-1]:g} | {row} |")
    if options.net:
        model, images, preset = options.net
        print(
            "\n| net | family | tolerance | changed | ties | consistency | if ties were flips "
            "| ties of two other classes |"
        )
        print("|---|---|---|---|---|---|---|---|")
        audited(Path(model), Path(images), preset, options.limit)


if __name__ == "__main__":
    main()
