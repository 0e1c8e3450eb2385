"""Control C_occ: content is covered where the motion loses it; the amount of fill is the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry_oracles import view_of
from holdfast.geometry import (
    IDENTITY,
    Affine,
    Frame,
    Occlude,
    Rotation,
    Shift,
    Spatial,
    SubpixelShift,
    Window,
    Zoom,
    coverage,
)
from toy_probes import noise

FILL = 77
CROP = (24, 20)
TIGHT = Window(0, 0, *CROP)
SAME = noise(1, *CROP, 3)[0]
WIDE = noise(1, 40, 44, 3, seed=1)[0]
IN_WIDE = Frame(CROP, (40, 44)).window((40, 44))  # 8 rows and 12 columns of margin


@pytest.mark.parametrize(
    ("shift", "strips"),
    [
        (Shift(5, 0), [np.s_[:, 15:]]),
        (Shift(-5, 0), [np.s_[:, :5]]),
        (Shift(0, 3), [np.s_[21:, :]]),
        (Shift(-2, -4), [np.s_[:, :2], np.s_[:4, :]]),
        (Shift(0, 0), []),
        (Shift(20, 0), [np.s_[:, :]]),
    ],
)
def test_without_a_larger_canvas_the_strip_that_leaves_is_filled(
    shift: Shift, strips: list[tuple[slice, slice]]
) -> None:
    expected = SAME.astype(float)
    for strip in strips:
        expected[strip] = FILL
    assert np.array_equal(view_of(Occlude(shift), SAME, TIGHT, FILL), expected)
    assert Occlude(shift).fill_share(CROP, TIGHT) == pytest.approx(shift.fill_share(CROP, TIGHT))


def test_where_content_enters_the_leaving_strip_has_its_mean() -> None:
    crop = WIDE[8:32, 12:32].astype(float)
    entering = WIDE[8:32, 9:12].astype(float)  # from the left
    expected = crop.copy()
    expected[:, 17:] = entering.mean(axis=(0, 1))
    assert np.abs(view_of(Occlude(Shift(3, 0)), WIDE, IN_WIDE, FILL) - expected).max() < 1e-4
    assert Occlude(Shift(3, 0)).fill_share((40, 44), IN_WIDE) == pytest.approx(0, abs=1e-6)


def test_content_and_fill_enter_together() -> None:
    """15 px to the right: 12 columns are left of the crop, 3 have to be filled."""
    expected = WIDE[8:32, 12:32].astype(float)
    expected[:, 5:17] = np.nan
    expected[:, 5:8] = WIDE[8:32, :12].astype(float).mean(axis=(0, 1))
    expected[:, 8:17] = expected[:, 5:6]
    expected[:, 17:] = FILL
    view = view_of(Occlude(Shift(15, 0)), WIDE, IN_WIDE, FILL)
    assert np.abs(view - expected).max() < 1e-4


@given(dx=st.integers(-50, 50), dy=st.integers(-50, 50), wide=st.booleans())
@settings(deadline=None)
def test_view_and_control_have_equally_much_fill(dx: int, dy: int, *, wide: bool) -> None:
    canvas, window = ((40, 44), IN_WIDE) if wide else ((18, 30), Frame(CROP, None).window((18, 30)))
    shift = Shift(dx, dy)
    ones = np.ones((*canvas, 1), np.uint8)
    moved, still = (view_of(motion, ones, window) for motion in (shift, Occlude(shift)))
    assert (moved == 0).sum() == (still == 0).sum()


@pytest.mark.parametrize("warp", [Rotation(20), Zoom(0.6), Spatial(-30, 0, 0, 1.2)])
def test_a_warp_covers_the_very_pixels_that_it_fills(warp: Affine) -> None:
    seen = coverage(warp, CROP, TIGHT)[..., None]
    expected = FILL + seen * (SAME.astype(float) - FILL)
    assert 1 - seen.mean() > 0.03
    assert np.abs(view_of(Occlude(warp), SAME, TIGHT, FILL) - expected).max() < 0.01
    assert Occlude(warp).fill_share(CROP, TIGHT) == pytest.approx(warp.fill_share(CROP, TIGHT))


def test_a_warp_that_shifts_covers_the_side_where_content_leaves() -> None:
    half = view_of(Occlude(SubpixelShift(2.5, 0)), SAME, TIGHT, FILL)
    assert np.array_equal(half[:, :17], SAME[:, :17])
    assert half[:, 17] == pytest.approx((SAME[:, 17].astype(float) + FILL) / 2, abs=0.01)
    assert (half[:, 18:] == FILL).all()
    whole = view_of(Occlude(Spatial(0, 3, 0)), SAME, TIGHT, FILL)
    assert np.array_equal(whole, view_of(Occlude(Shift(3, 0)), SAME, TIGHT, FILL))


@pytest.mark.parametrize("warp", [Rotation(3), Zoom(1.5), Zoom(0.9), Spatial(2, 3, 1)])
def test_a_warp_without_fill_loses_nothing(warp: Affine) -> None:
    crop = view_of(IDENTITY, WIDE, IN_WIDE)
    assert np.array_equal(view_of(Occlude(warp), WIDE, IN_WIDE), crop)
