"""The card tells what a model is from its graph alone."""

from pathlib import Path
from typing import Any, Literal

import pytest
from onnx import ModelProto

import odd_toys
import toys
from holdfast.errors import HoldfastError
from holdfast.geometry import frame_for
from holdfast.records.model import Head, Layout, ModelCard, OutputKind, TaskGuess
from holdfast.records.plan import InputSpec
from holdfast.runtimes.onnx_model import card_of
from holdfast.runtimes.opening import open_model
from holdfast.runtimes.terms import Terms


def _relu(
    shape: list[Any] | None, dtype: str = "float32", *, out: list[Any] | str | None = "as given"
) -> bytes:
    return toys.model(
        [toys.node("Relu", ["image"], "scores")],
        [toys.value("image", shape, dtype)],
        [toys.value("scores", shape if out == "as given" else out, dtype)],
    )


def _boxes() -> bytes:
    """Numbers for each of 48 places, as a detector of one output gives them."""
    nodes = [toys.node("Reshape", ["image", "to"], "boxes")]
    output = toys.value("boxes", ["n", 48, 4])
    to = toys.tensor("to", [-1, 48, 4], "int64")
    return toys.model(nodes, [toys.value("image", ["n", 3, 8, 8])], [output], [to])


CARDS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "plain": (
        toys.linear(),
        {"layout": Layout.nchw, "batch": None, "channels": 3, "height_px": 8, "width_px": 8},
    ),
    "nhwc": (
        toys.linear(nhwc=True, size=(8, 12)),
        {"layout": Layout.nhwc, "channels": 3, "height_px": 8, "width_px": 12},
    ),
    "nhwc grey": (
        toys.linear(nhwc=True, channels=1),
        {"layout": Layout.nhwc, "channels": 1, "height_px": 8},
    ),
    "one by one": (toys.linear(batch=1), {"batch": 1}),
    "fours": (toys.linear(batch=4), {"batch": 4}),
    "batch 0 means any": (toys.linear(batch=0), {"batch": None}),
    "nameless batch": (toys.linear(batch=None), {"batch": None}),
    "any size": (
        toys.mean_pixel(size=("h", None), channels=3),
        {"height_px": None, "width_px": None, "channels": 3},
    ),
    "softmax": (toys.linear(softmax=True), {"output_kind": OutputKind.probabilities}),
    "softmax, tall": (
        toys.linear(softmax=True, tail=(1, 1)),
        {"output_kind": OutputKind.probabilities},
    ),
    "logits are not known before it runs": (toys.linear(), {"output_kind": None}),
    "scores beside labels": (toys.two_outputs(), {"output": "scores"}),
    "flatten head": (toys.linear(), {"head": Head.flatten}),
    "pooled head": (toys.circular_net(), {"head": Head.global_pool}),
    "no dense layer": (toys.two_outputs(), {"head": Head.unknown}),
    "a classifier": (toys.linear(), {"task": TaskGuess.classification}),
    "a map": (toys.map_output(), {"task": TaskGuess.dense}),
    "boxes in a list": (_boxes(), {"task": TaskGuess.detection}),
    "no shape": (_relu(["n", 3, 8, 8], out=None), {"task": TaskGuess.unknown}),
    "rgba": (toys.linear(channels=4), {"layout": Layout.nchw, "channels": 4}),
    "rgba last": (toys.linear(channels=4, nhwc=True), {"layout": Layout.nhwc, "channels": 4}),
    "flat grey": (
        toys.linear(channels=1, flat=True),
        {"layout": Layout.flat, "channels": 1, "height_px": 8, "width_px": 8, "batch": None},
    ),
    "flat colour": (
        toys.linear(flat=True, batch=2),
        {"layout": Layout.flat, "channels": 3, "height_px": 8, "width_px": 8, "batch": 2},
    ),
    "only the label": (
        toys.int_labels_only(),
        {
            "output": "label",
            "output_kind": OutputKind.labels,
            "output_reason": "no output holds scores; this one tells the class",
        },
    ),
    "why the scores": (
        toys.two_outputs(),
        {
            "output_reason": "the first of 2 outputs with one score per class; "
            "name another with model.output"
        },
    ),
    "why the only one": (toys.linear(), {"output_reason": "the only output"}),
    "a table of names and scores": (
        odd_toys.zip_map([f"class {n}" for n in range(64)]),
        {
            "output": "table",
            "output_kind": OutputKind.probabilities,
            "class_names": tuple(f"class {n}" for n in range(64)),
            "task": TaskGuess.classification,
            "warnings": (
                "table: the scores of its table are read",
                "label: left out, its operator is not run here",
            ),
        },
    ),
    "a table of plain numbers": (odd_toys.zip_map(range(64), label=False), {"class_names": ()}),
    "a table of odd numbers": (
        odd_toys.zip_map(range(1, 65), label=False),
        {"class_names": tuple(str(n) for n in range(1, 65))},
    ),
    "names in a Python table": (
        odd_toys.with_metadata(toys.linear(classes=2), names="{0: 'cat', 1: 'dog'}"),
        {"class_names": ("cat", "dog")},
    ),
    "names in a JSON list": (
        odd_toys.with_metadata(toys.linear(classes=2), classes='["cat", "dog"]'),
        {"class_names": ("cat", "dog")},
    ),
    "names by line": (
        odd_toys.with_metadata(toys.linear(classes=2), labels="cat\ndog\n"),
        {"class_names": ("cat", "dog")},
    ),
    "random": (toys.random_operator(), {"warnings": ("draws random numbers: RandomNormalLike",)}),
    "counts": (
        toys.linear(opset=17),
        {"opset": 17, "ir_version": 10, "n_nodes": 3, "n_parameters": 192 * 5 + 5},
    ),
}


