"""The result: valid against its schema, recomputable from its samples, the same every time."""

import base64
import hashlib
import io
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image

import torch_nets
import toys
from auditing import LIMITS, cell_of, measured, plan_of, rows_of, run
from holdfast.catalogue import CATALOGUE
from holdfast.families.defaults import ROTATION, SCALE, SMALL_TRANSLATION, TRANSLATION
from holdfast.geometry import Frame, Rotation, Zoom
from holdfast.probes.pack import packed
from holdfast.records.base import digest
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast.records.plan import AuditPlan, InputSpec, Preset
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput
from holdfast.stats import clopper_pearson, mean_interval
from toy_probes import class_folders, flat, noise, unpack

SHIFTS, ANGLES, ZOOMS = [[2, 0], [0, -5], [6, 6]], [-20, 45], [0.7, 1.3]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> AuditOutput:
    """A net that flips now and then, on images of which some have no label."""
    folder = tmp_path_factory.mktemp("audit")
    table = b"file,label\n" + b"\n".join(b"%04d.png,%d" % (n, n % 5) for n in range(30))
    archive = flat(folder / "p.zip", noise(40, 40, 40, 3))
    unpack(archive, folder / "images")
    (folder / "images" / "labels.csv").write_bytes(table)
    plan = plan_of(shifts_px=SHIFTS, angles_deg=ANGLES, zooms=ZOOMS, seed=3)
    with packed(folder / "images") as probes:
        copy = folder / "copy.zip"
        copy.write_bytes(probes.read_bytes())
    return run(toys.linear(size=(32, 32), seed=4), copy, plan)


def test_the_result_is_valid_against_its_schema(output: AuditOutput) -> None:
    schema = AuditResult.model_json_schema(mode="serialization")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(output.result_json))
    assert AuditResult.model_validate_json(output.result_json) == output.result


def test_every_measurement_of_the_catalogue_is_there(output: AuditOutput) -> None:
    on_request = tuple(family for family in Family if family not in MAIN_FAMILIES)
    expected = [entry.id for entry in CATALOGUE if not entry.id.startswith(on_request)]
    assert sorted(m.id for m in output.result.measurements) == sorted(expected)
    units = {entry.id: entry.unit for entry in CATALOGUE}
    assert {m.id: m.unit for m in output.result.measurements} == {
        id_: units[id_] for id_ in expected
    }


def _by_probe(output: AuditOutput) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(output):
        grouped[row["probe"]].append(row)
    return grouped


def _per_image(views: list[Row], family: str) -> dict[str, float]:
    (still,) = [row for row in views if row["family"] == "identity"]
    moved = [row for row in views if row["family"] == family]
    reference = still["reference_probability"]
    scores = {
        "consistency": float(np.mean([not row["flip"] for row in moved])),
        "worst_case": float(not any(row["flip"] for row in moved)),
        "drift": float(np.mean([abs(r["reference_probability"] - reference) for r in moved])),
    }
    if still["label"] is not None:
        right = [row["predicted"] == row["label"] for row in moved]
        scores["accuracy"] = float(np.mean(right))
        scores["robust_accuracy"] = float(all([*right, still["predicted"] == still["label"]]))
    return scores


@pytest.mark.parametrize("family", ["translation", "rotation", "scale"])
def test_every_measurement_can_be_made_again_from_the_samples(
    output: AuditOutput, family: str
) -> None:
    scores = [_per_image(views, family) for views in _by_probe(output).values()]
    cells = {"translation": 3, "rotation": 2, "scale": 2}[family]
    for name in ("consistency", "worst_case", "drift", "accuracy", "robust_accuracy"):
        values = np.array([score[name] for score in scores if name in score])
        found = measured(output.result, f"{family}.{name}")
        assert found.n_images == len(values) == (30 if "accuracy" in name else 40)
        assert found.value == pytest.approx(values.mean(), abs=1e-7)
        bad = values if name == "drift" else 1 - values
        interval = mean_interval(bad, 0.95, step=None if name == "drift" else 1 / cells)
        shown = interval if name == "drift" else interval.flipped()
        assert (found.low, found.high) == pytest.approx((shown.low, shown.high), abs=1e-6)


