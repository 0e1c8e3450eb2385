"""GT-03, GT-04, GT-07: nets that look at a part of the pixels only, under whole-pixel rolls."""

from math import comb
from pathlib import Path

import numpy as np
import pytest

import toys
import truth_nets
from auditing import cell_of, measured, plan_of, rows_of, run
from holdfast.sandbox.parent import AuditOutput
from toy_probes import flat, stripes
from truth_checks import answers_by_roll, check_phase_law
from truth_images import natural

SIZE = 32


@pytest.fixture(scope="module")
def nyquist(tmp_path_factory: pytest.TempPathFactory) -> AuditOutput:
    """Nyquist stripes in both phases under a net of stride 2."""
    even = stripes(SIZE)
    folder = tmp_path_factory.mktemp("gt03")
    probes = flat(folder / "p.zip", [even, even, even, np.roll(even, 1, axis=1)])
    rolls = [[dx, 0] for dx in range(1, 8)]
    return run(toys.subsample(2), probes, plan_of(families={"circular": {"shifts_px": rolls}}))


def test_gt03_stripes_flip_at_every_odd_roll(nyquist: AuditOutput) -> None:
    seen = answers_by_roll(nyquist, "0000.png")
    assert [seen[dx, 0] for dx in range(8)] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [cell.consistency for cell in nyquist.result.cells] == [0, 1, 0, 1, 0, 1, 0]
    wanted = {
        "flip_probability": 1,
        "consistency": 3 / 7,
        "worst_case": 0,
        "pair_consistency": 3 / 7,  # of dx = 1..7; 3 / 7 as well with the identity
        "modal_consistency": 4 / 7,
    }
    for name, number in wanted.items():
        assert measured(nyquist.result, f"circular.{name}").value == pytest.approx(number), name


def test_gt03_all_pairs_and_the_identity_give_one_half(nyquist: AuditOutput) -> None:
    seen = [answers_by_roll(nyquist, "0000.png")[dx, 0] for dx in range(8)]
    assert np.mean([a == b for a in seen for b in seen]) == 0.5
    assert np.mean([a == seen[0] for a in seen]) == 0.5


def test_gt03_curves_are_those_of_four_failures_in_seven(nyquist: AuditOutput) -> None:
    curves = {curve.id: curve for curve in nyquist.result.curves}
    for at in curves["worst_of_k"].points:
        assert at.value == pytest.approx(comb(3, int(at.x)) / comb(7, int(at.x)))
    assert [(at.x, at.value) for at in curves["stride_phase"].points] == [(2, 1), (4, 1)]
    assert [at.value for at in curves["first_flip"].points] == [0] * 7


def test_gt03_any_image_follows_the_means_of_its_phases(tmp_path: Path) -> None:
    check_phase_law(run, tmp_path)


def test_gt04_adaptive_sampling_is_exact_under_rolls(tmp_path: Path) -> None:
    grid = [[dx, dy] for dx in range(3) for dy in range(3) if (dx, dy) != (0, 0)]
    plan = plan_of(families={"circular": {"shifts_px": grid}})
    net = truth_nets.area_of_phases(SIZE, 128 / 255)
    output = run(net, flat(tmp_path / "p.zip", natural(60, SIZE)), plan)
    assert max(row["logit_drift"] for row in rows_of(output)) <= 1e-4
    assert measured(output.result, "circular.consistency").value == 1


def test_gt04_equal_norms_are_not_invariant(tmp_path: Path) -> None:
    """5 alone, or 3 and 4: both have the norm 5; the mean goes from 1.25 to 1.75."""
    image = np.zeros((4, 4), np.uint8)
    image[[0, 0, 2], [0, 1, 1]] = [5, 3, 4]
    rolls = plan_of("byte", families={"circular": {"shifts_px": [[1, 0], [2, 0], [0, 2]]}})
    probes = flat(tmp_path / "p.zip", [image, image])
    result = run(truth_nets.area_of_phases(4, 1.5), probes, rolls).result
    assert [cell.consistency for cell in result.cells] == [0, 1, 1]


def test_gt07_a_fixed_pixel_flips_once_in_half_a_period(tmp_path: Path) -> None:
    halves = [1, 2, 4, 8]
    images = [
        np.tile(np.where(np.arange(SIZE) // half % 2, 255, 0).astype(np.uint8), (SIZE, 1))
        for half in halves
    ]
    rolls = [*([dx, 0] for dx in range(1, 65)), [0, 5]]
    plan = plan_of(families={"circular": {"shifts_px": rolls}})
    output = run(toys.fixed_pixel(3, 5), flat(tmp_path / "p.zip", images), plan)
    for number, half in enumerate(halves):
        seen = answers_by_roll(output, f"{number:04}.png")
        row = np.array([seen[dx, 0] for dx in range(65)])
        assert (row[1:] != row[:-1])[: 8 * half].mean() == 1 / half
        assert (row[:32, None] == row[None, :32]).mean() == 0.5
    found = measured(output.result, "circular.flip_probability").value
    assert found == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 8) / 4)
    assert cell_of(output.result, shift_px=(0, 5)).consistency == 1
