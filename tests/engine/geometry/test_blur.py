"""Controls C1 and C2: the resampling of a warp, or twice that, without its motion."""

import math

import numpy as np
import pytest
from scipy import ndimage

from geometry_oracles import Levels, canvas_noise, view_of, wave
from holdfast.geometry import (
    IDENTITY,
    Affine,
    Blur,
    Frame,
    Motion,
    Rotation,
    RoundTrip,
    Shift,
    Spatial,
    SubpixelShift,
    Window,
    Zoom,
    as_spatial,
    disc,
)
from holdfast.geometry.blur import still_kernel
from toy_probes import noise

WARPS: list[Affine] = [
    Rotation(13),
    Zoom(1.3),
    SubpixelShift(0.3, 0.45),
    Spatial(-7, 2.2, 0.6, 1.1),
    Zoom(0.8),
    Zoom(0.37),
    Spatial(20, 0.5, 0.2, 0.7),
]


def _source(warp: Affine, window: Window, y: int, x: int) -> tuple[float, float]:
    """Row and column of the canvas from which one pixel comes, by plain trigonometry."""
    spatial = as_spatial(warp)
    angle = math.radians(spatial.angle_deg)
    right = (x - (window.width - 1) / 2 - spatial.dx) / spatial.zoom
    down = (y - (window.height - 1) / 2 - spatial.dy) / spatial.zoom
    return (
        window.centre[1] + right * math.sin(angle) + down * math.cos(angle),
        window.centre[0] + right * math.cos(angle) - down * math.sin(angle),
    )


def _variance(at: float, reach: float) -> float:
    """Of the triangle of half-width `reach` on the pixels around `at`."""
    pixels = range(math.floor(at - reach), math.ceil(at + reach) + 1)
    weights = [max(0.0, 1 - abs(pixel - at) / reach) for pixel in pixels]
    mean = sum(w * p for w, p in zip(weights, pixels, strict=True)) / sum(weights)
    squares = sum(w * (p - mean) ** 2 for w, p in zip(weights, pixels, strict=True))
    return squares / sum(weights)


def _still(variance: float) -> list[float]:
    """The centred triangle of that variance, by bisection: weights at distance -20 to 20."""
    low, high = 1.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _variance(0.0, middle) < variance else (low, middle)
    weights = [max(0.0, 1 - abs(pixel) / low) for pixel in range(-20, 21)]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize("warp", WARPS)
def test_each_pixel_is_blurred_in_place_with_the_variance_that_the_warp_has_there(
    warp: Affine,
) -> None:
    canvas = noise(1, 22, 25, 2)[0]
    window = Frame((16, 21), (22, 25)).window((22, 25))
    view = view_of(Blur(warp), canvas, window, 77)
    around = np.pad(canvas.astype(float), [(20, 20), (20, 20), (0, 0)], constant_values=77)
    reach = max(1.0, 1 / as_spatial(warp).zoom)
    for y, x in [(0, 0), (0, 20), (15, 3), (7, 10), (8, 10), (9, 11), (15, 20)]:
        down, across = (_still(_variance(at, reach)) for at in _source(warp, window, y, x))
        top, left = y + window.top, x + window.left
        patch = around[top : top + 41, left : left + 41]
        expected = np.einsum("i,j,ijc->c", down, across, patch)
        assert view[y, x] == pytest.approx(expected, abs=0.01)


def test_the_kernel_of_a_bilinear_step_is_a_1_minus_2a_a() -> None:
    at = np.array([3.0, 3.25, 3.5, -0.1])
    centre, side = still_kernel(at, 1.0)
    assert side == pytest.approx([0, 0.09375, 0.125, 0.045])
    assert centre == pytest.approx(1 - 2 * side)


@pytest.mark.parametrize(
    "still", [Shift(5, -3), Rotation(180), Zoom(1.0), SubpixelShift(4, 0), Spatial(0, 1, 1)]
)
def test_motions_that_do_not_interpolate_have_the_plain_crop_as_controls(still: Affine) -> None:
    canvas = noise(1, 40, 44, 3)[0]
    window = Frame((31, 32), (40, 44)).window((40, 44))
    crop = view_of(IDENTITY, canvas, window)
    assert np.array_equal(view_of(Blur(still), canvas, window), crop)
    assert np.abs(view_of(RoundTrip(still), canvas, window) - crop).max() < 1e-3


