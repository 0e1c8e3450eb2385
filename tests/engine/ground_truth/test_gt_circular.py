"""GT-01, GT-02, GT-14, GT-27: circular nets under rolls, where sampling is the only cause.

The parts of these cases about feature maps, telescoping and fractional rolls are not for a
classification audit and are left out.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toys
import truth_nets
from auditing import cell_of, measured, plan_of, rows_of, run
from holdfast.sandbox.parent import AuditOutput
from toy_probes import flat, npz
from truth_images import natural

SIZE, STILL, MOVED = 16, 1e-5, 1e-3
GRID = [[dx, dy] for dx in range(4) for dy in range(4) if (dx, dy) != (0, 0)]
ROW = [[dx, 0] for dx in range(4, 9)]
N = 60


def _rolled(folder: Path, model: bytes, shifts: list[list[int]], n: int = N) -> AuditOutput:
    probes = flat(folder / "p.zip", natural(n, SIZE))
    return run(model, probes, plan_of(families={"circular": {"shifts_px": shifts}}))


def _largest_drifts(output: AuditOutput) -> dict[tuple[int, int], tuple[float, float]]:
    """Smallest and largest relative drift of the logits over the images, by roll."""
    by_roll: dict[tuple[int, int], list[float]] = {}
    for row in rows_of(output):
        if row["role"] == "cell":
            roll = (int(row["shift_x_px"]), int(row["shift_y_px"]))
            by_roll.setdefault(roll, []).append(row["logit_drift"])
    return {roll: (min(drifts), max(drifts)) for roll, drifts in by_roll.items()}


def _stride_phases(output: AuditOutput) -> dict[float, float]:
    curves = [curve for curve in output.result.curves if curve.id == "stride_phase"]
    return {point.x: point.value for curve in curves for point in curve.points}


def test_gt01_stride_1_is_exactly_invariant_and_has_no_stride_phase(tmp_path: Path) -> None:
    output = _rolled(tmp_path, toys.circular_net(1), GRID + ROW)
    assert all(high <= STILL for _, high in _largest_drifts(output).values())
    for name in ("consistency", "pair_consistency", "worst_case", "modal_consistency"):
        assert measured(output.result, f"circular.{name}").value == 1
    drift = measured(output.result, "circular.drift").value
    assert drift == pytest.approx(0, abs=1e-6)
    assert _stride_phases(output) == {}, "rounding must not look like aliasing"


def test_gt01_the_rounding_of_many_images_does_not_add_up_to_aliasing(tmp_path: Path) -> None:
    probes = npz(tmp_path / "p.npz", natural(3000, SIZE))
    plan = plan_of(families={"circular": {"shifts_px": [[1, 0], [2, 0]]}})
    assert _stride_phases(run(toys.circular_net(1), probes, plan)) == {}


@pytest.mark.parametrize("stride", [2, 4])
def test_gt02_stride_k_holds_at_multiples_of_k_only(tmp_path: Path, stride: int) -> None:
    output = _rolled(tmp_path, toys.circular_net(stride), GRID + ROW)
    drifts = _largest_drifts(output) | {(0, 0): (0.0, 0.0)}
    for (dx, dy), (_, high) in drifts.items():
        on_grid = dx % stride == dy % stride == 0
        assert high <= STILL if on_grid else high > MOVED, (dx, dy)
    period = [high for (dx, dy), (_, high) in drifts.items() if max(dx, dy) < stride]
    assert np.mean([high <= STILL for high in period]) == 1 / stride**2
    phases = _stride_phases(output)
    assert phases[stride] == pytest.approx(1, abs=1e-3)
    assert min(x for x, index in phases.items() if index > 0.999) == stride  # the total stride
    for dx, dy in GRID:
        if dx % stride == dy % stride == 0:
            assert cell_of(output.result, shift_px=(dx, dy)).consistency == 1


def test_gt14_the_average_over_the_grid_is_invariant_again(tmp_path: Path) -> None:
    alone = _largest_drifts(_rolled(tmp_path, truth_nets.orbit_of_rolls(averaged=False), GRID, N))
    averaged = _largest_drifts(_rolled(tmp_path, truth_nets.orbit_of_rolls(averaged=True), GRID, N))
    assert max(high for _, high in alone.values()) > MOVED
    assert max(high for _, high in averaged.values()) <= STILL


@pytest.mark.parametrize(
    ("kind", "exact"),
    [("average", True), ("blur3", True), ("blur4", True), ("max", False), ("slice", False)],
)
def test_gt27_a_zero_at_nyquist_before_the_mean_is_exact(
    tmp_path: Path, *, kind: Any, exact: bool
) -> None:
    """Taps whose even and odd ones have equal sums make the means of all phases coincide."""
    drifts = _largest_drifts(_rolled(tmp_path, truth_nets.pooled(kind), [[1, 0], [0, 3]], N))
    for _, high in drifts.values():
        assert high <= STILL if exact else high > MOVED
