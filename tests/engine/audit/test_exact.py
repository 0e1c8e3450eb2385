"""Audits through the real child whose every number is known in closed form."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import toys
from auditing import cell_of, measured, plan_of, rows_of, run
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Decision
from holdfast.stats import clopper_pearson
from toy_probes import class_folders, flat, noise, stripes

SIZE = 32


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_the_mean_pixel_flips_when_the_fill_has_eaten_enough(tmp_path: Path) -> None:
    """m = v (1 - |dx|/32)(1 - |dy|/32) on black fill; scores (m - tau, tau - m)."""
    values = [204, 255]  # 0.8 and 1.0
    probes = flat(tmp_path / "p.zip", [np.full((SIZE, SIZE), v, np.uint8) for v in values])
    shifts = [[0, 12], [13, 0], [-13, 0], [16, 0], [0, -17], [10, 10]]
    result = run(toys.mean_pixel(tau=0.49), probes, plan_of(shifts_px=shifts)).result
    flips = []
    for dx, dy in shifts:
        kept = (1 - abs(dx) / SIZE) * (1 - abs(dy) / SIZE)
        means = [v / 255 * kept for v in values]
        flips.append([mean < 0.49 for mean in means])
        drift = [
            _sigmoid(2 * (v / 255 - 0.49)) - _sigmoid(2 * (mean - 0.49))
            for v, mean in zip(values, means, strict=True)
        ]
        cell = cell_of(result, shift_px=(dx, dy))
        assert cell.consistency == 1 - np.mean(flips[-1])
        assert cell.drift == pytest.approx(np.mean(drift), abs=1e-6)
        assert cell.fill_share == pytest.approx(1 - kept, abs=1e-6)
        assert (cell.accuracy, cell.ties, cell.n_images) == (None, 0, 2)
    assert flips == [
        [False, False],
        [True, False],
        [True, False],
        [True, False],
        [True, True],
        [True, True],
    ]
    assert measured(result, "translation.consistency").value == pytest.approx(1 - 7 / 12)
    assert measured(result, "translation.worst_case").value == 0


def test_on_white_fill_nothing_flips(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", [np.full((SIZE, SIZE), v, np.uint8) for v in (204, 255)])
    plan = plan_of(shifts_px=[[30, 30]], angles_deg=[45], zooms=[0.2], fill=255)
    result = run(toys.mean_pixel(tau=0.49), probes, plan).result
    assert [cell.consistency for cell in result.cells] == [1, 1, 1]
    assert result.cells[0].fill_share > 0.9


def test_a_rotation_by_quarters_moves_no_mean(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(6, SIZE, SIZE))
    result = run(toys.mean_pixel(), probes, plan_of(angles_deg=[90, 180, 270, -90])).result
    for cell in result.cells:
        assert (cell.consistency, cell.fill_share) == (1, 0)
        assert cell.drift is not None
        assert cell.drift < 1e-7


def test_a_net_that_samples_every_second_pixel_flips_at_odd_shifts_only(tmp_path: Path) -> None:
    """GT-03: Nyquist stripes; the canvas is larger than the crop, so nothing is filled."""
    even = stripes(SIZE + 8)
    probes = class_folders(
        tmp_path / "p.zip", {"0": [even] * 5, "1": [np.roll(even, 1, axis=1)] * 5}
    )
    shifts = [[dx, dy] for dx, dy in product(range(-4, 5), (0, 1)) if (dx, dy) != (0, 0)]
    plan = plan_of(shifts_px=shifts, resize=SIZE + 8)
    result = run(toys.subsample(2), probes, plan).result
    low, high = clopper_pearson(0, 10, 0.95)
    for dx, dy in shifts:
        cell, steady = cell_of(result, shift_px=(dx, dy)), dx % 2 == 0
        assert cell.consistency == cell.accuracy == float(steady)
        wanted = (1 - high, 1 - low) if steady else (low, high)
        assert (cell.consistency_low, cell.consistency_high) == pytest.approx(wanted)
        assert cell.fill_share == 0
        assert cell.drift == pytest.approx(0 if steady else _sigmoid(1) - _sigmoid(-1), abs=1e-6)
    share = sum(dx % 2 == 0 for dx, _ in shifts) / len(shifts)
    assert measured(result, "translation.consistency").value == pytest.approx(share)
    assert measured(result, "translation.accuracy").value == pytest.approx(share)
    assert measured(result, "translation.worst_case").value == 0
    assert measured(result, "translation.robust_accuracy").value == 0
    assert measured(result, "accuracy").value == 1


def test_a_net_with_stride_4_shows_the_sign_of_the_shift(tmp_path: Path) -> None:
    """With stride 4 a shift by +1 and by -1 differ, with stride 2 a wrong sign would hide."""
    lines = np.tile(np.where(np.arange(48) % 4 == 3, 255, 0).astype(np.uint8), (48, 1))
    probes = flat(tmp_path / "p.zip", [lines, lines])
    plan = plan_of(shifts_px=[[1, 0], [-1, 0], [3, 0], [-3, 0]], resize=48)
    result = run(toys.subsample(4), probes, plan).result
    # the window starts at column 8; the net sees columns 8, 12, ... and the lines are at 3 mod 4
    assert [cell.consistency for cell in result.cells] == [0, 1, 1, 0]


@pytest.mark.parametrize("place", [(0, 0), (5, 30), (31, 16)])
def test_a_net_that_looks_at_one_pixel_tells_where_content_went(
    tmp_path: Path, place: tuple[int, int]
) -> None:
    images = noise(12, 40, 44, low=0, high=2) * np.uint8(255)
    shifts = [(1, 0), (0, 1), (-3, 2), (4, -4), (-6, -4), (20, 0), (0, -9)]
    plan = plan_of(shifts_px=[list(shift) for shift in shifts], resize=[40, 44])
    output = run(toys.fixed_pixel(*place), flat(tmp_path / "p.zip", images), plan)
    row, column = place[0] + 4, place[1] + 6  # where the window starts
    padded = np.pad(images, [(0, 0), (50, 50), (50, 50)])
    for seen in rows_of(output):
        dx, dy = int(seen["shift_x_px"] or 0), int(seen["shift_y_px"] or 0)
        pixel = padded[int(seen["probe"][:4]), 50 + row - dy, 50 + column - dx]
        assert seen["predicted"] == int(pixel == 0)
    for shift in shifts:
        moved = padded[:, 50 + row - shift[1], 50 + column - shift[0]]
        same = moved == images[:, row, column]
        assert cell_of(output.result, shift_px=shift).consistency == pytest.approx(same.mean())


def test_a_net_that_knows_only_the_column_follows_a_bright_pixel(tmp_path: Path) -> None:
    """GT-05; and when the pixel has left, all scores are equal: a tie, which is agreement."""
    images = np.zeros((3, SIZE, SIZE), np.uint8)
    columns = [16, 17, 26]
    images[[0, 1, 2], 10, columns] = 255
    shifts = [[dx, 0] for dx in (1, 2, 3, -16, 6, 20)] + [[0, 5]]
    output = run(
        toys.band_of_column(),
        flat(tmp_path / "p.zip", images),
        plan_of(shifts_px=shifts, angles_deg=[180]),
    )
    seen = {(row["probe"], row["cell"]): row for row in rows_of(output)}
    for number, column in enumerate(columns):
        for cell, (dx, _) in enumerate(shifts):
            row = seen[f"{number:04}.png", cell]
            gone = column + dx >= SIZE
            assert row["predicted"] == (0 if gone else (column + dx) // 4)
            assert row["tie"] == gone
            assert row["flip"] == (not gone and (column + dx) // 4 != column // 4)
        assert seen[f"{number:04}.png", len(shifts)]["predicted"] == (31 - column) // 4
    assert cell_of(output.result, shift_px=(20, 0)).ties == 3
    assert cell_of(output.result, shift_px=(20, 0)).consistency == 1
    assert "ties" in [finding.id for finding in output.result.findings]


def test_a_constant_model_is_found_and_keeps_every_gate_from_passing(tmp_path: Path) -> None:
    probes = class_folders(tmp_path / "p.zip", {"0": noise(3, 32, 32), "1": noise(3, 32, 32)})
    result = run(toys.constant(), probes, plan_of(shifts_px=[[1, 0]], angles_deg=[10])).result
    assert measured(result, "translation.consistency").value == 1
    assert measured(result, "rotation.drift").value == 0
    first = result.findings[0]
    assert (first.id, first.severity) == ("constant_model", "error")
    policy = read_policy({"assertions": {"translation.consistency": ["error", {"min": 0.1}]}})
    assert judge(result, policy).decision is Decision.failed


def test_zooming_out_on_black_loses_the_square_of_the_zoom(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", [np.full((SIZE, SIZE), v, np.uint8) for v in (204, 255)])
    result = run(toys.mean_pixel(tau=0.3), probes, plan_of(zooms=[0.5, 0.75, 2])).result
    for zoom, kept in ((0.5, 0.25), (0.75, 0.5625), (2.0, 1.0)):
        cell = cell_of(result, zoom=zoom)
        assert cell.fill_share == pytest.approx(1 - kept, abs=2e-3)
        flips = [v / 255 * kept < 0.3 for v in (204, 255)]
        assert cell.consistency == 1 - np.mean(flips)
