"""The card tells what a model is from its graph alone."""

from pathlib import Path
from typing import Any, Literal

import pytest

import toys
from holdfast.errors import HoldfastError
from holdfast.geometry import frame_for
from holdfast.records.model import Head, Layout, ModelCard, OutputKind
from holdfast.records.plan import InputSpec
from holdfast.runtimes.onnx_model import card_of

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


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
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


def _relu(shape: list[Any] | None, dtype: str = "float32") -> bytes:
    return toys.model(
        [toys.node("Relu", ["image"], "scores")],
        [toys.value("image", shape, dtype)],
        [toys.value("scores", shape, dtype)],
    )


REFUSED = {
    "a table": (toys.rank2_input(), "unsupported_input"),
    "a sequence": (toys.sequence_input(), "unsupported_input"),
    "two images": (_two_images(), "unsupported_input"),
    "an unknown rank": (_relu(None), "unsupported_input"),
    "five channels": (_relu(["n", 5, 8, 8]), "unsupported_input"),
    "whole numbers": (_relu(["n", 3, 8, 8], "int64"), "unsupported_input"),
    "a label and no score": (toys.int_labels_only(), "unsupported_output"),
    "a list of places with boxes": (
        _scores_beside(["n", "places", 1], ["n", "places", 4]),
        "unsupported_output",
    ),
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
