"""The sequential audit: stops when it is decided, and decides as a full audit would."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toys
import truth_nets
from auditing import LIMITS, measured, plan_of, rows_of, run
from holdfast.audit.part import Span
from holdfast.gate import judge, read_policy
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import Decision, GatePolicy
from holdfast.sandbox.parent import AuditOutput, verify_result
from inprocess import part_here, run_here
from toy_probes import class_folders, flat, noise, stripes

SIZE, N = 16, 400
ROLLS = {"circular": {"shifts_px": [[1, 0], [3, 0], [5, 0]]}}
WHITE, FLIPS = np.full((SIZE, SIZE), 255, np.uint8), stripes(SIZE)


def _policy(**limits: Any) -> GatePolicy:
    """A policy of level error; `circular__consistency=0.9` is a minimum."""
    named = {key.replace("__", "."): ["error", {"min": low}] for key, low in limits.items()}
    return read_policy({"assertions": named})


def _probes(folder: Path, flipping: int, n: int = N) -> Path:
    """`flipping` of n images change their answer at every odd roll, the others never."""
    steady = [WHITE, 0 * WHITE] * n
    return flat(folder / "p.zip", [FLIPS] * flipping + steady[: n - flipping])


def _audit(probes: Path, policy: GatePolicy | None, **more: Any) -> AuditOutput:
    plan = plan_of(families=ROLLS, **more)
    return run_here(toys.subsample(2, size=SIZE), probes, plan, policy=policy)


@pytest.mark.parametrize(
    ("flipping", "decision"), [(0, Decision.passed), (4, Decision.passed), (160, Decision.failed)]
)
def test_clear_gates_need_a_quarter_of_the_forwards_and_decide_alike(
    tmp_path: Path, flipping: int, decision: Decision
) -> None:
    policy = _policy(circular__consistency=0.9, circular__worst_case=0.9)
    probes = _probes(tmp_path, flipping)
    soon, full = _audit(probes, policy), _audit(probes, policy, full=True)
    assert full.result.sequential is None
    assert full.result.probes.n_used == N
    assert judge(full.result, policy).decision is judge(soon.result, policy).decision is decision
    assert 4 * soon.result.samples.n_rows <= full.result.samples.n_rows
    evidence = soon.result.sequential
    assert evidence is not None
    assert evidence.stopped
    assert evidence.n_images == soon.result.probes.n_used < evidence.n_planned == N
    assert "stopped_early" in [finding.id for finding in soon.result.findings]
    for name in ("consistency", "worst_case"):
        found, whole = (measured(o.result, f"circular.{name}") for o in (soon, full))
        assert found.low <= whole.value <= found.high  # type: ignore[operator] # measured


def test_without_a_policy_everything_is_measured(tmp_path: Path) -> None:
    output = _audit(_probes(tmp_path, 4), None)
    assert output.result.sequential is None
    assert output.result.samples.n_rows == N * 4


def test_data_that_end_too_soon_decide_nothing(tmp_path: Path) -> None:
    """Four of 40 images flip and the limit is one in ten: no evidence either way."""
    policy = _policy(circular__consistency=0.9)
    result = _audit(_probes(tmp_path, 4, 40), policy).result
    assert result.sequential is not None
    assert (result.sequential.stopped, result.probes.n_used) == (False, 40)
    (test,) = result.sequential.tests
    assert test.decision is None
    assert judge(result, policy).decision is Decision.inconclusive


def test_what_no_image_tests_keeps_the_audit_going(tmp_path: Path) -> None:
    """The worst cell is no number of an image: its interval decides, after the last image."""
    policy = _policy(circular__consistency=0.5, circular__worst_cell=0.5)
    result = _audit(_probes(tmp_path, 4, 100), policy).result
    assert result.probes.n_used == 100
    assert judge(result, policy).decision is Decision.passed


def test_a_degenerate_model_stops_early_and_never_passes(tmp_path: Path) -> None:
    probes = class_folders(tmp_path / "p.zip", {"0": noise(60, 8, 8), "1": noise(60, 8, 8, seed=1)})
    policy = _policy(translation__consistency=0.5)
    plan = plan_of(shifts_px=[[1, 0]])
    result = run_here(toys.constant(size=8), probes, plan, policy=policy).result
    assert result.sequential is not None
    assert result.sequential.tests[0].decision == "passed"
    assert judge(result, policy).decision is Decision.failed


def _timeless(output: AuditOutput) -> bytes:
    return re.sub(rb'"(duration_s|started_at)":("[^"]*"|[0-9.e-]+)', b"", output.result_json)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    policy, model = _policy(circular__consistency=0.9), toys.subsample(2, size=SIZE)
    probes = _probes(tmp_path, 40)

    def once(seed: int) -> AuditOutput:
        return run(model, probes, plan_of(families=ROLLS, seed=seed), policy=policy)

    first, second, other = once(1), once(1), once(2)
    assert _timeless(first) == _timeless(second)
    assert first.samples == second.samples
    assert first.samples != other.samples


FAMILIES: dict[str, Any] = {
    "translation": {"shifts_px": [[1, 0], [-3, 2]]},
    "rotation": {"angles_deg": [-10, 10, 25], "border": "disc"},
    "scale": {"zooms": [0.9, 1.1]},
    "spatial": {
        "grid": {"angles_deg": [-20, 0, 20], "shifts_x_px": [-3, 0, 3], "shifts_y_px": [0, 3]},
        "search": "worst",
    },
    "circular": {"shifts_px": [[1, 0], [2, 0], [3, 0], [4, 0]]},
    "displacement": {"shifts_px": [[6, 0], [0, -6]]},
    "lattice": {},
}


@pytest.fixture(scope="module")
def everything(digits: Path) -> AuditOutput:
    """A stopped audit with every family, a disc, a search and controls."""
    policy = _policy(accuracy=0.5, spatial__worst_case=0.9, displacement__consistency=0.01)
    plan = plan_of(families=FAMILIES, controls=24)
    output = run(digits / "centered.onnx", digits / "probes.zip", plan, policy=policy)
    assert output.result.sequential is not None
    assert output.result.sequential.stopped
    return output


def _verified(output: AuditOutput, folder: Path, claim: bytes | None = None) -> list[str]:
    (folder / "result.json").write_bytes(claim or output.result_json)
    (folder / "samples").write_bytes(output.samples)
    found = verify_result(
        folder / "result.json", folder / "samples", mode="required", limits=LIMITS
    )
    return [difference.what for difference in found.differences]


def test_verify_agrees_with_a_stopped_searched_masked_audit(
    everything: AuditOutput, tmp_path: Path
) -> None:
    assert _verified(everything, tmp_path) == []


@pytest.mark.parametrize(
    ("path", "change", "told"),
    [
        (("measurements", 0, "low"), 0.999, "measurement accuracy low"),
        (("cells", 3, "ties"), 1, "cell rotation ties"),
        (("curves", 0, "points", 0, "value"), 0.123, "curve worst_of_k points"),
        (("groups", 0, "value"), 0.123, "group 1 value"),
        (("sequential", "tests", 1, "decision"), "passed", "evidence spatial.worst_case decision"),
        (("sequential", "tests", 0, "log_e_pass"), 99.0, "evidence accuracy log_e_pass"),
        (("sequential", "n_images"), 5, "evidence None n_images"),
    ],
)
def test_verify_finds_a_changed_number(
    everything: AuditOutput, tmp_path: Path, path: tuple[Any, ...], change: Any, told: str
) -> None:
    claim = json.loads(everything.result_json)
    place = claim
    for step in path[:-1]:
        place = place[step]
    assert place[path[-1]] != change
    place[path[-1]] = change
    assert told in _verified(everything, tmp_path, json.dumps(claim).encode())


@pytest.mark.parametrize("search", ["exhaustive", "worst"])
def test_ties_are_no_agreement_in_a_search_either(tmp_path: Path, search: str) -> None:
    """Black fills 12 of 32 columns of a grey of 204: exactly the threshold, in every cell."""
    probes = flat(tmp_path / "p.zip", [np.full((32, 32), 204, np.uint8)] * 4)
    cells = [{"shift_px": [12, 0]}, {"shift_px": [0, 12]}]
    plan = plan_of("byte", families={"spatial": {"cells": cells, "search": search}})
    result = run_here(truth_nets.mean_below(127.5), probes, plan).result
    assert measured(result, "spatial.worst_case").outcome == "error"


def _searched(digits: Path, model: str, search: str) -> AuditOutput:
    grid = {
        "angles_deg": [-30, -15, 0, 15, 30],
        "shifts_x_px": [-6, -3, 0, 3, 6],
        "shifts_y_px": [-6, 0, 6],
    }
    plan: AuditPlan = plan_of(families={"spatial": {"grid": grid, "search": search}}, limit=80)
    return run(digits / model, digits / "probes.zip", plan)


@pytest.mark.parametrize(("model", "cheaper"), [("centered.onnx", 3), ("everywhere.onnx", 1)])
def test_the_search_finds_what_the_grid_finds(digits: Path, model: str, cheaper: int) -> None:
    grid, sought = (_searched(digits, model, search) for search in ("exhaustive", "worst"))
    for name in ("worst_case", "robust_accuracy"):
        found, whole = (measured(o.result, f"spatial.{name}") for o in (sought, grid))
        assert found == whole
        assert found.value is not None
    assert len(rows_of(grid)) >= cheaper * len(rows_of(sought))
    assert measured(sought.result, "spatial.consistency").outcome == "not_applicable"


@pytest.mark.parametrize(("side", "n_cells", "images"), [(224, 50, 8), (224, 5, 16), (16, 50, 16)])
def test_it_looks_more_often_where_the_views_of_few_images_fill_the_lanes(
    tmp_path: Path, side: int, n_cells: int, images: int
) -> None:
    """13 views of 224 x 224 x 3 px are a batch: 8 images with 50 cells make 31 of them."""
    channels = 3 if side > SIZE else 1
    shape = (side, side, channels) if channels > 1 else (side, side)
    probes = flat(tmp_path / "p.zip", noise(4, *shape))
    shifts = [[step, 0] for step in range(1, n_cells + 1)]
    plan = plan_of(shifts_px=shifts)
    model = toys.mean_pixel(channels=channels, size=(side, side))
    policy = _policy(translation__consistency=0.5)
    part, _ = part_here(model, probes, plan, Span(0, 64), policy=policy)
    assert part.origin is not None
    assert part.origin.block_images == images
