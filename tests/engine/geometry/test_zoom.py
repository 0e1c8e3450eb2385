"""Zoom: about the centre of the crop; exact bilinear when enlarging, antialiased when shrinking."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from holdfast.geometry import IDENTITY, Frame, Window, Zoom
from toy_probes import Pixels, noise

TOLERANCE = 1e-4 * 255


def _view(zoom: float, canvas: Pixels, window: Window, fill: int = 0) -> NDArray[np.float32]:
    out = np.full((window.height, window.width, canvas.shape[2]), -1, np.float32)
    Zoom(zoom).view(canvas, window, fill, out)
    return out


def _bilinear(canvas: Pixels, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """Separable linear interpolation written out; all taps inside."""
    pixels = canvas.astype(float)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[:, None, None], (columns - left)[None, :, None]
    below = np.minimum(top + 1, canvas.shape[0] - 1)
    beside = np.minimum(left + 1, canvas.shape[1] - 1)
    upper = pixels[top][:, left] * (1 - right) + pixels[top][:, beside] * right
    lower = pixels[below][:, left] * (1 - right) + pixels[below][:, beside] * right
    return np.asarray(upper * (1 - down) + lower * down)


@pytest.mark.parametrize("zoom", [1.0001, 1.05, 1.25, 2.0, 7.3])
@pytest.mark.parametrize("crop", [(32, 32), (33, 24)])
def test_enlarging_is_plain_bilinear_interpolation(zoom: float, crop: tuple[int, int]) -> None:
    canvas = noise(1, 38, 45, 3)[0]
    window = Frame(crop, (38, 45)).window((38, 45))
    centre_x, centre_y = window.centre
    rows = centre_y + (np.arange(crop[0]) - (crop[0] - 1) / 2) / zoom
    columns = centre_x + (np.arange(crop[1]) - (crop[1] - 1) / 2) / zoom
    error = np.abs(_view(zoom, canvas, window) - _bilinear(canvas, rows, columns))
    assert error.max() < TOLERANCE
    assert Zoom(zoom).fill_share((38, 45), window) == 0.0


@pytest.mark.parametrize("zoom", [0.95, 0.9, 0.8, 0.5, 0.31])
@pytest.mark.parametrize("crop", [(32, 32), (21, 40)])
def test_shrinking_is_what_pillow_does_with_antialias(zoom: float, crop: tuple[int, int]) -> None:
    side = 160  # room for every tap: at the border Pillow spreads the lost weight, we fill
    canvas = noise(1, side, side + 6, 1)[0]
    window = Frame(crop, (side, side + 6)).window((side, side + 6))
    centre_x, centre_y = window.centre
    x, y, w, h = centre_x + 0.5, centre_y + 0.5, crop[1] / zoom / 2, crop[0] / zoom / 2
    image = Image.fromarray(canvas[..., 0].astype(np.float32))
    box = (x - w, y - h, x + w, y + h)
    expected = image.resize(crop[::-1], Image.Resampling.BILINEAR, box=box)
    error = np.abs(_view(zoom, canvas, window)[..., 0] - np.asarray(expected))
    assert error.max() < TOLERANCE


@pytest.mark.parametrize("canvas_size", [(40, 44), (32, 32), (33, 47)])
def test_both_sides_of_zoom_1_meet_the_plain_crop(canvas_size: tuple[int, int]) -> None:
    canvas = noise(1, *canvas_size, 3)[0]
    window = Frame((32, 32), canvas_size).window(canvas_size)
    crop = np.empty((32, 32, 3), np.float32)
    IDENTITY.view(canvas, window, 0, crop)
    assert np.abs(_view(1 - 1e-9, canvas, window) - crop).max() < TOLERANCE
    assert np.abs(_view(1 + 1e-9, canvas, window) - crop).max() < TOLERANCE


def test_above_1_the_content_grows_and_below_1_it_shrinks() -> None:
    canvas = np.zeros((65, 65, 1), np.uint8)
    canvas[22:43, 22:43] = 255
    window = Frame((65, 65), None).window((65, 65))
    area = {zoom: float(_view(zoom, canvas, window).sum() / 255) for zoom in (0.5, 1.0, 2.0)}
    assert area[0.5] == pytest.approx(21 * 21 / 4, rel=1e-3)
    assert area[2.0] == pytest.approx(21 * 21 * 4, rel=0.01)


@pytest.mark.parametrize("zoom", [0.7, 1.6])
def test_the_centre_of_the_crop_stays_where_it_is(zoom: float) -> None:
    rows, columns = np.mgrid[:33, :33] - 16.0
    blob = np.rint(255 * np.exp(-(rows**2 + columns**2) / 18)).astype(np.uint8)[..., None]
    view = _view(zoom, blob, Frame((33, 33), None).window((33, 33)))
    assert ndimage.center_of_mass(view[..., 0]) == pytest.approx((16, 16), abs=1e-3)


def test_shrinking_stripes_gives_grey_and_not_moire() -> None:
    canvas = np.zeros((128, 128, 1), np.uint8)
    canvas[:, ::2] = 255
    view = _view(0.5, canvas, Frame((32, 32), (128, 128)).window((128, 128)))
    assert np.abs(view - 127.5).max() < 1


def test_what_the_canvas_cannot_give_is_filled_smoothly() -> None:
    canvas = np.full((32, 32, 1), 200, np.uint8)
    window = Frame((32, 32), None).window((32, 32))
    view = _view(0.5, canvas, window, fill=40)
    assert view[16, 16, 0] == pytest.approx(200)
    assert view[0, 0, 0] == pytest.approx(40)
    assert 40 < view[8, 16, 0] < 200 or 40 < view[7, 16, 0] < 200


def test_a_zoom_out_and_its_inverse_restore_a_smooth_image() -> None:
    rows, columns = np.mgrid[:64, :64] / 64
    wave = np.rint(127.5 + 100 * np.sin(2 * np.pi * (1.1 * columns + 0.7 * rows)))
    canvas = wave.astype(np.uint8)[..., None]
    window = Frame((64, 64), None).window((64, 64))
    small = np.rint(_view(0.8, canvas, window)).astype(np.uint8)
    back = _view(1.25, small, window)
    inner = slice(8, 56)
    assert np.abs(back - canvas)[inner, inner].max() < 3
