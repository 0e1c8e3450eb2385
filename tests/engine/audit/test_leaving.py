"""A sequential audit leaves a family once no assertion needs more of it."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import toys
import truth_nets
from auditing import LIMITS, measured, plan_of, rows_of
from holdfast.audit.comparing import compare_scores
from holdfast.audit.contrast import contrast
from holdfast.errors import HoldfastError
from holdfast.families import layout_of
from holdfast.gate import judge, read_policy
from holdfast.records.families import Family
from holdfast.records.job import Progress
from holdfast.records.model import ModelCard, OutputKind
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import Decision, GatePolicy
from holdfast.runtimes.protocol import ModelUnderTest, Scores
from holdfast.sandbox.parent import AuditOutput, verify_result
from inprocess import run_here
from toy_probes import flat, stripes

SIZE, N, FIRST = 16, 160, 32
FAMILIES: dict[str, Any] = {
    "translation": {"shifts_px": [[1, 0], [0, 3]]},
    "rotation": {"angles_deg": [-10, 10], "border": "disc"},
    "scale": {"zooms": [0.9]},
    "circular": {"shifts_px": [[1, 0], [2, 0], [3, 0]]},
}
SEARCH: dict[str, Any] = {
    "spatial": {
        "grid": {"angles_deg": [0], "shifts_x_px": [-3, 0, 3], "shifts_y_px": [0, 3]},
        "search": "worst",
    }
}
WHITE, FLIPS = np.full((SIZE, SIZE), 255, np.uint8), stripes(SIZE)


def _policy(**limits: Any) -> GatePolicy:
    named = {key.replace("__", "."): ["error", {"min": low}] for key, low in limits.items()}
    return read_policy({"assertions": named})


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fifth image changes its answer when it moves by an odd number of px."""
    steady = [WHITE, 0 * WHITE]
    images = [FLIPS if place % 5 == 0 else steady[place % 2] for place in range(N)]
    labels = [place % 2 for place in range(N)]
    return flat(tmp_path_factory.mktemp("probes") / "p.zip", images, labels)


def _audit(
    probes: Path,
    policy: GatePolicy | None,
    around: Callable[[ModelUnderTest], ModelUnderTest] = lambda opened: opened,
    on_progress: Callable[[Progress], None] = lambda _: None,
    **more: Any,
) -> AuditOutput:
    plan: AuditPlan = plan_of(**{"families": FAMILIES, **more})
    model = toys.subsample(2, size=SIZE)
    return run_here(model, probes, plan, policy=policy, around=around, on_progress=on_progress)


def _images(output: AuditOutput) -> dict[str, int]:
    """Of how many images the rows show each family's cells."""
    seen: dict[str, set[str]] = {}
    for row in rows_of(output):
        if row["role"] in ("cell", "search"):
            seen.setdefault(row["family"], set()).add(row["probe"])
    return {family: len(names) for family, names in seen.items()}


# Circular flips in two cells of three of a fifth of the images: 0.87, close to its limit.
CLOSE = {"circular__consistency": 0.86}
SOON = _policy(rotation__worst_case=0.2, **CLOSE)


@pytest.fixture(scope="module")
def left(probes: Path) -> AuditOutput:
    """Rotation is decided soon, circular never; nobody asks for translation and scale."""
    return _audit(probes, SOON)


def test_each_family_is_measured_until_its_own_assertions_are_decided(left: AuditOutput) -> None:
    found = _images(left)
    assert left.result.probes.n_used == found["circular"] == N
    assert found["translation"] == found["scale"] == FIRST
    assert FIRST <= found["rotation"] < N
    evidence = left.result.sequential
    assert evidence is not None
    told = {test.id: test for test in evidence.tests}
    assert told["rotation.worst_case"].decision == "passed"
    assert told["rotation.worst_case"].n_images <= found["rotation"]
    assert judge(left.result, SOON).decision is Decision.inconclusive


