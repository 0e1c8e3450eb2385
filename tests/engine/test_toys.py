"""The toys are what they claim to be; every other test rests on that."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import toys
from holdfast.runtimes.onnx_model import open_onnx
from toy_probes import noise, stripes

IMAGES = noise(6, 16, 16, seed=2).astype(np.float32)[:, None] / 255


def _scores(model: bytes, batch: NDArray[Any]) -> NDArray[np.float32]:
    return open_onnx(model, "0", 1)(np.ascontiguousarray(batch, np.float32))


def _rolled(images: NDArray[Any], dx: int, dy: int) -> NDArray[np.float32]:
    return np.roll(images, (dy, dx), axis=(2, 3))


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_circular_net_is_invariant_to_rolls_by_its_stride_and_to_no_others(stride: int) -> None:
    model = toys.circular_net(stride)
    still = _scores(model, IMAGES)
    scale = np.abs(still).max()
    for dx, dy in [(stride, 0), (0, -stride), (3 * stride, stride)]:
        assert np.abs(_scores(model, _rolled(IMAGES, dx, dy)) - still).max() < 1e-5 * scale
    if stride > 1:
        assert np.abs(_scores(model, _rolled(IMAGES, 1, 0)) - still).max() > 1e-3 * scale


def test_the_mean_pixel_does_not_see_rolls_turns_and_mirrors() -> None:
    model = toys.mean_pixel(size=(16, 16))
    still = _scores(model, IMAGES)
    assert still[:, 0] == pytest.approx(IMAGES.mean(axis=(1, 2, 3)) - 0.5, abs=1e-6)
    for moved in (_rolled(IMAGES, 5, 3), np.rot90(IMAGES, 1, (2, 3)), IMAGES[..., ::-1]):
        assert _scores(model, moved) == pytest.approx(still, abs=1e-6)


def test_the_subsampling_net_answers_0_1_0_1_on_moving_stripes() -> None:
    """GT-03."""
    lines = stripes(32).astype(np.float32)[None, None] / 255
    batch = np.concatenate([_rolled(lines, dx, 0) for dx in range(8)])
    assert _scores(toys.subsample(2), batch).argmax(axis=1).tolist() == [0, 1] * 4


def test_the_position_bands_change_at_7_of_31_steps() -> None:
    """GT-05: FP = (K - 1) / (W - 1)."""
    batch = np.zeros((32, 1, 32, 32), np.float32)
    batch[range(32), 0, 9, range(32)] = 1
    classes = _scores(toys.band_of_column(), batch).argmax(axis=1)
    assert (np.diff(classes) != 0).mean() == pytest.approx(7 / 31)


@pytest.mark.parametrize("period", [1, 2, 4, 8])
def test_a_fixed_pixel_under_stripes_flips_once_per_half_period(period: int) -> None:
    """GT-07: FP = 1 / P over dx = 0 .. 8 P."""
    row = (np.arange(32) // period % 2).astype(np.float32)
    lines = np.tile(row, (32, 1))[None, None]
    batch = np.concatenate([_rolled(lines, dx, 0) for dx in range(8 * period + 1)])
    classes = _scores(toys.fixed_pixel(4, 7), batch).argmax(axis=1)
    assert (np.diff(classes) != 0).mean() == 1 / period


def test_the_constant_net_says_the_same_to_everything() -> None:
    batch = np.random.default_rng(0).random((3, 1, 32, 32), dtype=np.float32)
    assert _scores(toys.constant((1, 3, 2)), batch).tolist() == [[1, 3, 2]] * 3
