"""Whole-pixel shifts are crops of real content; only what the canvas lacks is filled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.geometry import Frame, Shift, Window
from toy_probes import Pixels, noise

FILL = 77
CANVAS = noise(1, 40, 52, 3)[0]
WINDOW = Frame((32, 24), (40, 52)).window((40, 52))


def _view(shift: Shift, canvas: Pixels = CANVAS, window: Window = WINDOW) -> NDArray[np.float32]:
    out = np.full((window.height, window.width, canvas.shape[2]), -1, np.float32)
    shift.view(canvas, window, FILL, out)
    return out


def _by_hand(dx: int, dy: int, canvas: Pixels = CANVAS, window: Window = WINDOW) -> Pixels:
    """Pad the canvas far beyond every shift, then slice."""
    far = 100
    padded = np.pad(canvas, [(far, far), (far, far), (0, 0)], constant_values=FILL)
    top, left = far + window.top - dy, far + window.left - dx
    return padded[top : top + window.height, left : left + window.width]


def test_content_moves_right_and_down() -> None:
    canvas = np.zeros((9, 9, 1), np.uint8)
    canvas[4, 4] = 200
    window = Frame((7, 7), (9, 9)).window((9, 9))
    still, moved = _view(Shift(0, 0), canvas, window), _view(Shift(2, 1), canvas, window)
    assert np.argwhere(still[..., 0] == 200).tolist() == [[3, 3]]
    assert np.argwhere(moved[..., 0] == 200).tolist() == [[4, 5]]


def test_a_shift_within_the_canvas_is_a_slice_of_it_without_fill() -> None:
    for dx, dy in [(14, 4), (-14, -4), (3, -4), (0, 1)]:
        top, left = 4 - dy, 14 - dx
        assert np.array_equal(_view(Shift(dx, dy)), CANVAS[top : top + 32, left : left + 24])
        assert Shift(dx, dy).fill_share((40, 52), WINDOW) == 0.0


@given(st.integers(-60, 60), st.integers(-60, 60))
def test_every_shift_equals_slicing_a_padded_canvas(dx: int, dy: int) -> None:
    assert np.array_equal(_view(Shift(dx, dy)), _by_hand(dx, dy))


@given(st.integers(-60, 60), st.integers(-60, 60))
def test_the_fill_share_is_the_share_of_filled_pixels(dx: int, dy: int) -> None:
    marked = np.full((40, 52, 1), 1, np.uint8)
    filled = float((_view(Shift(dx, dy), marked) == FILL).mean())
    assert Shift(dx, dy).fill_share((40, 52), WINDOW) == pytest.approx(filled, abs=1e-12)


@given(st.integers(-9, 9), st.integers(-4, 4), st.integers(-5, 5))
def test_two_shifts_make_one(dx: int, dy: int, more_px: int) -> None:
    moved = np.roll(CANVAS, more_px, axis=1)
    assert np.array_equal(_view(Shift(dx, dy), moved), _view(Shift(dx + more_px, dy)))


def test_a_window_larger_than_its_canvas_is_filled_around_it() -> None:
    canvas = noise(1, 5, 6, 3)[0]
    window = Frame((8, 8), (5, 6)).window((5, 6))
    assert np.array_equal(_view(Shift(0, 0), canvas, window), _by_hand(0, 0, canvas, window))
    assert (window.top, window.left) == (-1, -1)
    assert Shift(0, 0).fill_share((5, 6), window) == pytest.approx(1 - 30 / 64)


def test_content_that_leaves_the_window_leaves_only_fill() -> None:
    assert (_view(Shift(1000, 0)) == FILL).all()
    assert Shift(0, -1000).fill_share((40, 52), WINDOW) == 1.0
