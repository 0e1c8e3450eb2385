"""Rotation: counter-clockwise, about the centre of the crop, one exact bilinear warp."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from holdfast.geometry import Frame, Rotation, Window
from toy_probes import Pixels, noise

Size = tuple[int, int]
TOLERANCE = 1e-4 * 255
ODD_ANGLES = [0.001, 2, -5, 13.7, -15, 44.9, 61, 121.5, -179]


def _view(angle_deg: float, canvas: Pixels, window: Window, fill: int = 0) -> NDArray[np.float32]:
    out = np.full((window.height, window.width, canvas.shape[2]), -1, np.float32)
    Rotation(angle_deg).view(canvas, window, fill, out)
    return out


def _source(angle_deg: float, window: Window) -> NDArray[np.float64]:
    """Where each pixel of the view comes from, (2, h, w) rows and columns, by trigonometry alone:
    a point at radius r and direction a (counter-clockwise as displayed) came from a - angle.
    """
    rows, columns = np.mgrid[: window.height, : window.width].astype(float)
    right = columns - (window.width - 1) / 2
    up = (window.height - 1) / 2 - rows
    radius, direction = np.hypot(right, up), np.arctan2(up, right) - math.radians(angle_deg)
    centre_x, centre_y = window.centre
    return np.stack([centre_y - radius * np.sin(direction), centre_x + radius * np.cos(direction)])


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
@pytest.mark.parametrize("side", [31, 32])
def test_quarter_turns_equal_rot90_exactly(quarters: int, side: int) -> None:
    canvas = noise(1, side, side, 3)[0]
    window = Frame((side, side), None).window((side, side))
    turned = _view(90.0 * quarters, canvas, window, fill=9)
    assert np.array_equal(turned, np.rot90(canvas, quarters))
    assert Rotation(90.0 * quarters).fill_share((side, side), window) == 0.0


@pytest.mark.parametrize(
    ("canvas_size", "crop"),
    [((40, 40), (32, 28)), ((41, 41), (33, 27)), ((40, 46), (32, 28)), ((47, 39), (33, 27))],
)
def test_quarter_turns_take_real_content_beyond_the_crop(canvas_size: Size, crop: Size) -> None:
    canvas = noise(1, *canvas_size, 3)[0]
    window = Frame(crop, None).window(canvas_size)
    lying = Frame(crop[::-1], None).window(canvas_size)
    assert window.centre == lying.centre
    rows = slice(lying.top, lying.top + lying.height)
    columns = slice(lying.left, lying.left + lying.width)
    assert np.array_equal(_view(90, canvas, window), np.rot90(canvas[rows, columns]))
    assert np.array_equal(_view(-90, canvas, window), np.rot90(canvas[rows, columns], -1))


def test_a_positive_angle_turns_the_content_counter_clockwise_as_displayed() -> None:
    canvas = np.zeros((33, 33, 1), np.uint8)
    canvas[16, 26] = 255  # right of the centre
    window = Frame((33, 33), None).window((33, 33))
    bright = ndimage.center_of_mass(_view(30, canvas, window)[..., 0])
    assert bright == pytest.approx((16 - 10 * 0.5, 16 + 10 * math.sqrt(0.75)), abs=0.1)


@pytest.mark.parametrize("angle_deg", ODD_ANGLES)
@pytest.mark.parametrize("crop", [(32, 32), (21, 34)])
def test_a_rotation_is_the_bilinear_interpolation_that_scipy_computes(
    angle_deg: float, crop: Size
) -> None:
    canvas = noise(1, 40, 47, 3)[0]
    window = Frame(crop, (40, 47)).window((40, 47))
    at = _source(angle_deg, window)
    expected = np.stack(
        [
            ndimage.map_coordinates(canvas[..., band].astype(float), at, order=1)
            for band in range(3)
        ],
        axis=-1,
    )
    inside = (at[0] >= 0) & (at[0] <= 39) & (at[1] >= 0) & (at[1] <= 46)
    assert inside.mean() > 0.7
    error = np.abs(_view(angle_deg, canvas, window) - expected)[inside]
    assert error.max() < TOLERANCE


def test_views_are_not_rounded_to_whole_grey_levels() -> None:
    canvas = noise(1, 40, 40, 1)[0]
    view = _view(7, canvas, Frame((32, 32), (40, 40)).window((40, 40)))
    assert (np.abs(view - np.rint(view)) > 0.01).mean() > 0.9


def test_the_range_of_the_canvas_is_kept() -> None:
    canvas = noise(1, 40, 40, 3, low=50, high=201)[0]
    for angle_deg in ODD_ANGLES:
        view = _view(angle_deg, canvas, Frame((32, 32), (40, 40)).window((40, 40)), fill=100)
        assert view.min() >= 50 - 1e-3
        assert view.max() <= 200 + 1e-3


def _smooth(size: int) -> Pixels:
    rows, columns = np.mgrid[:size, :size] / size
    wave = np.sin(2 * np.pi * 1.3 * columns + 0.4) * np.cos(2 * np.pi * 0.9 * rows)
    return np.asarray(np.rint(127.5 + 120 * wave)[..., None], np.uint8)


@pytest.mark.parametrize("angle_deg", [3, 15, 40, -77])
def test_turning_back_restores_a_smooth_image(angle_deg: float) -> None:
    """Two bilinear steps of a wave with w = 2 pi 1.3 / 64 lose at most about w² / 4 of its 120
    levels, and the rounding in between half a level each.
    """
    canvas = _smooth(64)
    window = Frame((64, 64), None).window((64, 64))
    there = np.rint(_view(angle_deg, canvas, window)).astype(np.uint8)
    back = _view(-angle_deg, there, window)
    rows, columns = np.mgrid[:64, :64] - 31.5
    disc = np.hypot(rows, columns) < 30
    bound = 120 * (2 * np.pi * 1.3 / 64) ** 2 / 4 * 1.5 + 1
    assert np.abs(back - canvas)[disc].max() < bound


def test_the_error_of_the_resampler_falls_with_the_square_of_the_pixel_size() -> None:
    """On a smooth scene that is drawn ever finer; float grey levels would need no uint8 canvas, so
    the wave is large and the coarsest grids are used, where rounding (1/2 level) is small.
    """
    errors = []
    for size in (16, 32, 64):
        scale = size / 16
        window = Frame((size, size), None).window((size, size))
        at = _source(20, window)

        def scene(
            row: NDArray[np.float64], column: NDArray[np.float64], s: float = scale
        ) -> NDArray[np.float64]:
            middle = 16 * s / 2 - 0.5
            return np.asarray(
                127.5 + 127 * np.sin((column - middle) / s * 0.9 + (row - middle) / s * 0.5)
            )

        grid = np.mgrid[:size, :size].astype(float)
        canvas = np.rint(scene(grid[0], grid[1])).astype(np.uint8)[..., None]
        inner = np.hypot(*(grid - (size - 1) / 2)) < 0.4 * size
        error = _view(20, canvas, window)[..., 0] - scene(at[0], at[1])
        errors.append(float(np.sqrt(np.mean(error[inner] ** 2))))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert orders == pytest.approx([2, 2], abs=0.25)