def test_every_cell_can_be_made_again_from_the_samples(output: AuditOutput) -> None:
    rows = rows_of(output)
    still = {r["probe"]: r["reference_probability"] for r in rows if r["cell"] == -1}
    for place, cell in enumerate(output.result.cells):
        own = [row for row in rows if row["cell"] == place]
        flips = sum(row["flip"] for row in own)
        low, high = clopper_pearson(flips, len(own), 0.95)
        assert cell.consistency == pytest.approx(1 - flips / len(own))
        assert cell.consistency_low == pytest.approx(1 - high)
        assert cell.consistency_high == pytest.approx(1 - low)
        drift = [abs(row["reference_probability"] - still[row["probe"]]) for row in own]
        assert cell.drift == pytest.approx(np.mean(drift), abs=1e-7)
        right = [row["predicted"] == row["label"] for row in own if row["label"] is not None]
        assert cell.accuracy == pytest.approx(np.mean(right))
        assert cell.fill_share == pytest.approx(np.mean([row["fill_share"] for row in own]))
        assert cell.ties == sum(row["tie"] for row in own)
    assert any(0 < cell.consistency < 1 for cell in output.result.cells)


def test_the_samples_name_every_image_and_cell_once(output: AuditOutput) -> None:
    rows = rows_of(output)
    assert len(rows) == output.result.samples.n_rows == 40 * 8
    assert len({(row["probe"], row["cell"]) for row in rows}) == len(rows)
    assert sum(row["label"] is None for row in rows) == 10 * 8
    named = {(r["shift_x_px"], r["shift_y_px"], r["angle_deg"], r["zoom"]) for r in rows}
    assert named == {
        (None, None, None, None),
        *((dx, dy, None, None) for dx, dy in SHIFTS),
        *((None, None, float(angle), None) for angle in ANGLES),
        *((None, None, None, zoom) for zoom in ZOOMS),
    }
    assert output.result.samples.sha256 == hashlib.sha256(output.samples).hexdigest()


def test_the_fill_share_of_a_cell_is_that_of_its_motion(output: AuditOutput) -> None:
    window = Frame((32, 32), None).window((32, 32))
    for angle in ANGLES:
        share = Rotation(float(angle)).fill_share((32, 32), window)
        assert cell_of(output.result, angle_deg=angle).fill_share == pytest.approx(share)
    share = Zoom(0.7).fill_share((32, 32), window)
    assert cell_of(output.result, zoom=0.7).fill_share == pytest.approx(share)


def test_the_provenance_names_what_was_audited(output: AuditOutput) -> None:
    result, origin = output.result, output.result.provenance
    assert origin.model_sha256 == hashlib.sha256(toys.linear(size=(32, 32), seed=4)).hexdigest()
    assert origin.plan_digest == digest(result.plan)
    assert set(origin.family_digests) == {"translation", "rotation", "scale"}
    assert (origin.seed, origin.crop_px, origin.canvas_px) == (3, (32, 32), (32, 32))
    assert origin.normalisation.preset == "unit"
    assert origin.normalisation.how == "given"
    assert {"numpy", "onnxruntime", "pillow", "python"} <= set(origin.versions)
    assert (result.probes.n_given, result.probes.n_used, result.probes.n_labelled) == (40, 40, 30)


@pytest.mark.parametrize(("confidence", "said"), [(0.9, "90%"), (0.999, "99.9%")])
def test_the_confidence_is_the_one_of_the_plan(
    tmp_path: Path, confidence: float, said: str
) -> None:
    probes = flat(tmp_path / "p.zip", noise(9, 8, 8))
    plan = plan_of(confidence=confidence, shifts_px=[[1, 0]])
    result = run(toys.linear(channels=1), probes, plan).result
    flips = round(9 * (1 - result.cells[0].consistency))
    low, high = clopper_pearson(flips, 9, confidence)
    assert result.cells[0].consistency_low == pytest.approx(1 - high)
    assert result.cells[0].consistency_high == pytest.approx(1 - low)
    assert result.provenance.interval_method.startswith(f"{said} two-sided")


def test_the_examples_show_flips_with_the_pictures_before_and_after(output: AuditOutput) -> None:
    rows = {(row["probe"], row["cell"]): row for row in rows_of(output)}
    assert output.result.examples
    for example in output.result.examples:
        assert example.before.predicted != example.after.predicted
        assert example.before.predicted == rows[example.probe, -1]["predicted"]
        for view in (example.before, example.after):
            picture = Image.open(io.BytesIO(base64.b64decode(view.picture.base64)))
            assert max(picture.size) == 96  # 32 px, three times as large
        assert example.before.picture != example.after.picture
    families = [example.family for example in output.result.examples]
    assert families == sorted(families, key=["translation", "rotation", "scale"].index)


def test_an_image_that_only_loses_confidence_is_no_example(tmp_path: Path) -> None:
    images = [np.full((32, 32), level, np.uint8) for level in (255, 82)]  # 1.0 and 0.32
    probes = flat(tmp_path / "p.zip", images)
    result = run(toys.mean_pixel(tau=0.3), probes, plan_of(shifts_px=[[4, 0], [16, 0]])).result
    (example,) = result.examples
    assert (example.probe, example.shift_px) == ("0001.png", (16, 0))


