"""An audit in parts gives, byte by byte, what it gives in one piece."""

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import toys
from auditing import LIMITS, measured, plan_of, rows_of
from holdfast.audit.part import Span, follow
from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.records.part import AuditPart
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.sandbox.parent import AuditOutput, verify_result
from inprocess import merge_here, part_here, run_here
from toy_probes import flat, noise, png, zip_of
from workers import timeless

FAMILIES: dict[str, Any] = {
    "translation": {"shifts_px": [[1, 0], [-3, 2]]},
    "rotation": {"angles_deg": [-10, 10, 25], "border": "disc"},
    "scale": {"zooms": [0.9]},
    "spatial": {
        "grid": {"angles_deg": [-20, 0, 20], "shifts_x_px": [-3, 0, 3], "shifts_y_px": [0, 3]},
        "search": "worst",
    },
    "circular": {"shifts_px": [[1, 0], [2, 0]]},
}
FULL = plan_of(families=FAMILIES, controls=100, limit=200, full=True)
CUTS = [(64, 128, 192), (128,), (64, 192, 256, 320)]


def _policy(**limits: float) -> GatePolicy:
    named = {key.replace("__", "."): ["error", {"min": low}] for key, low in limits.items()}
    return read_policy({"assertions": named})


def _timeless(output: AuditOutput) -> bytes:
    return timeless(output.result_json)


def _parts(
    model: bytes, probes: Path, plan: AuditPlan, cuts: Sequence[int], policy: GatePolicy | None
) -> list[tuple[AuditPart, bytes]]:
    ends = [0, *cuts, 10_000]
    return [
        part_here(model, probes, plan, Span(start, stop), policy=policy)
        for start, stop in pairwise(ends)
    ]


@pytest.fixture(scope="module")
def centered(digits: Path) -> bytes:
    return (digits / "centered.onnx").read_bytes()


@pytest.fixture(scope="module")
def probes(digits: Path) -> Path:
    return digits / "probes.zip"


@pytest.fixture(scope="module")
def whole(centered: bytes, probes: Path) -> AuditOutput:
    return run_here(centered, probes, FULL)


@pytest.mark.parametrize("cuts", CUTS)
def test_a_full_audit_in_parts_is_the_audit_in_one_piece(
    centered: bytes, probes: Path, whole: AuditOutput, cuts: Sequence[int]
) -> None:
    parts = _parts(centered, probes, FULL, cuts, None)
    merged = merge_here(centered, probes, FULL, parts)
    assert merged.samples == whole.samples
    assert _timeless(merged) == _timeless(whole)
    assert len(merged.result.examples) > 0
    assert measured(merged.result, "rotation.excess_flip_rate").n_images == 100


SOON = plan_of(families=FAMILIES, controls=24)
FAILS = _policy(
    accuracy=0.5, spatial__worst_case=0.9, circular__consistency=0.01, rotation__consistency=0.99
)
PASSES = _policy(circular__consistency=0.3)
NEVER = _policy(accuracy=0.5, translation__worst_cell=0.5)


@pytest.mark.parametrize(
    ("policy", "stopped", "controls"),
    [(FAILS, True, 24), (PASSES, True, None), (NEVER, False, None)],
)
def test_a_sequential_audit_in_parts_stops_at_the_same_image(
    *, centered: bytes, probes: Path, policy: GatePolicy, stopped: bool, controls: int | None
) -> None:
    plan = SOON.model_copy(update={"limit": 150})
    alone = run_here(centered, probes, plan, policy=policy)
    assert alone.result.sequential is not None
    assert alone.result.sequential.stopped is stopped
    merged = merge_here(
        centered, probes, plan, _parts(centered, probes, plan, (64, 128), policy), policy=policy
    )
    assert merged.samples == alone.samples
    assert _timeless(merged) == _timeless(alone)
    excess = measured(merged.result, "rotation.excess_flip_rate")
    assert (excess.n_images if excess.value is not None else None) == controls


def _halting(folder: Path, n: int) -> Path:
    """Every fifth image changes its answer when it rolls by one: a limit of 14 % is close."""
    stripes = np.tile(np.array([0, 255], np.uint8), (16, 8))
    steady = np.full((16, 16), 255, np.uint8)
    return flat(folder / "p.zip", [stripes if i % 5 == 0 else steady for i in range(n)])


ROLLS = plan_of(families={"circular": {"shifts_px": [[1, 0], [3, 0]]}}, controls=0)


def test_the_prefix_decides_in_the_part_in_which_the_audit_stops(tmp_path: Path) -> None:
    model, probes = toys.subsample(2, size=16), _halting(tmp_path, 512)
    policy = _policy(circular__consistency=0.86)
    alone = run_here(model, probes, ROLLS, policy=policy).result.sequential
    assert alone is not None
    assert alone.stopped
    assert alone.n_images > 64, "not in the first part, or the test shows little"
    parts = [part for part, _ in _parts(model, probes, ROLLS, (64, 128, 192, 256, 384), policy)]
    seen = [follow(ROLLS, policy, parts[:n]) for n in range(1, len(parts) + 1)]
    needed = next(n for n, part in enumerate(parts) if part.stop >= alone.n_images)
    assert [each.decided for each in seen] == [n >= needed for n in range(len(parts))]
    assert {each.stop for each in seen[needed:]} == {alone.n_images}
    late = _parts(model, probes, ROLLS, (64, 128, 192, 256, 384), policy)[: needed + 1]
    assert merge_here(model, probes, ROLLS, late, policy=policy).result.sequential == alone


