"""Embedding: Pillow's antialiased resize of the crop, pasted at a documented place."""

import numpy as np
import pytest
from PIL import Image

from geometry_oracles import view_of
from holdfast.geometry import Embed, Frame, Window, object_size
from toy_probes import noise

CANVAS = noise(1, 40, 50, 3)[0]
WINDOW = Frame((32, 32), (40, 50)).window((40, 50))


def _small(size: tuple[int, int], window: Window = WINDOW) -> np.ndarray:
    rows = slice(window.top, window.top + window.height)
    columns = slice(window.left, window.left + window.width)
    bands = np.moveaxis(CANVAS[rows, columns].astype(np.float32), -1, 0)
    small = [Image.fromarray(band).resize(size[::-1], Image.Resampling.BILINEAR) for band in bands]
    return np.stack([np.asarray(band) for band in small], axis=-1)


@pytest.mark.parametrize("size_px", [1, 7, 8, 20, 32, 45])
def test_the_object_is_pillows_resize_of_the_crop(size_px: int) -> None:
    view = view_of(Embed(size_px, 0, 0, 5), CANVAS, WINDOW)
    expected = np.full((32, 32, 3), 5.0)
    start = (32 - size_px) // 2
    shown = slice(max(start, 0), max(start, 0) + min(size_px, 32))
    cut = slice(max(-start, 0), max(-start, 0) + min(size_px, 32))
    expected[shown, shown] = _small((size_px, size_px))[cut, cut]
    assert np.abs(view - expected).max() < 1e-2


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (12, 0), (-12, 12), (3, -5)])
def test_the_object_moves_right_and_down(dx: int, dy: int) -> None:
    centred = view_of(Embed(8, 0, 0), CANVAS, WINDOW)
    moved = view_of(Embed(8, dx, dy), CANVAS, WINDOW)
    assert np.array_equal(np.roll(centred, (dy, dx), (0, 1)), moved)
    assert Embed(8, dx, dy).fill_share((40, 50), WINDOW) == 1 - 64 / 1024


def test_an_odd_difference_puts_the_object_up_and_left() -> None:
    view = view_of(Embed(5, 0, 0, -1.0), CANVAS, WINDOW)
    rows, columns, _ = np.nonzero(view != -1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 17, 13, 17)


@pytest.mark.parametrize(
    ("dx", "dy", "shown"), [(14, 0, 6 * 8), (-15, -14, 5 * 6), (40, 0, 0), (0, -99, 0)]
)
def test_what_lies_beyond_the_view_is_cut(dx: int, dy: int, shown: int) -> None:
    embed = Embed(8, dx, dy, -1.0)
    view = view_of(embed, CANVAS, WINDOW)
    assert (view[..., 0] != -1).sum() == shown
    assert embed.fill_share((40, 50), WINDOW) == 1 - shown / 1024


def test_the_background_may_have_a_colour() -> None:
    view = view_of(Embed(8, 0, 0, (123.675, 116.28, 103.53)), CANVAS, WINDOW, 9)
    assert np.array_equal(view[0, 0], np.array([123.675, 116.28, 103.53], np.float32))


def test_a_crop_that_is_not_square_keeps_its_proportion() -> None:
    window = Frame((20, 32), (40, 50)).window((40, 50))
    assert object_size((20, 32), 16) == (10, 16)
    view = view_of(Embed(16, 0, 0, -1.0), CANVAS, window)
    assert np.abs(view[5:15, 8:24] - _small((10, 16), window)).max() < 1e-2
    assert (view[:5] == -1).all()
    assert (view[15:] == -1).all()
