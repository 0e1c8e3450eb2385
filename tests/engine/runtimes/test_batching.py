"""Any number of images for any model; a batch that is not honest is not used."""

import sys
from typing import final

import numpy as np
import pytest
from numpy.typing import NDArray

import toys
from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard
from holdfast.runtimes.batching import FAILS_IN_BATCHES, MIXES_IMAGES, Batched
from holdfast.runtimes.opening import describe_model, open_model
from holdfast.runtimes.protocol import Scores

IMAGES = np.random.default_rng(2).random((7, 1, 8, 8), dtype=np.float32)
CARD = describe_model(toys.linear(channels=1), "0")


@final
class Pixels:
    """A model in numpy: the pixels are the scores. It writes down how many images it was given."""

    def __init__(self, **card: object) -> None:
        self.card: ModelCard = CARD.model_copy(update=card)
        self.seen: list[int] = []

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        self.seen.append(len(batch))
        return batch.reshape(len(batch), -1)


@pytest.mark.parametrize(
    ("card", "n", "seen"),
    [
        ({"batch": 3}, 7, [3, 3, 3]),
        ({"batch": 3}, 2, [3]),
        ({"batch": 1}, 3, [1, 1, 1]),
        ({"batch": None, "batch_max": 4}, 7, [1, 1, 2, 4, 3]),
        ({"batch": None, "batch_min": 2}, 1, [2]),
        ({"batch": None, "batch_min": 2, "batch_max": 3}, 7, [3, 3, 2]),
        ({"batch": None}, 1, [1]),
        ({"batch": None}, 5, [1, 1, 2, 5]),
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
    assert model.seen == [1, 1, 1, 2, 3, 4]
    assert batched.card == model.card


def _only_one() -> bytes:
    nodes = [
        toys.node("Reshape", ["image", "to"], "flat"),
        toys.node("Identity", ["flat"], "scores"),
    ]
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", None)
    return toys.model(nodes, [image], [scores], [toys.tensor("to", [1, 64], "int64")])


def _mixed() -> bytes:
    nodes = [
        toys.node("ReduceMean", ["image", "axis"], "mean"),
        toys.node("Sub", ["image", "mean"], "apart"),
        toys.node("Add", ["apart", "image"], "sum"),
        toys.node("Flatten", ["sum"], "scores"),
    ]
    image, scores = toys.value("image", ["n", 1, 8, 8]), toys.value("scores", None)
    return toys.model(nodes, [image], [scores], [toys.tensor("axis", [0], "int64")])


@pytest.mark.parametrize(
    ("data", "why"), [(_only_one(), FAILS_IN_BATCHES), (_mixed(), MIXES_IMAGES)]
)
def test_an_onnx_model_that_cannot_keep_a_batch_runs_one_by_one_and_says_so(
    data: bytes, why: str
) -> None:
    model = open_model(data, "0")
    assert model.card.batch is None
    # alone, an image's mean over the batch is the image itself
    assert np.abs(model(IMAGES) - IMAGES.reshape(7, 64)).max() < 1e-6
    assert model.card.batch == 1
    assert model.card.warnings == (why,)


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