@pytest.mark.parametrize("angle_deg", [5, 15, 30])
def test_white_noise_keeps_what_theory_says(angle_deg: float) -> None:
    """4/9 under the warp, .5136 under C1, .28 after the round trip (science reference 2.2, 2.3)."""
    canvas, window = canvas_noise(420), Frame((256, 256), (420, 420)).window((420, 420))
    inside = disc((256, 256))

    def kept(motion: Motion) -> float:
        return float(view_of(motion, canvas, window)[inside].var() / canvas.var())

    assert kept(Rotation(angle_deg)) == pytest.approx(4 / 9, abs=0.01)
    assert kept(Blur(Rotation(angle_deg))) == pytest.approx(0.5136, abs=0.01)
    assert kept(RoundTrip(Rotation(angle_deg))) == pytest.approx(0.28, abs=0.01)


@pytest.mark.parametrize("zoom", [0.5, 0.7, 0.8, 0.9, 0.95])
def test_the_controls_of_zooming_out_enclose_it(zoom: float) -> None:
    """Of white noise the blur keeps a little more than the zoom, the round trip much less."""
    canvas, window = canvas_noise(700), Frame((300, 300), (700, 700)).window((700, 700))
    kept = {
        name: float(view_of(motion, canvas, window).var())
        for name, motion in (
            ("zoom", Zoom(zoom)),
            ("blur", Blur(Zoom(zoom))),
            ("trip", RoundTrip(Zoom(zoom))),
        )
    }
    assert kept["trip"] < 0.75 * kept["zoom"]
    assert kept["zoom"] < 1.02 * kept["blur"]
    assert kept["blur"] < 1.27 * kept["zoom"]


def test_the_blur_of_a_zoom_has_no_step_at_1() -> None:
    canvas, window = canvas_noise(80), Frame((64, 64), (80, 80)).window((80, 80))
    just_below = view_of(Blur(Zoom(1 - 1e-6)), canvas, window)
    assert np.abs(just_below - view_of(Blur(Zoom(1 + 1e-6)), canvas, window)).max() < 0.02


@pytest.mark.parametrize("warp", WARPS)
@pytest.mark.parametrize("control", [Blur, RoundTrip])
def test_controls_do_not_move_content(control: type[Blur | RoundTrip], warp: Affine) -> None:
    canvas = np.zeros((61, 61, 1), np.uint8)
    canvas[24:27, 34:37] = 200  # large enough that no phase decides alone
    window = Frame((51, 51), (61, 61)).window((61, 61))
    at = ndimage.center_of_mass(view_of(control(warp), canvas, window)[..., 0])
    assert at == pytest.approx((20, 30), abs=0.35)


@pytest.mark.parametrize("warp", WARPS)
def test_border_pixels_take_content_beyond_the_crop(warp: Affine) -> None:
    canvas = noise(1, 90, 90, 1)[0]
    window = Frame((32, 32), (90, 90)).window((90, 90))
    for control in (Blur(warp), RoundTrip(warp)):
        black, white = (view_of(control, canvas, window, fill) for fill in (0, 255))
        assert np.abs(black - white).max() < 1e-3
        assert control.fill_share((90, 90), window) == pytest.approx(0, abs=1e-6)
        tight = Window(0, 0, 32, 32)
        assert 0 < control.fill_share((32, 32), tight) < 0.3


@pytest.mark.parametrize("warp", [w for w in WARPS if as_spatial(w).zoom >= 1])
def test_there_and_back_restores_a_smooth_picture(warp: Affine) -> None:
    canvas: Levels = wave(96, 96)
    window = Frame((48, 48), (96, 96)).window((96, 96))
    crop = view_of(IDENTITY, canvas, window)
    bound = 100 * (2 * math.pi * 2 / 96) ** 2 / 8 * 4 + 0.1
    assert np.abs(view_of(RoundTrip(warp), canvas, window) - crop).max() < bound
    assert np.abs(view_of(Blur(warp), canvas, window) - crop).max() < bound
