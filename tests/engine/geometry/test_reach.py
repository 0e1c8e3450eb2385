"""How large a canvas must be: the numbers of the science page, and the fill that is left."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.geometry import Frame, Rotation, Zoom, needs_canvas_px

CROP = (224, 224)


@pytest.mark.parametrize(
    ("canvas_px", "limit_deg"), [(256, 8.9), (299, 25.7), (317, 45), (317, 30), (317, 60)]
)
def test_224_turns_on_a_square_canvas_up_to_the_limit(canvas_px: int, limit_deg: float) -> None:
    assert max(needs_canvas_px(CROP, angle_deg=limit_deg)) <= canvas_px
    assert needs_canvas_px(CROP, angle_deg=-limit_deg) == needs_canvas_px(CROP, angle_deg=limit_deg)
    if limit_deg < 30:
        assert min(needs_canvas_px(CROP, angle_deg=limit_deg + 0.2)) > canvas_px


def test_zooming_out_needs_the_crop_over_the_zoom() -> None:
    assert needs_canvas_px(CROP, zoom=0.9) == (249, 249)
    assert needs_canvas_px(CROP, zoom=0.8) == (280, 280)
    assert needs_canvas_px(CROP) == CROP
    assert needs_canvas_px(CROP, zoom=2) == (112, 112)


def test_a_quarter_turn_swaps_the_sides() -> None:
    assert needs_canvas_px((20, 30), angle_deg=90) == (30, 20)


@given(st.tuples(st.integers(8, 60), st.integers(8, 60)), st.floats(-180, 180))
@settings(deadline=None, max_examples=60)
def test_a_canvas_of_that_size_with_equal_margins_has_no_fill(
    crop: tuple[int, int], angle_deg: float
) -> None:
    need = needs_canvas_px(crop, angle_deg=angle_deg)
    canvas = tuple(n + (n - side) % 2 for n, side in zip(need, crop, strict=True))
    window = Frame(crop, (canvas[0], canvas[1])).window((canvas[0], canvas[1]))
    assert Rotation(angle_deg).fill_share((canvas[0], canvas[1]), window) < 1e-5


@given(st.integers(16, 64), st.floats(0.4, 0.95))
@settings(deadline=None, max_examples=60)
def test_what_a_zoom_out_still_lacks_is_a_part_of_the_outermost_pixels(
    side: int, zoom: float
) -> None:
    need = needs_canvas_px((side, side), zoom=zoom)
    share = Zoom(zoom).fill_share(need, Frame((side, side), need).window(need))
    assert share < 4 / side / 2
