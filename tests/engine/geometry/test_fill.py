"""The fill share is the share of the view that the canvas cannot give, for every motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.geometry import (
    Affine,
    Blur,
    DiscMask,
    Frame,
    Motion,
    Occlude,
    Roll,
    Rotation,
    RoundTrip,
    Shift,
    Spatial,
    SubpixelShift,
    Zoom,
)

SIZES = st.tuples(st.integers(20, 60), st.integers(20, 60))
PIXELS = st.floats(-20, 20)
AFFINE: st.SearchStrategy[Affine] = st.one_of(
    st.builds(Shift, st.integers(-40, 40), st.integers(-40, 40)),
    st.builds(Rotation, st.floats(-180, 180)),
    st.builds(Zoom, st.floats(0.2, 4)),
    st.builds(SubpixelShift, PIXELS, PIXELS),
    st.builds(Spatial, st.floats(-180, 180), PIXELS, PIXELS, st.floats(0.4, 3)),
)
MOTIONS: st.SearchStrategy[Motion] = st.one_of(
    AFFINE,
    st.builds(Roll, st.integers(-40, 40), st.integers(-40, 40)),
    st.builds(Blur, AFFINE),
    st.builds(RoundTrip, AFFINE),
    st.builds(Occlude, AFFINE),
)


@given(SIZES, SIZES, MOTIONS)
@settings(deadline=None)
def test_a_white_canvas_on_black_fill_shows_the_fill_share(
    canvas_size: tuple[int, int], crop: tuple[int, int], motion: Motion
) -> None:
    window = Frame(crop, canvas_size).window(canvas_size)
    out = np.empty((*crop, 1), np.float32)
    motion.view(np.full((*canvas_size, 1), 255, np.uint8), window, 0, out)
    missing = 1 - out.mean(dtype=np.float64) / 255
    assert motion.fill_share(canvas_size, window) == pytest.approx(missing, abs=1e-5)


@given(SIZES, st.one_of(MOTIONS, st.builds(DiscMask, MOTIONS)), st.integers(0, 255))
@settings(deadline=None)
def test_a_canvas_of_the_fill_colour_gives_nothing_else(
    canvas_size: tuple[int, int], motion: Motion, fill: int
) -> None:
    window = Frame((24, 24), canvas_size).window(canvas_size)
    out = np.empty((24, 24, 3), np.float32)
    motion.view(np.full((*canvas_size, 3), fill, np.uint8), window, fill, out)
    assert np.abs(out - fill).max() < 1e-3


@pytest.mark.parametrize(
    ("angle_deg", "free"), [(8.9, True), (9.1, False), (-8.9, True), (-9.1, False)]
)
def test_256_to_224_turns_without_fill_up_to_8_9_degrees(angle_deg: float, *, free: bool) -> None:
    window = Frame((224, 224), None).window((256, 256))
    share = Rotation(angle_deg).fill_share((256, 256), window)
    assert (share < 1e-6) is free


def test_zoom_0_8_of_224_on_256_fills_a_sixth_as_the_science_page_says() -> None:
    window = Frame((224, 224), None).window((256, 256))
    assert Zoom(0.8).fill_share((256, 256), window) == pytest.approx(0.164, abs=0.002)
    assert Zoom(0.9).fill_share((256, 256), window) < 1e-6
