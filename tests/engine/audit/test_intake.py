"""Whatever a classifier takes and gives, an audit of it has the numbers of the plain form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import odd_toys
import toys
from auditing import measured, plan_of, rows_of, run
from holdfast.diagnose import Seen, findings
from holdfast.errors import HoldfastError
from holdfast.metrics import LabelMapping
from holdfast.records.model import OutputKind
from holdfast.records.plan import ChannelOrder, InputSpec, Preset
from toy_probes import Pixels, class_folders, flat, noise, npz

MOTIONS: dict[str, Any] = {"shifts_px": [[2, 1]], "angles_deg": [20], "zooms": [0.9]}


def _numbers(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("probe", "role", "predicted", "flip")
    return [tuple(row[name] for name in names) for row in rows]


def test_rows_instead_of_images_change_nothing(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(10, 8, 8, 3), list(range(5)) * 2)
    plan = plan_of(**MOTIONS)
    plain, rows = (run(toys.linear(flat=flat_), probes, plan) for flat_ in (False, True))
    assert _numbers(rows_of(plain)) == _numbers(rows_of(rows))
    assert rows.result.model.layout == "flat"


def test_a_row_has_the_shape_of_the_declared_crop(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(5, 8, 32))
    model = toys.linear(channels=1, size=(8, 32), flat=True)
    output = run(model, probes, plan_of(crop=[8, 32], **MOTIONS))
    plain = run(toys.linear(channels=1, size=(8, 32)), probes, plan_of(**MOTIONS))
    assert _numbers(rows_of(plain)) == _numbers(rows_of(output))


def _opaque(images: Pixels) -> Pixels:
    return np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)


def test_a_model_with_alpha_gets_255_where_an_image_has_none(tmp_path: Path) -> None:
    images = noise(6, 8, 8, 3)
    without = npz(tmp_path / "a.npz", images)
    with_alpha = npz(tmp_path / "b.npz", _opaque(images))
    model = toys.linear(channels=4)
    seen = [rows_of(run(model, probes, plan_of(**MOTIONS))) for probes in (without, with_alpha)]
    assert seen[0] == seen[1]


def test_alpha_reaches_the_model_and_bgr_leaves_it_where_it_is(tmp_path: Path) -> None:
    """The score is the mean of one channel minus a half; custom inputs choose the order."""
    images = _opaque(noise(4, 8, 8, 3))
    images[..., 0], images[..., 2] = 10, 250
    images[1::2, ..., 3] = 0
    for channel, order, expected in (
        (3, "bgr", [1, 0] * 2),
        (0, "bgr", [1] * 4),
        (0, "rgb", [0] * 4),
    ):
        weights = np.zeros((4, 2))
        weights[channel] = [-1.0, 1.0]
        nodes = [
            toys.node("GlobalAveragePool", ["image"], "pooled"),
            toys.node("Flatten", ["pooled"], "flat"),
            toys.node("Gemm", ["flat", "w", "b"], "scores"),
        ]
        model = toys.model(
            nodes,
            [toys.value("image", ["n", 4, 8, 8])],
            [toys.value("scores", ["n", 2])],
            [toys.tensor("w", weights), toys.tensor("b", [0.5, -0.5])],
        )
        plan = plan_of(shifts_px=[[1, 0]])
        spec = InputSpec(preset=Preset.custom, scale=1 / 255, order=ChannelOrder(order))
        declared = plan.model_copy(update={"input": spec})
        rows = rows_of(run(model, npz(tmp_path / "p.npz", images), declared))
        seen = {row["probe"]: row["predicted"] for row in rows if row["role"] == "reference"}
        assert [seen[name] for name in sorted(seen)] == expected


def test_whole_numbers_need_no_preset(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(6, 8, 8, 3))
    for dtype in ("uint8", "int8"):
        plain = run(toys.linear(), probes, plan_of("unit", shifts_px=[[2, 1]]))
        whole = run(toys.linear(dtype=dtype), probes, plan_of("auto", shifts_px=[[2, 1]]))
        assert whole.result.provenance.normalisation.preset == "byte"
        assert _numbers(rows_of(plain)) == _numbers(rows_of(whole))


def test_labels_alone_have_flips_and_no_probability(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(12, 8, 8))
    plan = plan_of(**MOTIONS)
    scores, labels = (
        run(toys.two_outputs(), probes, plan_of(output_kind="logits", **MOTIONS)),
        run(toys.int_labels_only(), probes, plan),
    )
    # two pixels that tie may still be told apart by the label, so flips are not compared
    assert [row[:3] for row in _numbers(rows_of(scores))] == [
        row[:3] for row in _numbers(rows_of(labels))
    ]
    assert labels.result.model.output_kind is OutputKind.labels
    assert measured(labels.result, "translation.drift").value is None


def test_the_output_that_is_asked_for_is_read(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(4, 8, 8))
    result = run(toys.two_outputs(), probes, plan_of(output="label", shifts_px=[[1, 0]])).result
    assert (result.model.output, result.model.output_kind) == ("label", "labels")
    assert result.model.output_reason == "asked for, of 2 outputs"
    with pytest.raises(HoldfastError, match="unknown_output"):
        run(toys.two_outputs(), probes, plan_of(output="nothing"))


@pytest.mark.parametrize("likely", [False, True])
def test_one_score_per_image_is_two_classes(tmp_path: Path, *, likely: bool) -> None:
    dark, bright = noise(5, 8, 8, high=90), noise(5, 8, 8, low=170)
    probes = class_folders(tmp_path / "p.zip", {"0 dark": dark, "1 bright": bright})
    result = run(odd_toys.one_score(likely=likely), probes, plan_of(shifts_px=[[1, 0]])).result
    kind = OutputKind.binary_probability if likely else OutputKind.binary_logit
    assert (result.model.output_kind, result.model.n_classes) == (kind, 2)
    assert measured(result, "accuracy").value == 1


def test_the_names_of_a_table_are_those_of_the_result(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(64)]
    probes = flat(tmp_path / "p.zip", noise(5, 8, 8))
    result = run(odd_toys.zip_map(names), probes, plan_of(shifts_px=[[1, 0]])).result
    assert result.model.class_names == result.probes.class_names == tuple(names)
    plan = plan_of(output_kind="logits", shifts_px=[[1, 0]])
    plain = run(toys.two_outputs(), probes, plan).result
    assert [cell.consistency for cell in plain.cells] == [c.consistency for c in result.cells]


def test_labels_in_another_order_are_a_loud_finding(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(4, 8, 8), [0, 1, 2, 3])
    result = run(toys.two_outputs(), probes, plan_of(shifts_px=[[1, 0]])).result

    def said(mapping: LabelMapping | None) -> list[str]:
        seen = Seen(
            model=result.model,
            normalisation=result.provenance.normalisation,
            tried=(),
            probes=result.probes,
            measurements=result.measurements,
            cells=result.cells,
            sandbox=result.provenance.sandbox,
            degenerate=(),
            certificate=None,
            stopped=False,
            mapping=mapping,
        )
        return [
            f"{f.severity} {f.sentence} {f.hint}"
            for f in findings(seen)
            if f.id == "labels_permuted"
        ]

    (loud,) = said(LabelMapping(64, 0.1, 0.9, ((3, 5), (1, 2))))
    assert loud.startswith("warning ")
    assert "10% of the answers are the label, and 90% are" in loud
    assert "label 3 is output 5, label 1 is output 2" in loud
    assert said(None) == said(LabelMapping(64, 0.85, 0.9, ())) == []
