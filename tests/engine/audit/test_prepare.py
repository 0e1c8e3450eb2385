"""Before the audit: which preset, what kind of scores, whether the model is steady at all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toys
from auditing import measured, plan_of, rows_of, run
from holdfast.errors import HoldfastError
from holdfast.records.model import OutputKind
from toy_probes import Pixels, class_folders, flat, noise


def _plain(*colours: tuple[int, int, int]) -> list[Pixels]:
    return [np.full((8, 8, 3), colour, np.uint8) for colour in colours]


def _channel_model(weights: tuple[float, float, float], tau: float) -> bytes:
    """Scores (s - tau, tau - s), s a weighed sum of the channel means."""
    nodes = [
        toys.node("GlobalAveragePool", ["image"], "pooled"),
        toys.node("Flatten", ["pooled"], "flat"),
        toys.node("Gemm", ["flat", "w", "b"], "scores"),
    ]
    matrix = np.array(weights)[:, None] * [1.0, -1.0]
    return toys.model(
        nodes,
        [toys.value("image", ["n", 3, 8, 8])],
        [toys.value("scores", ["n", 2])],
        [toys.tensor("w", matrix), toys.tensor("b", [-tau, tau])],
    )


# 127.5 lies between them, the thresholds of the other presets do not
GREYS = [_plain((135, 135, 135), (140, 140, 140)), _plain((118, 118, 118), (120, 120, 120))]
REDS = [_plain((126, 9, 9), (125, 90, 9)), _plain((120, 9, 9), (122, 90, 9))]
WARM_COLD = [_plain((200, 9, 20), (150, 9, 30)), _plain((20, 9, 200), (30, 9, 150))]
THIRDS = (1 / 3, 1 / 3, 1 / 3)
TOLD_BY = {
    "unit": (_channel_model(THIRDS, 0.5), GREYS),
    "byte": (_channel_model(THIRDS, 127.5), GREYS),
    "symmetric": (_channel_model(THIRDS, 0.0), GREYS),
    "imagenet": (_channel_model((1, 0, 0), 0.0), REDS),
    "caffe": (_channel_model((-1, 0, 1), 0.0), WARM_COLD),
}


@pytest.mark.parametrize("preset", TOLD_BY)
def test_labels_tell_which_preset_the_model_wants(tmp_path: Path, preset: str) -> None:
    model, (first, second) = TOLD_BY[preset]
    probes = class_folders(tmp_path / "p.zip", {"0": first * 4, "1": second * 4})
    result = run(model, probes, plan_of("auto")).result
    normalisation = result.provenance.normalisation
    assert (normalisation.preset, normalisation.how) == (preset, "most_accurate")
    assert measured(result, "accuracy").value == 1
    (said,) = [finding for finding in result.findings if finding.id == "preset_chosen"]
    assert f"{preset} was the most accurate on 16 labelled images" in said.sentence
    assert f"{preset} 1.00" in said.sentence


def test_without_labels_the_preset_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="preset_needed"):
        run(toys.linear(), flat(tmp_path / "p.zip", noise(4, 8, 8, 3)), plan_of("auto"))


def test_a_preset_that_does_not_fit_the_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="input_spec_mismatch"):
        run(toys.linear(channels=1), flat(tmp_path / "p.zip", noise(4, 8, 8)), plan_of("imagenet"))


def test_a_wrong_preset_on_many_classes_is_near_chance(tmp_path: Path) -> None:
    classes = {str(n): noise(3, 8, 8, 3, seed=n) for n in range(9)}
    probes = class_folders(tmp_path / "p.zip", classes)
    result = run(toys.linear(classes=9), probes, plan_of()).result
    assert "near_chance" in [finding.id for finding in result.findings]


@pytest.mark.parametrize(("right", "near"), [(8, False), (6, False), (4, True), (0, True)])
def test_a_model_of_two_classes_is_near_chance_only_near_one_half(
    tmp_path: Path, right: int, *, near: bool
) -> None:
    model, (first, second) = TOLD_BY["unit"]
    wrong = (8 - right) // 2
    classes = {
        "0": first[:1] * (4 - wrong) + second[:1] * wrong,
        "1": second[:1] * (4 - wrong) + first[:1] * wrong,
    }
    result = run(model, class_folders(tmp_path / "p.zip", classes), plan_of()).result
    assert measured(result, "accuracy").value == right / 8
    assert ("near_chance" in [finding.id for finding in result.findings]) is near


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (toys.linear(), OutputKind.logits),
        (toys.linear(softmax=True), OutputKind.probabilities),
        (toys.linear(softmax=True, tail=(1, 1)), OutputKind.probabilities),
    ],
)
def test_probabilities_are_those_of_softmax_once(
    tmp_path: Path, model: bytes, kind: OutputKind
) -> None:
    images = noise(5, 8, 8, 3)
    output = run(model, flat(tmp_path / "p.zip", images), plan_of())
    assert output.result.provenance.output_kind is kind
    assert output.result.model.output_kind is kind
    assert output.result.model.n_classes == 5
    matrix, bias = toys.linear_weights(192, 5)
    for row in rows_of(output):
        pixels = images[int(row["probe"][:4])].transpose(2, 0, 1).ravel() / 255
        powers = np.exp(pixels @ matrix + bias)
        assert row["predicted"] == powers.argmax()
        assert row["predicted_probability"] == pytest.approx(powers.max() / powers.sum(), abs=1e-5)


def test_scores_that_sum_to_one_are_probabilities_without_a_softmax_in_sight(
    tmp_path: Path,
) -> None:
    """m and 1 - m of the mean m."""
    nodes = [
        toys.node("GlobalAveragePool", ["image"], "pooled"),
        toys.node("Flatten", ["pooled"], "m"),
        toys.node("Sub", ["one", "m"], "rest"),
        toys.node("Concat", ["m", "rest"], "scores", axis=1),
    ]
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", ["n", 2])
    model = toys.model(nodes, [image], [scores], [toys.tensor("one", [[1.0]])])
    output = run(model, flat(tmp_path / "p.zip", noise(4, 8, 8)), plan_of())
    assert output.result.provenance.output_kind is OutputKind.probabilities


WAYS: dict[str, dict[str, Any]] = {
    "batch 1": {"batch": 1},
    "batch 4": {"batch": 4},
    "nhwc": {"nhwc": True},
    "tall": {"tail": (1, 1)},
    "old opset": {"opset": 17},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_net_in_another_wrapping_has_the_same_numbers(tmp_path: Path, way: str) -> None:
    probes = flat(tmp_path / "p.zip", noise(7, 8, 8, 3), [0, 1, 2, 3, 4, 0, 1])
    plan = plan_of(shifts_px=[[1, 0], [0, 2]], angles_deg=[30], zooms=[0.8])
    plain = json.loads(run(toys.linear(), probes, plan).result_json)
    other = json.loads(run(toys.linear(**WAYS[way]), probes, plan).result_json)
    for one, two in zip(plain["cells"], other["cells"], strict=True):
        assert one.keys() == two.keys()
        assert {k: v for k, v in one.items() if k != "drift"} == {
            k: v for k, v in two.items() if k != "drift"
        }
        assert one["drift"] == pytest.approx(two["drift"], abs=1e-6)


@pytest.mark.parametrize(("dtype", "preset"), [("float16", "unit"), ("uint8", "byte")])
def test_other_element_types_see_the_same_pictures(
    tmp_path: Path, dtype: toys.Dtype, preset: str
) -> None:
    probes = flat(tmp_path / "p.zip", noise(9, 8, 8, 3))
    plain = rows_of(run(toys.linear(), probes, plan_of("unit", shifts_px=[[2, 1]])))
    other = rows_of(run(toys.linear(dtype=dtype), probes, plan_of(preset, shifts_px=[[2, 1]])))
    for one, two in zip(plain, other, strict=True):
        assert one["reference_probability"] == pytest.approx(two["reference_probability"], abs=5e-3)
        assert one["predicted"] == two["predicted"] or one["margin"] < 0.02


def test_a_model_of_any_size_is_audited_at_the_size_that_is_given(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(3, 60, 80))
    plan = plan_of(crop=[40, 48], resize=64, shifts_px=[[8, 12]])
    result = run(toys.mean_pixel(size=("h", "w")), probes, plan).result
    assert result.provenance.crop_px == (40, 48)
    assert result.provenance.canvas_px == (64, 85)
    assert result.cells[0].fill_share == 0
