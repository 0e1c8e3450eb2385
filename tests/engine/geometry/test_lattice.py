"""Rolls, quarter turns and nearest enlargement only move or repeat pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry_oracles import view_of
from holdfast.geometry import (
    IDENTITY,
    Frame,
    QuarterTurn,
    Roll,
    Rotation,
    Window,
    enlarge_nearest,
)
from toy_probes import noise

CANVAS = noise(1, 40, 52, 3)[0]
WINDOW = Frame((32, 24), (40, 52)).window((40, 52))
SQUARE = Frame((24, 24), (40, 52)).window((40, 52))
CROP = CANVAS[4:36, 14:38]


@given(st.integers(-80, 80), st.integers(-80, 80))
def test_a_roll_moves_every_pixel_of_the_crop_around_its_border(dx: int, dy: int) -> None:
    rolled = view_of(Roll(dx, dy), CANVAS, WINDOW)
    for y, x in [(0, 0), (31, 23), (7, 19)]:
        assert np.array_equal(rolled[(y + dy) % 32, (x + dx) % 24], CROP[y, x])
    assert np.array_equal(np.sort(rolled.ravel()), np.sort(CROP.ravel()))


def test_a_roll_takes_no_content_beyond_the_crop_and_can_be_undone() -> None:
    rolled = view_of(Roll(5, -3), CANVAS, WINDOW)
    window = Window(0, 0, 32, 24)
    assert np.array_equal(view_of(Roll(-5, 3), rolled, window), CROP)
    assert np.array_equal(rolled[:29, 5:], CROP[3:, :19])
    assert Roll(5, -3).fill_share((40, 52), WINDOW) == 0.0


def test_rolls_and_turns_of_a_small_canvas_move_its_fill_along() -> None:
    canvas = noise(1, 20, 20, 1, low=100)[0]
    window = Frame((24, 24), None).window((20, 20))
    rolled = view_of(Roll(3, 0), canvas, window, 7)
    assert (rolled[:, [0, 1, 2, 3, 4]] == 7).all(axis=(0, 2)).tolist() == [0, 1, 1, 1, 1]
    share = 1 - 20 * 20 / (24 * 24)
    assert Roll(3, 0).fill_share((20, 20), window) == pytest.approx(share)
    assert QuarterTurn(1).fill_share((20, 20), window) == pytest.approx(share)


@pytest.mark.parametrize("k", range(-3, 6))
def test_a_quarter_turn_is_rot90_of_the_crop(k: int) -> None:
    crop = CANVAS[8:32, 14:38]
    assert np.array_equal(view_of(QuarterTurn(k), CANVAS, SQUARE), np.rot90(crop, k))
    warped = view_of(Rotation(90 * k), CANVAS, SQUARE)
    assert np.abs(view_of(QuarterTurn(k), CANVAS, SQUARE) - warped).max() < 1e-3


def test_one_quarter_turn_brings_the_right_side_up() -> None:
    canvas = np.zeros((9, 9, 1), np.uint8)
    canvas[4, 7] = 255
    window = Window(0, 0, 9, 9)
    assert np.argwhere(view_of(QuarterTurn(1), canvas, window)[..., 0]).tolist() == [[1, 4]]


def test_four_quarter_turns_are_the_crop() -> None:
    view = view_of(IDENTITY, CANVAS, SQUARE)
    for _ in range(4):
        view = view_of(QuarterTurn(1), view, Window(0, 0, 24, 24))
    assert np.array_equal(view, CANVAS[8:32, 14:38])


def test_only_squares_turn_by_quarters() -> None:
    with pytest.raises(ValueError, match="32 x 24 px"):
        view_of(QuarterTurn(2), CANVAS, WINDOW)
    with pytest.raises(ValueError, match="square"):
        QuarterTurn(2).fill_share((40, 52), WINDOW)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_nearest_enlargement_repeats_each_pixel(k: int) -> None:
    view = view_of(IDENTITY, CANVAS, WINDOW)
    large = enlarge_nearest(view, k)
    assert large.shape == (32 * k, 24 * k, 3)
    for y in range(32 * k):
        for x in range(24 * k):
            assert np.array_equal(large[y, x], view[y // k, x // k])


def test_an_enlargement_needs_a_positive_whole_number() -> None:
    with pytest.raises(ValueError, match="by 0"):
        enlarge_nearest(CANVAS, 0)
