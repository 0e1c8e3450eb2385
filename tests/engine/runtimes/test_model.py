"""Whatever input a model declares, its scores are those ONNX Runtime gives when asked alone."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

import odd_toys
import toys
from holdfast.errors import HoldfastError
from holdfast.runtimes.onnx_model import open_onnx

BATCH = np.random.default_rng(5).random((9, 3, 8, 12), dtype=np.float32)


def _alone(data: bytes, batch: NDArray[Any]) -> NDArray[np.float32]:
    """One image at a time, fed by hand."""
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    answers = [session.run(["scores"], {"image": image[None]})[0] for image in batch]
    return np.concatenate(answers).astype(np.float32)


def _ours(data: bytes, batch: NDArray[np.float32] = BATCH) -> NDArray[np.float32]:
    return open_onnx(data, "0", 1)(batch)


@pytest.mark.parametrize("softmax", [False, True])
def test_the_linear_toy_gives_the_scores_of_its_formula(*, softmax: bool) -> None:
    matrix, bias = toys.linear_weights(3 * 8 * 12, 5)
    logits = BATCH.reshape(9, -1).astype(float) @ matrix + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) if softmax else logits
    assert np.abs(_ours(toys.linear(size=(8, 12), softmax=softmax)) - expected).max() < 1e-5


@pytest.mark.parametrize("batch", [1, 2, 4, 9, 16])
def test_a_fixed_batch_gives_the_same_scores_as_one_by_one(batch: int) -> None:
    expected = _alone(toys.linear(size=(8, 12)), BATCH)
    assert np.abs(_ours(toys.linear(size=(8, 12), batch=batch)) - expected).max() < 1e-6


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8])
def test_a_fixed_batch_of_four_takes_any_number_of_images(n: int) -> None:
    scores = _ours(toys.linear(size=(8, 12), batch=4), BATCH[:n])
    assert np.abs(scores - _alone(toys.linear(size=(8, 12)), BATCH[:n])).max() < 1e-6


def test_nhwc_models_get_the_channels_last() -> None:
    data = toys.linear(size=(8, 12), nhwc=True)
    assert np.abs(_ours(data) - _alone(data, BATCH.transpose(0, 2, 3, 1))).max() < 1e-6


def test_half_precision_models_are_fed_half_precision() -> None:
    data = toys.linear(size=(8, 12), dtype="float16")
    scores = _ours(data)
    assert scores.dtype == np.float32
    assert np.array_equal(scores, _alone(data, BATCH.astype(np.float16)))


def test_uint8_models_get_rounded_and_clipped_pixels() -> None:
    data = toys.linear(size=(8, 12), dtype="uint8")
    views = BATCH * 300 - 20  # below 0, above 255, and between whole levels
    by_hand = np.minimum(np.maximum(np.floor(views + 0.5), 0), 255).astype(np.uint8)
    assert np.abs(_ours(data, views) - _alone(data, by_hand)).max() < 1e-6


def test_int8_models_get_rounded_and_clipped_pixels_minus_128() -> None:
    data = toys.linear(size=(8, 12), dtype="int8")
    views = BATCH * 300 - 20
    by_hand = np.minimum(np.maximum(np.floor(views + 0.5), 0), 255) - 128
    assert by_hand.min() == -128
    assert by_hand.max() == 127
    assert np.abs(_ours(data, views) - _alone(data, by_hand.astype(np.int8))).max() < 1e-6
    as_uint8 = _ours(toys.linear(size=(8, 12), dtype="uint8"), views)
    assert np.abs(_ours(data, views) - as_uint8).max() < 1e-6


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_flat_models_get_the_channels_one_after_the_other(channels: int) -> None:
    batch = np.random.default_rng(3).random((5, channels, 8, 8), dtype=np.float32)
    plain = _ours(toys.linear(channels=channels), batch)
    assert np.array_equal(_ours(toys.linear(channels=channels, flat=True), batch), plain)


@pytest.mark.parametrize("shape", [[1, "n"], ["n", 1], ["n"]])
def test_labels_are_read_whatever_axes_they_have(shape: list[toys.Side]) -> None:
    batch = np.random.default_rng(4).random((5, 1, 8, 8), dtype=np.float32)
    nodes = [
        toys.node("Flatten", ["image"], "flat"),
        toys.node("ArgMax", ["flat"], "label", axis=1, keepdims=0),
        toys.node("Reshape", ["label", "to"], "shaped"),
    ]
    to = toys.tensor("to", [-1 if side == "n" else side for side in shape], "int64")
    image, label = toys.value("image", ["n", 1, 8, 8]), toys.value("shaped", ["n"], "int64")
    labels = _ours(toys.model(nodes, [image], [label], [to]), batch)
    assert labels.shape == (5, 1)
    assert labels[:, 0].tolist() == batch.reshape(5, -1).argmax(axis=1).tolist()


def test_a_table_of_names_and_scores_gives_its_scores() -> None:
    batch = np.random.default_rng(5).random((3, 1, 8, 8), dtype=np.float32)
    flat = batch.reshape(3, 64).astype(float)
    expected = np.exp(flat) / np.exp(flat).sum(axis=1, keepdims=True)
    for label in (True, False):
        scores = _ours(odd_toys.zip_map([f"c{n}" for n in range(64)], label=label), batch)
        assert np.abs(scores - expected).max() < 1e-6


def test_one_number_per_image_is_one_score() -> None:
    batch = np.random.default_rng(6).random((5, 1, 8, 8), dtype=np.float32)
    scores = _ours(odd_toys.one_score(), batch)
    assert scores.shape == (5, 1)
    assert np.abs(scores[:, 0] - (batch.mean(axis=(1, 2, 3)) - 0.5)).max() < 1e-6


@pytest.mark.parametrize("tail", [(1,), (1, 1)])
def test_scores_of_shape_1000_1_1_are_scores(tail: tuple[int, ...]) -> None:
    data = toys.linear(size=(8, 12), classes=1000, tail=tail, batch=1)
    expected = _alone(toys.linear(size=(8, 12), classes=1000), BATCH)
    assert np.abs(_ours(data) - expected).max() < 1e-6


def test_scores_are_taken_from_the_right_one_of_two_outputs() -> None:
    batch = np.random.default_rng(1).random((3, 1, 8, 8), dtype=np.float32)
    assert np.array_equal(_ours(toys.two_outputs(), batch), batch.reshape(3, 64))


def _refusal(data: bytes, side: int = 8) -> str:
    with pytest.raises(HoldfastError) as raised:
        _ours(data, np.ones((2, 1, side, side), np.float32))
    return raised.value.code


def test_a_map_is_no_list_of_scores() -> None:
    assert _refusal(toys.map_output()) == "unsupported_output"


def test_negative_whole_numbers_are_no_labels() -> None:
    nodes = [
        toys.node("ReduceSum", ["image", "axes"], "sum", keepdims=0),
        toys.node("Neg", ["sum"], "minus"),
        toys.node("Cast", ["minus"], "label", to=7),
    ]
    image, label = toys.value("image", ["n", 1, 8, 8]), toys.value("label", ["n"], "int64")
    axes = toys.tensor("axes", [1, 2, 3], "int64")
    assert _refusal(toys.model(nodes, [image], [label], [axes])) == "unsupported_output"


def test_an_answer_for_another_number_of_images_is_refused() -> None:
    nodes = [toys.node("Flatten", ["image"], "flat", axis=3)]
    nodes.append(toys.node("Identity", ["flat"], "scores"))  # (n * 8, 8), also for one image
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", None)
    assert _refusal(toys.model(nodes, [image], [scores])) == "unsupported_output"


def test_nan_is_refused() -> None:
    assert _refusal(toys.nan_output()) == "nonfinite_output"


def test_a_run_that_fails_says_on_what_batch() -> None:
    nodes = [
        toys.node("Reshape", ["image", "to"], "flat"),
        toys.node("Identity", ["flat"], "scores"),
    ]
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", None)
    data = toys.model(nodes, [image], [scores], [toys.tensor("to", [1, 63], "int64")])
    with pytest.raises(HoldfastError) as raised:
        _ours(data, np.ones((2, 1, 8, 8), np.float32))
    assert raised.value.code == "run_failed"
    assert "[1, 1, 8, 8]" in raised.value.sentence


def test_four_terabytes_are_a_memory_limit() -> None:
    assert _refusal(toys.memory_bomb()) == "memory_limit"
