"""GT-09, GT-10, GT-17, GT-24: lost content, resampling and a model that sees nothing."""

from pathlib import Path

import numpy as np
import pytest

import toys
import truth_nets
from auditing import cell_of, measured, plan_of, run
from holdfast.gate import judge, read_policy
from holdfast.records.families import Family
from holdfast.records.policy import Decision
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput
from toy_probes import class_folders, flat, noise
from truth_images import natural, white_noise

SIZE = 32
LATTICE = {"lattice": {}, "circular": {"shifts_px": [[1, 0], [7, 5]]}}


def _names(result: AuditResult) -> list[str]:
    return [finding.id for finding in result.findings]


def test_gt09_a_constant_model_is_perfect_and_never_passes(tmp_path: Path) -> None:
    probes = class_folders(
        tmp_path / "p.zip", {"0": noise(10, 8, 8), "1": noise(25, 8, 8), "2": noise(15, 8, 8)}
    )
    plan = plan_of(shifts_px=[[1, 0], [0, 2]], angles_deg=[10], zooms=[0.9], controls=100)
    policy = read_policy(
        {
            "assertions": {
                "translation.consistency": ["error", {"min": 0.5}],
                "rotation.worst_case": ["error", {"min": 0.5}],
                "accuracy": ["error", {"min": 0.1}],
            }
        }
    )
    for asked in (None, policy):
        result = run(toys.constant(size=8), probes, plan, policy=asked).result
        for family in ("translation", "rotation", "scale"):
            for name in ("consistency", "worst_case", "modal_consistency", "worst_cell"):
                assert measured(result, f"{family}.{name}").value == 1
            for name in ("drift", "logit_drift", "excess_flip_rate", "accuracy_drop"):
                assert measured(result, f"{family}.{name}").value == 0
        assert _names(result)[0] == "constant_model"
        verdict = judge(result, policy)
        assert verdict.decision is Decision.failed
        assert verdict.judgements[0].id == "constant_model"
        assert any(item.decision is Decision.passed for item in verdict.judgements)
        if asked is None:
            assert measured(result, "accuracy").value == 0.5  # the share of class 1


def test_gt10_the_mean_is_blind_to_rolls_turns_and_mirrors(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", natural(40, SIZE))
    plan = plan_of("byte", families=LATTICE)
    result = run(toys.mean_pixel(128.25), probes, plan).result
    for family in LATTICE:
        assert measured(result, f"{family}.worst_case").value == 1
        drift = measured(result, f"{family}.logit_drift").value
        assert drift == 0  # sums of whole numbers are exact in any order


def test_gt10_lost_content_flips_without_motion_too(tmp_path: Path) -> None:
    """m = v (1 - d / 32): an exact tie at d = 12, the first flip at d = 13, with or without it."""
    probes = flat(tmp_path / "p.zip", [np.full((SIZE, SIZE), 204, np.uint8)] * 2)
    plan = plan_of("byte", shifts_px=[[dx, 0] for dx in range(1, SIZE)], controls=2)
    result = run(truth_nets.mean_below(127.5), probes, plan).result
    for dx in range(1, SIZE):
        cell = cell_of(result, shift_px=(dx, 0))
        (control,) = cell.controls
        assert cell.ties == (2 if dx == 12 else 0)
        assert cell.consistency == float(dx <= 12)
        assert (control.kind, control.flip_rate) == ("occlusion", float(dx > 12))
        assert control.excess_flip_rate == 0
    assert measured(result, "translation.excess_flip_rate").value == 0
    assert measured(result, "translation.consistency").value == pytest.approx(12 / 31)
    assert {"translation.content_loss", "ties"} <= set(_names(result))
    (first_flip,) = [curve for curve in result.curves if curve.id == "first_flip"]
    assert {at.x: at.value for at in first_flip.points}[12] == 1
    assert {at.x: at.value for at in first_flip.points}[13] == 0


def test_gt10_too_many_exact_ties_are_no_agreement(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", [np.full((SIZE, SIZE), 204, np.uint8)] * 2)
    plan = plan_of("byte", shifts_px=[[4, 0], [12, 0]])
    result = run(truth_nets.mean_below(127.5), probes, plan).result
    for name in ("consistency", "worst_case", "worst_cell", "pair_consistency"):
        assert measured(result, f"translation.{name}").outcome == "error"


def test_gt17_a_disc_is_large_enough_from_its_zoom_on(tmp_path: Path) -> None:
    """Area grows with the square of the zoom: a threshold of 1.21 times it is reached at 1.10."""
    size, radius = 128, 30
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    image = np.where(np.hypot(x, y) <= radius, 200, 0).astype(np.uint8)
    zooms = [1.05, 1.08, 1.09, 1.11, 1.12, 1.15, 0.9]
    probes = flat(tmp_path / "p.zip", [image, image])
    net = toys.mean_pixel(1.21 * float(image.mean()), size=(size, size))
    result = run(net, probes, plan_of("byte", zooms=zooms, resize=size)).result
    for zoom in zooms:
        assert cell_of(result, zoom=zoom).consistency == float(zoom < 1.10), zoom


@pytest.fixture(scope="module")
def energy(tmp_path_factory: pytest.TempPathFactory) -> AuditOutput:
    """White noise under a model that asks whether three quarters of its energy are left."""
    size, sd = 64, 30.0
    images = white_noise(12, size, sd=sd)
    probes = flat(tmp_path_factory.mktemp("gt24") / "p.zip", images)
    halves = [{"shift_px": [step, step]} for step in (0.25, 0.5)]
    families = {
        **LATTICE,
        "rotation": {"angles_deg": [-27.0, 10.0, 33.0], "border": "disc"},
        "spatial": {"cells": halves},
    }
    plan = plan_of("byte", families=families, controls=12)
    return run(truth_nets.energy_in_disc(size, 128.0, 0.75 * sd**2), probes, plan)


def test_gt24_interpolation_loses_what_the_model_reads(energy: AuditOutput) -> None:
    for family in ("lattice", "circular"):
        assert measured(energy.result, f"{family}.worst_case").value == 1
    for family in ("rotation", "spatial"):
        assert measured(energy.result, f"{family}.consistency").value == 0


def test_gt24_the_blur_control_flips_as_well_and_the_finding_says_so(energy: AuditOutput) -> None:
    for cell in energy.result.cells:
        for control in cell.controls:
            if control.kind == "blur":
                assert (control.flip_rate, control.excess_flip_rate) == (1, 0), cell
            else:
                assert control.flip_rate == 0, cell
    with_blur = {cell.family for cell in energy.result.cells if cell.controls}
    assert with_blur == {Family.rotation, Family.spatial}
    assert measured(energy.result, "rotation.excess_flip_rate").value == 0
    names = _names(energy.result)
    assert {"rotation.resampling", "spatial.resampling"} <= set(names)
    assert not {"rotation.content_loss", "spatial.content_loss"} & set(names)