def test_the_first_part_ends_where_it_is_decided(centered: bytes, probes: Path) -> None:
    part, _ = part_here(centered, probes, SOON, Span(0, 192), policy=FAILS)
    assert part.blocks[-1].stop < 64
    assert follow(SOON, FAILS, [part]).decided


def test_a_part_behind_the_first_leaves_no_family(centered: bytes, probes: Path) -> None:
    """It cannot know what is decided: only the merge does, and drops the rows."""
    _, samples = part_here(centered, probes, SOON, Span(64, 192), policy=NEVER)
    rows = pq.read_table(io.BytesIO(samples)).to_pylist()
    by_family = {
        family: {row["probe"] for row in rows if row["family"] == family} for family in FAMILIES
    }
    assert {len(names) for names in by_family.values()} == {128}


def test_broken_images_are_skipped_once_wherever_they_are(tmp_path: Path) -> None:
    images = [png(pixels) for pixels in noise(150, 16, 16)]
    for place in (3, 70, 71, 149):
        images[place] = images[0][:40]
    probes = zip_of(tmp_path / "p.zip", [(f"{n:03}.png", data) for n, data in enumerate(images)])
    model, plan = toys.linear(size=(16, 16), channels=1, classes=2), plan_of(shifts_px=[[1, 0]])
    alone = run_here(model, probes, plan)
    assert len(alone.result.probes.skipped) == 4
    merged = merge_here(model, probes, plan, _parts(model, probes, plan, (64, 128), None))
    assert (_timeless(merged), merged.samples) == (_timeless(alone), alone.samples)


def _one_by_one() -> bytes:
    """Declares a free batch, but its graph holds a batch of one."""
    nodes = [
        toys.node("Reshape", ["image", "to"], "flat"),
        toys.node("Identity", ["flat"], "scores"),
    ]
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", None)
    return toys.model(nodes, [image], [scores], [toys.tensor("to", [1, 64], "int64")])


def test_what_the_first_batch_told_about_the_model_is_in_the_merged_result(tmp_path: Path) -> None:
    """No batch runs in a merge but those of late controls, which also need to know."""
    probes = flat(tmp_path / "p.zip", noise(100, 8, 8))
    model, plan = _one_by_one(), plan_of(angles_deg=[20], controls=10)
    policy = _policy(rotation__consistency=0.99)
    alone = run_here(model, probes, plan, policy=policy)
    assert alone.result.model.batching == "fails"
    assert measured(alone.result, "rotation.excess_flip_rate").n_images == 10
    parts = _parts(model, probes, plan, (64,), policy)
    merged = merge_here(model, probes, plan, parts, policy=policy)
    assert (_timeless(merged), merged.samples) == (_timeless(alone), alone.samples)


def _refused(model: bytes, probes: Path, parts: list[tuple[AuditPart, bytes]]) -> str:
    with pytest.raises(HoldfastError) as refused:
        merge_here(model, probes, FULL, parts)
    return f"{refused.value.code} {refused.value.fields.get('what', '')}"


def test_parts_that_do_not_belong_together_are_refused(centered: bytes, probes: Path) -> None:
    first, second, third = (
        part_here(centered, probes, FULL, Span(a, b)) for a, b in ((0, 64), (64, 128), (128, 200))
    )
    assert _refused(centered, probes, []) == "parts_differ the first one is missing"
    assert _refused(centered, probes, [first, third]) == "parts_differ there is a gap at image 64"
    assert _refused(centered, probes, [first, second]) == "parts_differ the last one is missing"
    part, samples = second
    assert part.origin is not None
    for name, told in (
        ("engine_version", "they were made by several releases of Holdfast"),
        ("setup_digest", "the same first images gave several answers"),
        ("device", "they were measured on several devices"),
    ):
        other = part.origin.model_copy(update={name: "other"})
        odd = part.model_copy(update={"origin": other})
        assert _refused(centered, probes, [first, (odd, samples), third]) == f"parts_differ {told}"
    assert _refused(centered, probes, [first, (part, third[1]), third]).startswith("invalid_sam")
    elsewhere = [(_on_gpu(each), samples) for each, samples in (first, second, third)]
    told = "parts_differ they were measured on several devices"
    assert _refused(centered, probes, elsewhere) == told


def _on_gpu(part: AuditPart) -> AuditPart:
    assert part.origin is not None
    return part.model_copy(update={"origin": part.origin.model_copy(update={"device": "gpu"})})


def test_verify_recomputes_controls_that_came_late(
    centered: bytes, probes: Path, tmp_path: Path
) -> None:
    output = run_here(centered, probes, SOON, policy=FAILS)
    late = [row for row in rows_of(output) if row["role"] in ("blur", "occlusion")]
    assert len({row["probe"] for row in late}) == 24
    (tmp_path / "result.json").write_bytes(output.result_json)
    (tmp_path / "samples").write_bytes(output.samples)
    found = verify_result(
        tmp_path / "result.json", tmp_path / "samples", mode="required", limits=LIMITS
    )
    assert found.differences == ()