def test_every_number_says_of_how_many_images_it_is(left: AuditOutput) -> None:
    found = _images(left)
    for family, n in found.items():
        for name in ("consistency", "worst_case", "worst_cell", "pair_consistency"):
            row = measured(left.result, f"{family}.{name}")
            assert row.value is None or row.n_images == n, row.id
        assert {c.n_images for c in left.result.cells if c.family == family} == {n}
        assert {c.n_images for c in left.result.curves if c.family == family} == {n}
    (finding,) = [f for f in left.result.findings if f.id == "left_early"]
    for family in ("translation", "scale", "rotation"):
        assert f"{family} {found[family]}" in finding.sentence
    assert "circular" not in finding.sentence


@final
@dataclass(frozen=True)
class Crowded:
    """A model whose last bits depend on how many views are in its batch, as some really do."""

    inner: ModelUnderTest

    @property
    def card(self) -> ModelCard:
        return self.inner.card

    @property
    def on_device(self) -> None:
        return None

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        scores = np.array(self.inner(batch))
        scores[:, 0] += np.float32(1e-6) * np.float32(len(batch))
        return scores


def test_leaving_changes_no_bit_of_what_goes_on(probes: Path) -> None:
    """The worst cell keeps every family; rows of both audits are the same where both have them."""
    everywhere = _policy(**{f"{family}__worst_cell": 0.5 for family in FAMILIES})
    left, kept = (_audit(probes, policy, around=Crowded) for policy in (SOON, everywhere))
    assert set(_images(kept).values()) == {N}
    assert "left_early" not in [finding.id for finding in kept.result.findings]

    def by_view(output: AuditOutput) -> dict[tuple[str, int, str], Any]:
        return {
            (row["probe"], row["cell"], row["family"]): row
            for row in rows_of(output)
            if row["role"] in ("cell", "reference")
        }

    fewer, all_of_them = by_view(left), by_view(kept)
    assert len(fewer) < len(all_of_them)
    for view, row in fewer.items():
        assert repr(row) == repr(all_of_them[view])  # NaN is NaN


def test_the_numbers_of_a_family_are_those_of_its_first_images(probes: Path) -> None:
    """As if the audit had ended where the family was left."""
    policy = _policy(rotation__worst_cell=0.5)
    left, whole = _audit(probes, policy), _audit(probes, policy, limit=FIRST)
    for family in ("translation", "scale", "circular"):
        for kind in ("measurements", "cells", "curves"):
            one, other = (_told(each, kind, family) for each in (left, whole))
            assert one == other
            assert len(one) > 0
    assert {c.n_images for c in left.result.curves if c.id == "stride_phase"} == {FIRST}


def _told(output: AuditOutput, kind: str, family: str) -> list[Any]:
    """What was measured of a family; what was not names the images of the whole audit."""
    return [
        each
        for each in getattr(output.result, kind)
        if family == getattr(each, "family", each.id.rpartition(".")[0] if kind[0] == "m" else "")
        and getattr(each, "value", 0) is not None
    ]


def test_ties_are_counted_among_the_images_that_were_seen(tmp_path: Path) -> None:
    """Of a grey of 204 twelve of 32 columns become black: exactly the threshold, in one of seven.

    That is one in 35 where all images count, less than the share at which nobody judges.
    """
    tied, steady = np.full((32, 32), 204, np.uint8), np.full((32, 32), 255, np.uint8)
    images = [tied if place % 7 == 0 else steady for place in range(N)]
    plan = plan_of("byte", shifts_px=[[12, 0]], angles_deg=[5])
    output = run_here(
        truth_nets.mean_below(127.5),
        flat(tmp_path / "p.zip", images),
        plan,
        policy=_policy(rotation__worst_cell=0.5),
    )
    assert _images(output) == {"translation": FIRST, "rotation": N}
    assert measured(output.result, "translation.consistency").outcome == "error"
    assert measured(output.result, "translation.worst_cell").outcome == "error"