@pytest.mark.parametrize("what", CARDS)
def test_the_card_says(what: str) -> None:
    data, expected = CARDS[what]
    card = card_of(data, "f" * 64)
    assert {name: getattr(card, name) for name in expected} == expected
    assert (card.size_bytes, card.sha256) == (len(data), "f" * 64)
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "uint8", "int8"])
def test_the_element_type_of_the_input_is_told(dtype: toys.Dtype) -> None:
    assert card_of(toys.linear(dtype=dtype), "0").inputs[0].dtype == dtype


def test_weights_that_are_listed_as_inputs_are_no_inputs() -> None:
    weights = [toys.tensor("w", [[1.0]] * 64)]
    inputs = [toys.value("image", ["n", 1, 8, 8]), toys.value("w", [64, 1])]
    nodes = [toys.node("Flatten", ["image"], "f"), toys.node("MatMul", ["f", "w"], "scores")]
    card = card_of(toys.model(nodes, inputs, [toys.value("scores", ["n", 1])], weights), "0")
    assert [entry.name for entry in card.inputs] == ["image"]


def _two_images() -> bytes:
    both = [toys.value("a", ["n", 3, 8, 8]), toys.value("b", ["n", 3, 8, 8])]
    return toys.model([toys.node("Add", ["a", "b"], "s")], both, [toys.value("s", None)])


def _scores_beside(scores: list[Any], other: list[Any]) -> bytes:
    """A map first, then something that might be scores."""
    nodes = [toys.node("Relu", ["image"], "map"), toys.node("Flatten", ["image"], "scores")]
    outputs = [toys.value("map", other), toys.value("scores", scores)]
    return toys.model(nodes, [toys.value("image", ["n", 1, 8, 8])], outputs)


def test_a_feature_map_beside_the_scores_is_passed_over() -> None:
    assert card_of(_scores_beside(["n", 64], ["n", 1, 8, 8]), "0").output == "scores"
    assert card_of(_scores_beside(["n", 64, 1], ["n", 64]), "0").output == "map"


def test_scores_of_places_beside_boxes_are_described_and_not_audited() -> None:
    data = _scores_beside(["n", "places", 1], ["n", "places", 4])
    assert card_of(data, "0").task is TaskGuess.detection
    with pytest.raises(HoldfastError) as raised:
        open_model(data, "0")
    assert raised.value.code == "unsupported_output"
    assert open_model(data, "0", Terms(output="scores")).card.output == "scores"


def _whole_map() -> bytes:
    """A segmentation: the class of every pixel."""
    nodes = [toys.node("ArgMax", ["image"], "classes", axis=1, keepdims=0)]
    output = toys.value("classes", ["n", 8, 8], "int64")
    return toys.model(nodes, [toys.value("image", ["n", 3, 8, 8])], [output])


