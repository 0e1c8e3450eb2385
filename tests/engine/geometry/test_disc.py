"""The disc mask covers what rotation brings into the corners, on reference and view alike."""

import math

import numpy as np
import pytest

from geometry_oracles import view_of
from holdfast.geometry import (
    IDENTITY,
    DiscMask,
    Embed,
    Frame,
    Motion,
    QuarterTurn,
    Rotation,
    Shift,
    Zoom,
    disc,
)
from toy_probes import noise

SIZES = [(8, 8), (9, 9), (7, 10), (13, 5), (1, 1), (24, 24)]


def _is_inside(y: int, x: int, size: tuple[int, int]) -> bool:
    return math.hypot(y - (size[0] - 1) / 2, x - (size[1] - 1) / 2) <= min(size) / 2


@pytest.mark.parametrize("size", SIZES)
def test_a_pixel_is_inside_when_its_centre_is(size: tuple[int, int]) -> None:
    expected = [[_is_inside(y, x, size) for x in range(size[1])] for y in range(size[0])]
    assert disc(size).tolist() == expected


def test_the_disc_of_a_square_keeps_78_5_percent() -> None:
    assert disc((224, 224)).mean() == pytest.approx(math.pi / 4, abs=5e-4)


@pytest.mark.parametrize("side", [24, 25])
def test_quarter_turns_leave_the_disc_where_it_is(side: int) -> None:
    assert np.array_equal(np.rot90(disc((side, side))), disc((side, side)))


@pytest.mark.parametrize("inner", [IDENTITY, Rotation(20), Zoom(0.8), Shift(-3, 9)])
@pytest.mark.parametrize("crop", [(24, 24), (20, 30)])
def test_inside_is_the_view_and_outside_is_fill(inner: Motion, crop: tuple[int, int]) -> None:
    canvas = noise(1, 30, 34, 3)[0]
    window = Frame(crop, (30, 34)).window((30, 34))
    masked, plain = view_of(DiscMask(inner), canvas, window, 9), view_of(inner, canvas, window, 9)
    for y in range(crop[0]):
        for x in range(crop[1]):
            expected = plain[y, x] if _is_inside(y, x, crop) else 9
            assert np.array_equal(masked[y, x], np.broadcast_to(expected, 3))


@pytest.mark.parametrize(
    "inner", [IDENTITY, Rotation(20), Zoom(0.5), Shift(5, 0), QuarterTurn(1), Embed(8, 0, 0, 50)]
)
def test_the_fill_share_is_that_of_the_disc_alone(inner: Motion) -> None:
    canvas, window = np.ones((26, 28, 1), np.uint8), Frame((24, 24), (26, 28)).window((26, 28))
    seen = view_of(inner, canvas, window) - view_of(inner, canvas * 0, window)
    inside = [seen[y, x, 0] for y in range(24) for x in range(24) if _is_inside(y, x, (24, 24))]
    share = DiscMask(inner).fill_share((26, 28), window)
    assert share == pytest.approx(1 - sum(inside) / len(inside), abs=1e-6)


def test_a_turned_square_has_no_fill_in_its_disc() -> None:
    window = Frame((224, 224), None).window((224, 224))
    assert Rotation(45).fill_share((224, 224), window) > 0.1
    assert DiscMask(Rotation(45)).fill_share((224, 224), window) < 1e-3