def test_what_nobody_took_looks_like_its_reference_and_has_no_fill() -> None:
    layout = layout_of(plan_of(shifts_px=[[1, 0]], angles_deg=[5]).families)
    few, every = layout.views(controls=False, families={Family.rotation}), layout.plain
    raw = np.random.default_rng(0).normal(size=(4, len(few), 3)).astype(np.float32)
    fill = np.full((4, len(few)), 0.5, np.float32)
    labels = raw[:, 0].argmax(axis=-1)  # the reference is right
    kind = OutputKind.logits
    seen = compare_scores(raw, few, labels, kind=kind, tolerance=0.0, fill=fill).among(every)
    (nobody,) = (place for place, view in enumerate(every) if view.family is Family.translation)
    assert seen.correct[:, 0].all()
    for column in (seen.flip, seen.tie, seen.correct, seen.drift, seen.logit_drift, seen.fill):
        assert not column[:, nobody].any()
    (rotated,) = (place for place, view in enumerate(every) if view.family is Family.rotation)
    assert (seen.fill[:, rotated] == 0.5).all()
    assert np.array_equal(seen.predicted[:, rotated], raw[:, -1].argmax(axis=-1))


def _verified(output: AuditOutput, folder: Path, samples: bytes | None = None) -> list[str]:
    (folder / "result.json").write_bytes(output.result_json)
    (folder / "samples").write_bytes(samples or output.samples)
    found = verify_result(
        folder / "result.json", folder / "samples", mode="required", limits=LIMITS
    )
    return [difference.what for difference in found.differences]


def test_verify_recomputes_what_was_left(left: AuditOutput, tmp_path: Path) -> None:
    assert _verified(left, tmp_path) == []


def test_a_family_does_not_come_back(left: AuditOutput, tmp_path: Path) -> None:
    """The first images, with all families, stand behind the others."""
    table = pq.read_table(io.BytesIO(left.samples))
    names = table["probe"].to_pylist()
    first = names.index(next(name for name in names if name not in set(names[:1])))
    file = io.BytesIO()
    pq.write_table(pa.concat_tables([table, table.slice(0, first)]), file)
    with pytest.raises(HoldfastError, match="comes back"):
        _verified(left, tmp_path, file.getvalue())


def test_a_search_is_left_as_well(probes: Path, tmp_path: Path) -> None:
    policy = _policy(spatial__worst_case=0.1, **CLOSE)
    output = _audit(probes, policy, families={**SEARCH, "circular": FAMILIES["circular"]})
    found = _images(output)
    assert FIRST <= found["spatial"] < found["circular"] == N
    assert measured(output.result, "spatial.worst_case").n_images == found["spatial"]
    assert _verified(output, tmp_path) == []


def test_controls_run_for_the_family_that_fails(probes: Path, tmp_path: Path) -> None:
    """Translation by an odd number of px fails; rotation holds, so nothing is to be explained."""
    policy = _policy(translation__worst_case=0.99, rotation__worst_case=0.2, **CLOSE)
    output = _audit(probes, policy, controls=50)
    controls = [row for row in rows_of(output) if row["role"] in ("blur", "occlusion")]
    assert {row["family"] for row in controls} == {"translation"}
    n = _images(output)["translation"]
    assert len({row["probe"] for row in controls}) == n == FIRST
    assert measured(output.result, "translation.excess_flip_rate").n_images == n
    assert measured(output.result, "rotation.excess_flip_rate").value is None
    assert all(not cell.controls for cell in output.result.cells if cell.family == "rotation")
    assert _verified(output, tmp_path) == []


def test_progress_ends_where_it_says_it_will(probes: Path) -> None:
    told: list[Progress] = []
    output = _audit(probes, SOON, on_progress=told.append)
    measuring = [each for each in told if each.stage == "measuring"]
    assert measuring[-1].done == measuring[-1].total == output.result.samples.n_rows
    assert measuring[0].total > measuring[-1].total, "leaving makes less work"


def test_two_audits_are_not_compared_where_a_family_was_left(
    probes: Path, left: AuditOutput
) -> None:
    old, new = (
        (each.result_json, io.BytesIO(each.samples)) for each in (_audit(probes, None), left)
    )
    with pytest.raises(HoldfastError, match="left the family"):
        contrast(old, new, 0.01)