REFUSED = {
    "a table": (toys.rank2_input(), "unsupported_input"),
    "a sequence": (toys.sequence_input(), "unsupported_input"),
    "two images": (_two_images(), "unsupported_input"),
    "an unknown rank": (_relu(None), "unsupported_input"),
    "five channels": (_relu(["n", 5, 8, 8]), "unsupported_input"),
    "whole numbers": (_relu(["n", 3, 8, 8], "int64"), "unsupported_input"),
    "a row that is no square": (toys.rank2_input(65), "unsupported_input"),
    "a row of free length": (_relu(["n", "k"]), "unsupported_input"),
    "a map of whole numbers": (_whole_map(), "unsupported_output"),
    "no output": (
        toys.model([toys.node("Relu", ["image"], "y")], [toys.value("image", ["n", 3, 8, 8])], []),
        "unsupported_output",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_image_classifier_is_refused(what: str) -> None:
    data, code = REFUSED[what]
    with pytest.raises(HoldfastError) as raised:
        card_of(data, "0")
    assert raised.value.code == code


@pytest.mark.parametrize(
    "text",
    ["", "cat", "[1, 2]", "{1: 'a', 2: 'b'}", "{'x': 'y'}", "[" * 100_000, "__import__('os')"],
)
def test_metadata_that_names_no_classes_are_ignored(text: str) -> None:
    assert card_of(odd_toys.with_metadata(toys.linear(), names=text), "0").class_names == ()


def test_an_output_can_be_asked_for_by_name() -> None:
    data = _scores_beside(["n", 64, 1], ["n", 64])
    card = card_of(data, "0", Terms(output="scores"))
    assert (card.output, card.output_reason) == ("scores", "asked for, of 2 outputs")
    labels = card_of(toys.two_outputs(), "0", Terms(output="label"))
    assert labels.output_kind is OutputKind.labels
    with pytest.raises(HoldfastError) as raised:
        card_of(data, "0", Terms(output="logits"))
    assert raised.value.code == "unknown_output"
    assert raised.value.sentence == "The model has no output called logits; it has map, scores."


def test_a_declared_crop_says_what_shape_a_row_has() -> None:
    data = toys.linear(channels=1, size=(8, 32), flat=True)
    card = card_of(data, "0", Terms(size_px=(8, 32)))
    assert (card.height_px, card.width_px, card.channels) == (8, 32, 1)
    assert card_of(data, "0").height_px == 16
    with pytest.raises(HoldfastError) as raised:
        card_of(data, "0", Terms(size_px=(10, 10)))
    assert "a row of 256 numbers, which is not an image of 10 x 10 px" in raised.value.sentence


def test_an_operator_of_the_tail_that_scores_need_is_still_refused() -> None:
    made = ModelProto.FromString(odd_toys.zip_map(range(64), label=False))
    made.graph.node[1].domain, made.graph.node[1].op_type = "ai.onnx.ml", "Normalizer"
    with pytest.raises(HoldfastError, match="op_not_allowed"):
        card_of(made.SerializeToString(), "0")


def test_names_of_strangers_are_cut() -> None:
    long = "<script>" * 100
    nodes = [toys.node("Flatten", ["image"], long)]
    data = toys.model(nodes, [toys.value("image", ["n", 3, 8, 8])], [toys.value(long, None)])
    assert len(card_of(data, "0").outputs[0].name) == 80


def test_a_model_of_any_size_needs_a_crop() -> None:
    card = card_of(toys.mean_pixel(size=("h", "w")), "0")
    with pytest.raises(HoldfastError, match="input_size_needed"):
        frame_for(card, InputSpec())
    assert frame_for(card, InputSpec(crop=(40, 50))).crop == (40, 50)
    assert frame_for(card, InputSpec(crop=48, resize=60)).resize == 60


def test_a_crop_that_is_not_the_models_size_is_refused() -> None:
    card = card_of(toys.mean_pixel(size=("h", 32)), "0")
    assert frame_for(card, InputSpec(crop=(40, 32))).crop == (40, 32)
    with pytest.raises(HoldfastError, match="input_spec_mismatch"):
        frame_for(card, InputSpec(crop=40))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_card_says_what_numbers_the_model_computes_with(
    dtype: Literal["float32", "float16"],
) -> None:
    assert card_of(toys.linear(dtype=dtype), "0").arithmetic == dtype


def test_a_quantised_model_computes_in_int8(shared: Path) -> None:
    data = (shared / "assets" / "models" / "shufflenet-v2-12-int8.onnx").read_bytes()
    assert card_of(data, "0").arithmetic == "int8"
