"""A tensor moved by hand is the tensor under an ideal roll."""

import numpy as np
import pytest

from holdfast.diagnose.fields import Axis
from holdfast.diagnose.places import Map, moved


def _ideal(tensor: np.ndarray, axes: tuple[int, int], steps: tuple[float, float]) -> np.ndarray:
    """The real part of the roll by Fourier phases over the whole spectrum."""
    spectrum = np.fft.fft2(tensor, axes=axes)
    for axis, step in zip(axes, steps, strict=True):
        shape = [1] * tensor.ndim
        shape[axis] = -1
        turns = np.fft.fftfreq(tensor.shape[axis]) * step
        spectrum = spectrum * np.exp(-2j * np.pi * turns).reshape(shape)
    return np.fft.ifft2(spectrum, axes=axes).real


@pytest.mark.parametrize("axes", [(2, 3), (3, 2), (1, 2)])
@pytest.mark.parametrize("size", [(8, 6), (7, 6), (8, 5), (7, 7)])
def test_a_fraction_of_a_position_is_an_ideal_roll(
    axes: tuple[int, int], size: tuple[int, int]
) -> None:
    shape = [2, 3, 4, 5]
    shape[axes[0]], shape[axes[1]] = size
    tensor = np.random.default_rng(1).random(shape)
    place = Map(4, axes, Axis(size[0], 4.0), Axis(size[1], 4.0))
    for shift in ((1, 1), (2, 0), (0, 3), (4, 2), (-1, 6)):
        expected = _ideal(tensor, axes, (shift[0] / 4, shift[1] / 4))
        assert np.allclose(moved(tensor, place, shift), expected, atol=1e-12)
