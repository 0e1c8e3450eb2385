"""The signature of forgetting: far places are lost after further training, near motions are not.

Source: the project's science reference, section 2.8 (long-displacement probe) and 5.5, rule 6;
Biscione & Bowers, Journal of Machine Learning Research 22 (2021): tolerance to translation that was
learnt can be lost by further training.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.pairing import Side
from holdfast.records.comparison import MeasurementChange
from holdfast.records.families import Family
from holdfast.records.result import Finding, FindingSeverity

__all__ = ["forgetting"]

_FAR: Final = f"{Family.displacement}.consistency"
_HINT: Final = (
    "Put images with the object at far places, or the old training images, into the new training; "
    "a head that averages over all positions cannot forget a place."
)


def forgetting(old: Side, new: Side, changes: Sequence[MeasurementChange]) -> Finding | None:
    """Name it where the candidate is worse at far places of an empty canvas only.

    The loss of the displacement family must be certain (its upper bound below minus the margin),
    and no other measurement may have failed; at least one other family must have been compared, or
    nothing tells far from near.
    """
    rows = {row.id: row for row in changes}
    far = rows.get(_FAR)
    others = [row for name, row in rows.items() if not name.startswith(Family.displacement)]
    near = [row for row in others if row.id.endswith(".consistency")]
    if far is None or far.decision != "failed" or not near:
        return None
    if any(row.decision == "failed" for row in others):
        return None
    return Finding(
        id="forgetting",
        severity=FindingSeverity.warning,
        sentence=f"Only far places were forgotten: of the consistency under long displacement "
        f"{-far.difference:.4f} [{-far.high:.4f}, {-far.low:.4f}] was lost, "
        f"{_by_distance(old, new)}, while {_held(near)}.",
        hint=_HINT,
    )


def _held(near: Sequence[MeasurementChange]) -> str:
    names = ", ".join(row.id.partition(".")[0] for row in near)
    return f"{names} {'holds' if len(near) == 1 else 'hold'}"


def _by_distance(old: Side, new: Side) -> str:
    """How much more flips at the nearer and at the farther half of the places."""
    layout = old.read.tally.layout
    cells = [layout.cells[place] for place in layout.places(Family.displacement)]
    distance = np.array([math.hypot(*cell.value("shift_px")) for cell in cells])
    before, after = (
        side.read.tally.flips(Family.displacement)[side.places].mean(axis=0) for side in (old, new)
    )
    lost = after - before
    middle = float(np.median(distance))
    inside = distance <= middle
    if inside.all():
        return f"at {middle:.0f} px"
    return f"{_mean(lost, inside):.4f} within {middle:.0f} px and {_mean(lost, ~inside):.4f} beyond"


def _mean(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    return float(values[chosen].mean())
