"""Ground-truth checks that tests of the engine and mutation tests of the auditor share.

Each takes the function that runs an audit, `auditing.run` or `inprocess.run_here`, and a folder.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

import toys
import truth_nets
from auditing import measured, plan_of, rows_of
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import AuditOutput
from holdfast.stats import clopper_pearson
from toy_probes import flat, noise, stripes
from truth_images import natural

__all__ = [
    "Runs",
    "answers_by_roll",
    "check_a_full_turn_changes_no_bit",
    "check_half_pixels_are_not_rounded",
    "check_phase_law",
    "check_quarter_turns_through_the_warp",
    "check_the_image_is_the_unit",
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


def check_phase_law(run: Runs, folder: Path, stride: int = 2, family: str = "circular") -> None:
    """GT-03: the class at each roll or shift is that of the mean of what comes under the grid.

    With a stride of 4 the sign of a motion shows too; at 2 it cannot, for -1 and 1 are one phase.
    """
    size, margin, n = 16, 0 if family == "circular" else 4, 16
    shifts = [(dx, dy) for dx in range(stride) for dy in range(stride)]
    side = size + 2 * margin
    images = noise(n, side, side, seed=3)
    families = {family: {"shifts_px": [list(shift) for shift in shifts[1:]]}}
    plan = plan_of(families=families, resize=side)
    output = run(toys.subsample(stride, size=size), flat(folder / "p.zip", images), plan)
    for number in range(n):
        seen = answers_by_roll(output, f"{number:04}.png")
        for dx, dy in shifts:
            moved = np.roll(images[number], (dy, dx), (0, 1))  # the margin hides what wraps
            phase = moved[margin : margin + size : stride, margin : margin + size : stride]
            assert seen[dx, dy] == int(phase.mean() < 127.5), (number, dx, dy)
        counts = np.unique(list(seen.values()), return_counts=True)[1]
        said = list(seen.values())
        assert np.mean([a == b for a in said for b in said]) == sum((counts / stride**2) ** 2)


def check_quarter_turns_through_the_warp(run: Runs, folder: Path) -> None:
    """GT-12: a net with the symmetry of the square does not notice 90 degrees, warped as it is."""
    plan = plan_of(angles_deg=[90, 180, 270])
    probes = flat(folder / "p.zip", natural(12, 32))
    rows = rows_of(run(truth_nets.c4_net(1, 32), probes, plan))
    assert max(row["logit_drift"] for row in rows) <= 1e-5


def check_half_pixels_are_not_rounded(run: Runs, folder: Path) -> None:
    """Half a pixel to the right is the mean of two neighbours, also where that is no whole level.

    The probability of a net that reads one pixel tells its value to about 1e-4 of a level.
    """
    row, column, n = 5, 9, 24
    images = noise(n, 16, 16, seed=4)
    plan = plan_of(families={"spatial": {"cells": [{"shift_px": [0.5, 0]}]}})
    output = run(toys.fixed_pixel(row, column, 16), flat(folder / "p.zip", images), plan)
    for seen in rows_of(output):
        if seen["role"] == "cell":
            beside = images[int(seen["probe"][:4]), row, column - 1 : column + 1]
            score = beside.astype(float).mean() / 255 - 0.5
            wanted = 1 / (1 + np.exp(-2 * abs(score)))
            assert abs(seen["predicted_probability"] - wanted) < 1e-6


def check_a_full_turn_changes_no_bit(run: Runs, folder: Path) -> None:
    """The identity through the warp is the plain crop, bit by bit."""
    plan = plan_of(angles_deg=[360, -360], resize=[36, 38])
    probes = flat(folder / "p.zip", noise(12, 36, 38, seed=5))
    rows = rows_of(run(toys.circular_net(1, size=32), probes, plan))
    assert {row["logit_drift"] for row in rows} == {0.0}


def check_the_image_is_the_unit(run: Runs, folder: Path) -> None:
    """Images that flip in all cells or in none: m cells are worth no more than one.

    Our lists are the same for all images, so a draw that a batch shares (the mutation of the
    science reference) cannot happen; what it would spoil is the independence behind the interval.
    """
    n, k = 40, 10
    still = np.full((32, 32), 255, np.uint8)
    images = [stripes(32)] * k + [still] * (n - k)
    rolls = [[dx, 0] for dx in (1, 3, 5, 7)]
    plan = plan_of(families={"circular": {"shifts_px": rolls}})
    result = run(toys.subsample(2), flat(folder / "p.zip", images), plan).result
    low, high = clopper_pearson(k, n, 0.95)
    found = measured(result, "circular.consistency")
    assert found.value is not None
    assert abs(found.value - (1 - k / n)) < 1e-12
    assert found.low is not None
    assert found.high is not None
    assert abs(found.low - (1 - high)) < 1e-9
    assert abs(found.high - (1 - low)) < 1e-9
