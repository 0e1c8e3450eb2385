"""GT-11, GT-12, GT-13: exact lattice motions, and nets with the symmetry of the square.

Left out: the area reduction of GT-11 (no lattice cell makes a picture smaller).
"""

from pathlib import Path

import pytest

import truth_nets
from auditing import measured, plan_of, rows_of, run
from holdfast.sandbox.parent import AuditOutput
from toy_probes import flat
from truth_checks import check_quarter_turns_through_the_warp
from truth_images import natural

N = 40
TURNS = ("turn_90", "turn_180", "turn_270")


def _drifts(output: AuditOutput, exact: list[str]) -> dict[str, float]:
    """The largest relative drift of the logits over the images, by cell."""
    found: dict[str, float] = {}
    for row in rows_of(output):
        if row["role"] == "cell":
            name = exact[row["cell"]]
            found[name] = max(found.get(name, 0.0), row["logit_drift"])
    return found


def test_gt11_order_statistics_and_means_ignore_where_pixels_are(tmp_path: Path) -> None:
    families = {
        "lattice": {"enlarge": 3},
        "circular": {"shifts_px": [[1, 0], [5, 7]]},
    }
    probes = flat(tmp_path / "p.zip", natural(N, 32))
    output = run(truth_nets.pointwise(), probes, plan_of(crop=32, families=families))
    names = ["roll", "diagonal", *TURNS, "mirror", "enlarge_3"]
    drifts = _drifts(output, names)
    assert set(drifts) == set(names)
    assert max(drifts.values()) <= 1e-5
    for family in ("lattice", "circular"):
        assert measured(output.result, f"{family}.consistency").value == 1
        assert measured(output.result, f"{family}.worst_case").value == 1


@pytest.mark.parametrize(
    ("stride", "size", "exact"), [(1, 32, True), (1, 33, True), (2, 33, True), (2, 32, False)]
)
def test_gt12_a_c4_net_keeps_quarter_turns_where_its_grid_does(
    tmp_path: Path, *, stride: int, size: int, exact: bool
) -> None:
    """On an even side a stride of 2 samples other pixels after a turn. A mirror is no rotation."""
    probes = flat(tmp_path / "p.zip", natural(N, size))
    plan = plan_of(families={"lattice": {"turns": [1, 2, 3]}})
    output = run(truth_nets.c4_net(stride, size), probes, plan)
    drifts = _drifts(output, [*TURNS, "mirror"])
    for turn in TURNS:
        assert drifts[turn] <= 1e-5 if exact else drifts[turn] > 1e-3
    assert drifts["mirror"] > 1e-3


def test_gt12_ninety_degrees_through_the_warp_are_a_quarter_turn(tmp_path: Path) -> None:
    check_quarter_turns_through_the_warp(run, tmp_path)


def test_gt13_the_average_over_the_orbit_is_invariant_whatever_it_averages(
    tmp_path: Path,
) -> None:
    probes = flat(tmp_path / "p.zip", natural(N, 16, sd=20))
    plan = plan_of(families={"lattice": {"mirror": False}})
    averaged = run(truth_nets.orbit_of_turns(averaged=True), probes, plan)
    assert measured(averaged.result, "lattice.consistency").value == 1
    assert max(_drifts(averaged, list(TURNS)).values()) <= 1e-5
    alone = run(truth_nets.orbit_of_turns(averaged=False), probes, plan)
    value = measured(alone.result, "lattice.consistency").value
    assert value is not None
    assert value < 1
    assert max(_drifts(alone, list(TURNS)).values()) > 1e-2
