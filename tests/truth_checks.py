"""Ground-truth checks that tests of the engine and mutation tests of the auditor share.

Each takes the function that runs an audit, `auditing.run` or `inprocess.run_here`, and a folder.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

import toys
import truth_nets
from auditing import plan_of, rows_of
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import AuditOutput
from toy_probes import flat, noise
from truth_images import natural

__all__ = [
    "Runs",
    "answers_by_roll",
    "check_phase_law",
    "check_quarter_turns_through_the_warp",
]


class Runs(Protocol):
    """How an audit is run."""

    def __call__(self, model: bytes, probes: Path, plan: AuditPlan) -> AuditOutput:
        """Audit a model on probes."""


def answers_by_roll(output: AuditOutput, probe: str) -> dict[tuple[int, int], int]:
    """What the model said about one probe, by roll or shift; the unmoved view is (0, 0)."""
    return {
        (int(row["shift_x_px"] or 0), int(row["shift_y_px"] or 0)): row["predicted"]
        for row in rows_of(output)
        if row["probe"] == probe
    }


def check_phase_law(run: Runs, folder: Path, stride: int = 2) -> None:
    """GT-03: the class at each roll is that of the mean of the pixels that come under the grid."""
    size, n = 16, 16
    rolls = [(dx, dy) for dx in range(stride) for dy in range(stride)]
    images = noise(n, size, size, seed=3)
    plan = plan_of(families={"circular": {"shifts_px": [list(roll) for roll in rolls[1:]]}})
    output = run(toys.subsample(stride, size=size), flat(folder / "p.zip", images), plan)
    equal_pairs = []
    for number in range(n):
        seen = answers_by_roll(output, f"{number:04}.png")
        for dx, dy in rolls:
            phase = images[number][(-dy) % stride :: stride, (-dx) % stride :: stride]
            assert seen[dx, dy] == int(phase.mean() < 127.5), (number, dx, dy)
        counts = np.unique(list(seen.values()), return_counts=True)[1]
        equal_pairs.append(sum((counts / stride**2) ** 2))
        said = list(seen.values())
        assert np.mean([a == b for a in said for b in said]) == equal_pairs[-1]


def check_quarter_turns_through_the_warp(run: Runs, folder: Path) -> None:
    """GT-12: a net with the symmetry of the square does not notice 90 degrees, warped as it is."""
    net = truth_nets.c4_net(1, 32)
    plan = plan_of(angles_deg=[90, 180, 270])
    rows = rows_of(run(net, flat(folder / "p.zip", natural(12, 32)), plan))
    assert max(row["logit_drift"] for row in rows) <= 1e-5
