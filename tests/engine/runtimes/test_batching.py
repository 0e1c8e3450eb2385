"""Any number of images for any model; a batch that is not honest is not used."""

import sys
from typing import final

import numpy as np
import pytest
from numpy.typing import NDArray

import odd_toys
import toys
from holdfast.errors import HoldfastError
from holdfast.records.model import Batching, ModelCard
from holdfast.runtimes.batching import (
    CRASHES_IN_BATCHES,
    FAILS_IN_BATCHES,
    MIXES_IMAGES,
    Batched,
)
from holdfast.runtimes.opening import Terms, describe_model, open_model
from holdfast.runtimes.protocol import Scores

IMAGES = np.random.default_rng(2).random((7, 1, 8, 8), dtype=np.float32)
CARD = describe_model(toys.linear(channels=1), "0")


@final
class Pixels:
    """A model in numpy: the pixels are the scores. It writes down how many images it was given."""

    def __init__(self, **card: object) -> None:
        self.card: ModelCard = CARD.model_copy(update=card)
        self.seen: list[int] = []

    @property
    def on_device(self) -> None:
        return None

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        self.seen.append(len(batch))
        return batch.reshape(len(batch), -1)


@pytest.mark.parametrize(
    ("card", "n", "seen"),
    [
        ({"batch": 3}, 7, [3, 3, 3, 3, 3, 3, 3]),
        ({"batch": 3}, 1, [3]),
        ({"batch": 1}, 3, [1, 1, 1]),
        ({"batch": None, "batch_max": 4}, 7, [1, 1, 1, 1, 4, 4, 3]),
        ({"batch": None, "batch_min": 2}, 1, [2]),
        ({"batch": None, "batch_min": 2, "batch_max": 3}, 7, [2, 2, 2, 3, 3, 3, 2]),
        ({"batch": None}, 1, [1]),
        ({"batch": None}, 5, [1, 1, 1, 1, 4, 5]),
    ],
)
def test_a_model_sees_only_batches_that_it_takes(
    card: dict[str, object], n: int, seen: list[int]
) -> None:
    model = Pixels(**card)
    scores = Batched(model)(IMAGES[:n])
    assert model.seen == seen
    assert np.array_equal(scores, IMAGES[:n].reshape(n, -1))


def test_honesty_is_checked_once() -> None:
    model = Pixels(batch=None)
    batched = Batched(model)
    for n in (1, 3, 4):
        batched(IMAGES[:n])
    assert model.seen == [1, 1, 1, 1, 3, 3, 4]
    assert batched.card == model.card


def _only_one() -> bytes:
    nodes = [
        toys.node("Reshape", ["image", "to"], "flat"),
        toys.node("Identity", ["flat"], "scores"),
    ]
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", None)
    return toys.model(nodes, [image], [scores], [toys.tensor("to", [1, 64], "int64")])


def _mixed(batch: toys.Side = "n") -> bytes:
    nodes = [
        toys.node("ReduceMean", ["image", "axis"], "mean"),
        toys.node("Sub", ["image", "mean"], "apart"),
        toys.node("Add", ["apart", "image"], "sum"),
        toys.node("Flatten", ["sum"], "scores"),
    ]
    image, scores = toys.value("image", [batch, 1, 8, 8]), toys.value("scores", None)
    return toys.model(nodes, [image], [scores], [toys.tensor("axis", [0], "int64")])


@pytest.mark.parametrize(
    ("data", "why", "batching"),
    [
        (_only_one(), FAILS_IN_BATCHES, Batching.fails),
        (_mixed(), MIXES_IMAGES, Batching.mixes),
    ],
)
def test_an_onnx_model_that_cannot_keep_a_batch_runs_one_by_one_and_says_so(
    data: bytes, why: str, batching: Batching
) -> None:
    model = open_model(data, "0")
    assert (model.card.batch, model.card.batching) == (None, Batching.as_declared)
    # alone, an image's mean over the batch is the image itself
    assert np.abs(model(IMAGES) - IMAGES.reshape(7, 64)).max() < 1e-6
    assert model.card.batch == 1
    assert model.card.batching is batching
    assert model.card.warnings == (why,)


def test_a_fixed_batch_that_mixes_its_images_is_filled_with_copies_of_one() -> None:
    model = open_model(_mixed(batch=3), "0")
    assert np.abs(model(IMAGES) - IMAGES.reshape(7, 64)).max() < 1e-6
    assert (model.card.batch, model.card.batching) == (3, Batching.mixes)


def test_a_mix_that_two_like_images_hide_is_seen_in_four() -> None:
    few = np.concatenate([IMAGES[:1], IMAGES[:1], IMAGES[1:3]])
    model = open_model(_mixed(), "0")
    assert np.abs(model(few) - few.reshape(4, 64)).max() < 1e-6


def test_a_model_that_a_batch_crashes_runs_one_by_one_from_the_start() -> None:
    for declared, seen in ((None, [1, 1, 1]), (3, [3, 3, 3])):
        inner = Pixels(batch=declared)
        model = Batched(inner, single=True)
        model(IMAGES[:3])
        assert inner.seen == seen
        assert model.card.batching is Batching.crashes
        assert model.card.warnings == (CRASHES_IN_BATCHES,)
    assert open_model(toys.linear(channels=1), "0", Terms(single=True)).card.batch == 1
    assert Batched(Pixels(batch=1), single=True).card.batching is Batching.as_declared


def test_a_size_that_a_model_does_not_take_is_named_beside_one_that_it_does() -> None:
    image = np.random.default_rng(0).random((2, 1, 100, 70), dtype=np.float32)
    with pytest.raises(HoldfastError) as raised:
        open_model(odd_toys.multiples_only(32), "0")(image)
    assert raised.value.code == "size_not_taken"
    assert "fails on 100 x 70 px and runs on 96 x 64 px" in raised.value.sentence
    assert "multiples of 32" in raised.value.hint
    assert open_model(odd_toys.multiples_only(32), "0")(image[..., :96, :64]).shape == (2, 2)


def test_a_size_that_is_not_the_cause_is_not_blamed() -> None:
    nodes = [toys.node("Reshape", ["image", "to"], "scores")]
    image, scores = toys.value("image", ["n", 1, "h", "w"]), toys.value("scores", None)
    broken = toys.model(nodes, [image], [scores], [toys.tensor("to", [1, 63], "int64")])
    with pytest.raises(HoldfastError, match="run_failed"):
        open_model(broken, "0")(IMAGES)


def test_a_model_that_fails_on_one_image_fails() -> None:
    with pytest.raises(HoldfastError, match="unsupported_output"):
        open_model(toys.map_output(), "0")(IMAGES)


def test_a_missing_pytorch_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    safetensors = (2).to_bytes(8, "little") + b"{}" + bytes(8)
    with pytest.raises(HoldfastError) as raised:
        open_model(safetensors, "0")
    assert raised.value.code == "torch_needed"
    assert "safetensors" in raised.value.sentence
    assert raised.value.hint == "Run: pip install 'holdfast[torch]'"
    open_model(toys.linear(), "0")  # ONNX needs none
