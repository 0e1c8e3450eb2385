"""GT-09, GT-10: a model that sees nothing, and one that sees only how bright a picture is."""

from pathlib import Path

import numpy as np
import pytest

import toys
import truth_nets
from auditing import cell_of, measured, plan_of, run
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Decision
from holdfast.records.result import AuditResult
from toy_probes import class_folders, flat, noise
from truth_images import natural

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
            for name in ("drift", "logit_drift", "accuracy_drop"):
                assert measured(result, f"{family}.{name}").value == 0
            # a gate that nothing leans to fail has no failure for the controls to explain
            excess = measured(result, f"{family}.excess_flip_rate").value
            assert excess == (None if asked else 0)
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
