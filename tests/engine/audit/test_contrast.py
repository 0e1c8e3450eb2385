"""Two results, image by image: counts against plain Python, tests against scipy, refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import toys
from auditing import LIMITS, plan_of, rows_of, run
from holdfast.errors import HoldfastError
from holdfast.records.comparison import Comparison
from holdfast.sandbox.parent import AuditOutput, compare_results
from toy_probes import flat, noise

SHIFTS = [[1, 0], [-2, 1], [4, 4], [0, -3]]


def _saved(folder: Path, name: str, output: AuditOutput) -> tuple[Path, Path]:
    paths = folder / f"{name}.json", folder / f"{name}.parquet"
    paths[0].write_bytes(output.result_json)
    paths[1].write_bytes(output.samples)
    return paths


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("audits")
    probes = flat(folder / "p.zip", noise(60, 32, 32), [0, 1] * 30)
    found: dict[str, Any] = {"folder": folder, "probes": probes}
    for name, model in (("old", toys.mean_pixel(0.5)), ("new", toys.fixed_pixel(3, 20))):
        output = run(model, probes, plan_of(shifts_px=SHIFTS, angles_deg=[30.0]))
        found[name] = (*_saved(folder, name, output), output)
    return found


def _compare(old: Any, new: Any, margin: float = 0.01) -> Comparison:
    return compare_results(old[:2], new[:2], margin, mode="required", limits=LIMITS)


def _flips(output: AuditOutput) -> np.ndarray[Any, Any]:
    rows = sorted(
        (row["probe"], row["cell"], row["flip"]) for row in rows_of(output) if row["cell"] >= 0
    )
    return np.array([flip for _, _, flip in rows]).reshape(60, 5)


def test_what_changed_is_counted_per_cell_and_tested_exactly(audits: dict[str, Any]) -> None:
    found = _compare(audits["old"], audits["new"])
    before, after = _flips(audits["old"][2]), _flips(audits["new"][2])
    assert found.n_images == 60
    for column, cell in enumerate(found.cells):
        lost = int((after[:, column] & ~before[:, column]).sum())
        gained = int((before[:, column] & ~after[:, column]).sum())
        assert (cell.lost, cell.gained) == (lost, gained)
        fewer, n = min(lost, gained), lost + gained
        mid = 2 * stats.binom.cdf(fewer, n, 0.5) - stats.binom.pmf(fewer, n, 0.5)
        assert cell.p_value == pytest.approx(1.0 if lost == gained else mid)
        assert cell.low <= cell.difference <= cell.high
    assert sum(cell.lost for cell in found.cells) > 20


def test_differences_are_paired_by_image(audits: dict[str, Any]) -> None:
    found = {row.id: row for row in _compare(audits["old"], audits["new"]).measurements}
    before, after = _flips(audits["old"][2])[:, :4], _flips(audits["new"][2])[:, :4]
    change = before.mean(axis=1) - after.mean(axis=1)
    row = found["translation.consistency"]
    assert row.difference == pytest.approx(change.mean())
    assert row.baseline == pytest.approx(1 - before.mean())
    one_sided = stats.ttest_1samp(change, 0).confidence_interval(0.90)
    assert (row.low, row.high) == pytest.approx(tuple(one_sided))
    assert row.decision == ("failed" if row.high < -0.01 else "inconclusive")
    assert "accuracy" in found


def test_images_that_lost_their_worst_case_are_named(audits: dict[str, Any]) -> None:
    found = _compare(audits["old"], audits["new"])
    before, after = _flips(audits["old"][2]), _flips(audits["new"][2])
    families = [slice(0, 4), slice(4, 5)]
    lost = np.any([~before[:, f].any(axis=1) & after[:, f].any(axis=1) for f in families], axis=0)
    names = sorted({row["probe"] for row in rows_of(audits["old"][2])})
    assert sorted(found.flipped) == [name for name, gone in zip(names, lost, strict=True) if gone]
    assert (found.decision, found.n_flipped) == ("failed", int(lost.sum()))


def test_images_that_flip_are_named_by_family(audits: dict[str, Any]) -> None:
    found = _compare(audits["old"], audits["new"])
    before, after = _flips(audits["old"][2]), _flips(audits["new"][2])
    names = sorted({row["probe"] for row in rows_of(audits["old"][2])})
    for family, cells in zip(found.families, (slice(0, 4), slice(4, 5)), strict=True):
        lost = np.atleast_1d(~before[:, cells].any(axis=1) & after[:, cells].any(axis=1))
        wanted = [name for name, gone in zip(names, lost, strict=True) if gone]
        assert (sorted(family.flipped), family.n_flipped) == (wanted, len(wanted))
    assert found.families[0].n_flipped > 0


def test_a_class_is_compared_on_its_own_images(audits: dict[str, Any]) -> None:
    found = _compare(audits["old"], audits["new"])
    rows = {(row.kind, row.name, row.id): row for row in found.groups}
    before, after = _flips(audits["old"][2])[:, :4], _flips(audits["new"][2])[:, :4]
    label = {row["probe"]: row["label"] for row in rows_of(audits["old"][2])}
    labels = np.array([label[name] for name in sorted(label)])
    for value in (0, 1):
        change = (before.mean(axis=1) - after.mean(axis=1))[labels == value]
        row = rows["class", str(value), "translation.consistency"]
        assert row.n_images == 30
        assert row.difference == pytest.approx(change.mean())
        if np.count_nonzero(change) >= 20:  # below, bounds that hold for any distribution
            one_sided = stats.ttest_1samp(change, 0).confidence_interval(0.90)
            assert (row.low, row.high) == pytest.approx(tuple(one_sided))
        assert row.low < row.difference < row.high
    assert {row.kind for row in found.groups} == {"class"}


def test_turned_round_it_is_a_gain(audits: dict[str, Any]) -> None:
    there, back = _compare(audits["old"], audits["new"]), _compare(audits["new"], audits["old"])
    assert [row.difference for row in there.measurements] == pytest.approx(
        [-row.difference for row in back.measurements]
    )
    assert back.decision != "failed"


def test_the_same_model_has_not_changed(audits: dict[str, Any]) -> None:
    found = _compare(audits["new"], audits["new"])
    assert (found.decision, found.sentence) == ("passed", "No change: it is the same model.")
    assert {row.difference for row in found.measurements} == {0.0}
    assert found.flipped == ()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"families": {"translation": {"shifts_px": [[1, 0]]}}}, "the lists of transforms differ"),
        ({"fill": 9}, "the fill differs"),
    ],
)
def test_other_questions_are_not_compared(
    audits: dict[str, Any], changed: dict[str, Any], reason: str
) -> None:
    asked: dict[str, Any] = {"shifts_px": SHIFTS, "angles_deg": [30.0]} if "fill" in changed else {}
    output = run(toys.mean_pixel(0.5), audits["probes"], plan_of(**asked, **changed))
    other = _saved(audits["folder"], "other", output)
    with pytest.raises(HoldfastError) as raised:
        _compare(audits["old"], other)
    assert (raised.value.code, raised.value.fields["reason"]) == ("not_comparable", reason)


def test_other_images_are_not_compared(audits: dict[str, Any], tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(60, 32, 32, seed=5), [0, 1] * 30)
    output = run(toys.mean_pixel(0.5), probes, plan_of(shifts_px=SHIFTS, angles_deg=[30.0]))
    with pytest.raises(HoldfastError, match="the images differ"):
        _compare(audits["old"], _saved(tmp_path, "other", output))


def test_a_file_that_is_no_result_is_refused(audits: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "r.json"
    broken.write_text(json.dumps({"schema_version": "1"}))
    with pytest.raises(HoldfastError) as raised:
        _compare((broken, audits["old"][1]), audits["new"])
    assert raised.value.code == "invalid_result"
