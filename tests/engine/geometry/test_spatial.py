"""Spatial: turn, zoom and shift in one interpolation, in this order, about the crop's centre."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geometry_oracles import Levels, bilinear_view, view_of, wave
from holdfast.geometry import (
    Affine,
    Frame,
    Rotation,
    Shift,
    Spatial,
    SubpixelShift,
    Window,
    Zoom,
    as_spatial,
)
from toy_probes import noise

TOLERANCE = 1e-4 * 255
CANVAS = noise(1, 40, 47, 3)[0]
WINDOW = Frame((32, 26), (40, 47)).window((40, 47))
SPATIALS = st.builds(
    Spatial, st.floats(-180, 180), st.floats(-12, 12), st.floats(-12, 12), st.floats(1, 3)
)


@pytest.mark.parametrize(
    ("spatial", "plain"),
    [
        (Spatial(0, 3, -2), Shift(3, -2)),
        (Spatial(360, -30.0, 0.0), Shift(-30, 0)),
        (Spatial(0, 0, 0), Shift(0, 0)),
        (Spatial(7.5, 0, 0), Rotation(7.5)),
        (Spatial(90, 0, 0), Rotation(90)),
        (Spatial(0, 0, 0, 1.3), Zoom(1.3)),
        (Spatial(0, 0, 0, 0.7), Zoom(0.7)),
        (SubpixelShift(2, -1), Shift(2, -1)),
        (SubpixelShift(0.3, -1.6), Spatial(0, 0.3, -1.6)),
    ],
)
def test_neutral_parameters_leave_the_plain_motion_bit_by_bit(
    spatial: Affine, plain: Affine
) -> None:
    for canvas in (CANVAS, CANVAS[..., :1]):
        got, expected = (view_of(motion, canvas, WINDOW, 9) for motion in (spatial, plain))
        assert np.array_equal(got, expected)
    assert spatial.fill_share((40, 47), WINDOW) == pytest.approx(
        plain.fill_share((40, 47), WINDOW), abs=1e-6
    )


@given(SPATIALS, st.integers(0, 255))
@settings(deadline=None)
def test_a_spatial_view_is_the_interpolation_that_scipy_computes_border_included(
    spatial: Spatial, fill: int
) -> None:
    expected = bilinear_view(spatial, CANVAS, WINDOW, fill)
    assert np.abs(view_of(spatial, CANVAS, WINDOW, fill) - expected).max() < TOLERANCE


def test_the_content_turns_first_and_shifts_then() -> None:
    canvas = np.zeros((33, 33, 1), np.uint8)
    canvas[16, 26] = 255  # 10 px right of the centre
    window = Frame((33, 33), None).window((33, 33))
    turned = view_of(Spatial(90, 3, 4), canvas, window)[..., 0]
    assert np.argwhere(turned > 250).tolist() == [[16 - 10 + 4, 16 + 3]]
    grown = view_of(Spatial(0, -2, 5, 1.5), canvas, window)[..., 0]
    assert ndimage.center_of_mass(grown) == pytest.approx((16 + 5, 16 + 15 - 2), abs=0.1)


@given(st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=20)
def test_a_fraction_of_a_pixel_keeps_the_variance_that_theory_says(dx: float, dy: float) -> None:
    canvas = np.random.default_rng(0).normal(128, 20, (200, 200, 1)).astype(np.float32)
    window = Frame((180, 180), (200, 200)).window((200, 200))
    kept = view_of(SubpixelShift(dx, dy), canvas, window).var() / canvas.var()
    theory = (1 - 2 * dx * (1 - dx)) * (1 - 2 * dy * (1 - dy))
    assert kept == pytest.approx(theory, abs=0.03)


def _brute_wide(spatial: Spatial, canvas: Levels, window: Window, fill: int) -> Levels:
    """Triangles of half-width 1 / zoom around each source, summed over an endless canvas."""
    reach = 1 / spatial.zoom
    radians = math.radians(spatial.angle_deg)
    out = np.zeros((window.height, window.width))
    for v in range(window.height):
        for u in range(window.width):
            right = (u - (window.width - 1) / 2 - spatial.dx) / spatial.zoom
            down = (v - (window.height - 1) / 2 - spatial.dy) / spatial.zoom
            x = window.centre[0] + right * math.cos(radians) - down * math.sin(radians)
            y = window.centre[1] + right * math.sin(radians) + down * math.cos(radians)
            total = mass = 0.0
            for row in range(math.floor(y - reach), math.ceil(y + reach) + 1):
                for column in range(math.floor(x - reach), math.ceil(x + reach) + 1):
                    near = max(0.0, 1 - abs(row - y) / reach) * max(
                        0.0, 1 - abs(column - x) / reach
                    )
                    here = 0 <= row < canvas.shape[0] and 0 <= column < canvas.shape[1]
                    total += near * (float(canvas[row, column, 0]) if here else fill)
                    mass += near
            out[v, u] = total / mass
    return out


@pytest.mark.parametrize(
    "spatial",
    [Spatial(20, 0, 0, 0.8), Spatial(-33, 2.3, -1.1, 0.55), Spatial(0, 1.7, 0.4, 0.7)],
)
def test_zooming_out_while_turning_is_the_wide_triangle_around_each_source(
    spatial: Spatial,
) -> None:
    canvas = noise(1, 20, 23, 1)[0]
    window = Frame((12, 15), (20, 23)).window((20, 23))
    expected = _brute_wide(spatial, canvas, window, 77)
    assert np.abs(view_of(spatial, canvas, window, 77)[..., 0] - expected).max() < TOLERANCE


def test_the_wide_triangle_meets_zoom_and_rotation() -> None:
    slightly = view_of(Spatial(1e-9, 0, 0, 0.8), CANVAS, WINDOW)
    assert np.abs(slightly - view_of(Zoom(0.8), CANVAS, WINDOW)).max() < TOLERANCE
    slightly = view_of(Spatial(20, 0, 0, 1 - 1e-9), CANVAS, WINDOW)
    assert np.abs(slightly - view_of(Rotation(20), CANVAS, WINDOW)).max() < TOLERANCE


@given(SPATIALS.filter(lambda spatial: spatial.zoom < 1.5))
@settings(deadline=None, max_examples=25)
def test_a_warp_and_its_inverse_restore_a_smooth_image(spatial: Spatial) -> None:
    """Each bilinear step of a wave of w radians a pixel loses at most w² / 8 per axis of its
    amplitude; two axes, two steps.
    """
    canvas, window = wave(96, 96), Frame((96, 96), None).window((96, 96))
    there = view_of(spatial, canvas, window)
    radians = math.radians(spatial.angle_deg)
    cos, sin = math.cos(radians) / spatial.zoom, math.sin(radians) / spatial.zoom
    dx, dy = cos * spatial.dx - sin * spatial.dy, sin * spatial.dx + cos * spatial.dy
    inverse = Spatial(-spatial.angle_deg, -dx, -dy, 1 / spatial.zoom)
    # By the oracle, whose triangle does not widen when it zooms out.
    restored = bilinear_view(inverse, there, window, 0)
    inner = np.s_[36:60, 36:60]
    bound = 100 * (2 * math.pi * 2 / 96) ** 2 / 8 * 4 + 0.1
    assert np.abs(restored - canvas)[inner].max() < bound


@pytest.mark.parametrize(("first", "second"), [(10, 25), (-40, 15), (90, 7)])
def test_two_turns_are_about_one_turn_by_the_sum(first: float, second: float) -> None:
    canvas, window = wave(96, 96), Frame((96, 96), None).window((96, 96))
    twice = view_of(Rotation(second), view_of(Rotation(first), canvas, window), window)
    once = view_of(Rotation(first + second), canvas, window)
    rows, columns = np.mgrid[:96, :96] - 47.5
    disc = np.hypot(rows, columns) < 44
    bound = 100 * (2 * math.pi * 2 / 96) ** 2 / 8 * 6 + 0.1
    assert np.abs(twice - once)[disc].max() < bound


@pytest.mark.parametrize(
    "motion", [Rotation(20), Zoom(1.3), SubpixelShift(0.4, 0.3), Spatial(-11, 0.7, 0.2, 1.2)]
)
def test_the_error_against_the_drawn_scene_falls_with_order_two(motion: Affine) -> None:
    """The slope of log error over log pixel size, fitted over five resolutions."""
    sides = np.array([32, 64, 128, 256, 512])
    errors = []
    for side in sides:
        window = Frame((side, side), None).window((side, side))
        spatial = as_spatial(motion)
        grid = np.mgrid[:side, :side].astype(float)
        canvas = _scene(grid[0], grid[1], side)[..., None]
        radians = math.radians(spatial.angle_deg)
        y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
        x, y = (x - spatial.dx) / spatial.zoom, (y - spatial.dy) / spatial.zoom
        columns = x * math.cos(radians) - y * math.sin(radians) + (side - 1) / 2
        rows = x * math.sin(radians) + y * math.cos(radians) + (side - 1) / 2
        error = view_of(motion, canvas.astype(np.float32), window)[..., 0] - _scene(
            rows, columns, side
        )
        inner = np.hypot(*(np.mgrid[:side, :side] - (side - 1) / 2)) < 0.4 * side
        errors.append(np.sqrt(np.mean(error[inner] ** 2)))
    order = -np.polyfit(np.log(sides), np.log(errors), 1)[0]
    assert order == pytest.approx(2, abs=0.1)


def _scene(rows: Levels, columns: Levels, side: int) -> Levels:
    at_x, at_y = (columns + 0.5) / side, (rows + 0.5) / side
    return np.asarray(127.5 + 120 * np.sin(9 * at_x + 2 * at_y) * np.cos(7 * at_y))