def test_the_examples_are_the_flips_with_the_largest_loss(output: AuditOutput) -> None:
    for family in ("translation", "rotation", "scale"):
        losses = []
        for views in _by_probe(output).values():
            (still,) = [row for row in views if row["cell"] == -1]
            losses += [
                max(
                    (
                        still["reference_probability"] - row["reference_probability"]
                        for row in views
                        if row["family"] == family and row["flip"]
                    ),
                    default=-1.0,
                )
            ]
        shown = [
            example.before.reference_probability - example.after.reference_probability
            for example in output.result.examples
            if example.family == family
        ]
        assert shown == pytest.approx(sorted(losses, reverse=True)[: len(shown)], abs=1e-6)
        assert len(shown) == min(3, sum(loss >= 0 for loss in losses))


def test_a_model_that_answers_differently_is_not_called_constant(output: AuditOutput) -> None:
    assert "constant_model" not in [finding.id for finding in output.result.findings]


def _numbers(output: AuditOutput) -> Any:
    told = json.loads(output.result_json)
    del told["provenance"]["started_at"], told["provenance"]["duration_s"]
    return told


def test_the_same_audit_twice_gives_the_same_numbers_and_samples(tmp_path: Path) -> None:
    probes = class_folders(tmp_path / "p.zip", {"0": noise(6, 32, 32, 3), "1": noise(6, 32, 32, 3)})
    plan = plan_of(shifts_px=SHIFTS, angles_deg=ANGLES, zooms=ZOOMS)
    first, second = (run(toys.linear(size=(32, 32)), probes, plan) for _ in range(2))
    assert _numbers(first) == _numbers(second)
    assert first.samples == second.samples


@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_numbers_do_not_depend_on_how_many_threads_compute_them(tmp_path: Path, kind: str) -> None:
    model = toys.linear(size=(160, 160), seed=2) if kind == "onnx" else _exported_cnn()
    probes = class_folders(
        tmp_path / "p.zip", {"0": noise(12, 64, 64, 3), "1": noise(5, 64, 90, 3)}
    )
    plan = plan_of(shifts_px=SHIFTS, angles_deg=ANGLES, zooms=ZOOMS, controls=8)
    outputs = [
        run(model, probes, plan, limits=LIMITS.model_copy(update={"threads": threads}))
        for threads in (1, 3)
    ]
    one, three = (_numbers(output) for output in outputs)
    assert (one["provenance"].pop("threads"), three["provenance"].pop("threads")) == (1, 3)
    assert one == three
    assert outputs[0].samples == outputs[1].samples


def _exported_cnn() -> bytes:
    return torch_nets.pt2(
        torch_nets.build("cnn"), batch=torch.export.Dim("n", min=1, max=256), size=160
    )


def _taken(probes: Path, **plan: Any) -> list[str]:
    output = run(toys.linear(channels=1), probes, plan_of(**plan))
    return [row["probe"] for row in rows_of(output)]


def test_limit_takes_the_front_of_the_seeded_order(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(30, 8, 8))
    whole = _taken(probes)
    assert sorted(whole) == [f"{number:04}.png" for number in range(30)]
    assert whole != sorted(whole)
    assert _taken(probes, limit=7) == whole[:7]
    assert _taken(probes, seed=1, limit=99) != whole


def test_what_the_plan_leaves_open_is_resolved_in_the_result(tmp_path: Path) -> None:
    small = run(toys.linear(), flat(tmp_path / "p.zip", noise(2, 8, 8, 3)), _open_plan()).result
    assert small.plan.families.translation == SMALL_TRANSLATION
    assert small.plan.families.rotation == ROTATION
    assert small.plan.families.scale == SCALE
    assert len(small.cells) == 48 + 8 + 6
    large = run(
        toys.mean_pixel(size=(96, 96)), flat(tmp_path / "q.zip", noise(2, 110, 120)), _open_plan()
    ).result
    assert large.plan.families.translation == TRANSLATION
    assert large.provenance.canvas_px == (110, 120)
    assert {cell.fill_share for cell in large.cells if cell.family == "translation"} == {
        0.0,
        cell_of(large, shift_px=(0, 8)).fill_share,
    }


def _open_plan() -> AuditPlan:
    return AuditPlan(input=InputSpec(preset=Preset.unit))


def test_an_audit_without_any_family_still_measures_accuracy(tmp_path: Path) -> None:
    probes = class_folders(tmp_path / "p.zip", {"0": noise(3, 8, 8, 3), "1": noise(3, 8, 8, 3)})
    result = run(toys.linear(), probes, plan_of()).result
    assert result.cells == ()
    assert measured(result, "accuracy").outcome == "measured"
    assert measured(result, "scale.drift").sentence == "the plan leaves this family out"
