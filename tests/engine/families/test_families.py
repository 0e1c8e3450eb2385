"""The default lists are pre-registered: what they are is fixed, and so are their digests."""

import pytest

from holdfast.families import cells_of, resolve
from holdfast.families.defaults import ROTATION, SCALE, SMALL_TRANSLATION, TRANSLATION
from holdfast.geometry import Frame, Rotation, Shift, Zoom
from holdfast.records.families import Families, RotationFamily, ScaleFamily, TranslationFamily

LARGE, SMALL = Frame((224, 224), None), Frame((28, 28), None)


def test_the_default_shifts_are_16_along_the_axes_and_8_diagonals() -> None:
    shifts = set(TRANSLATION.shifts_px)
    assert len(TRANSLATION.shifts_px) == len(shifts) == 24
    axes = {(d * s, 0) for d in (1, 2, 4, 8) for s in (1, -1)}
    diagonals = {(1, 1), (-1, -1), (2, -2), (-2, 2), (4, 4), (-4, -4), (8, -8), (-8, 8)}
    assert shifts == axes | {(y, x) for x, y in axes} | diagonals


def test_small_inputs_get_all_48_shifts_up_to_3_px() -> None:
    shifts = SMALL_TRANSLATION.shifts_px
    assert len(set(shifts)) == 48
    assert {max(map(abs, shift)) for shift in shifts} == {1, 2, 3}


@pytest.mark.parametrize(
    ("frame", "translation"), [(LARGE, TRANSLATION), (SMALL, SMALL_TRANSLATION)]
)
def test_a_family_left_out_takes_its_default_list(
    frame: Frame, translation: TranslationFamily
) -> None:
    assert resolve(Families(), frame, 0) == Families(
        translation=translation, rotation=ROTATION, scale=SCALE
    )


def test_a_family_given_is_kept_and_an_empty_one_is_left_out() -> None:
    given = Families(
        translation=TranslationFamily(shifts_px=()), rotation=RotationFamily(angles_deg=(7.0,))
    )
    resolved = resolve(given, LARGE, 0)
    assert resolved.rotation == given.rotation
    assert resolved.translation == given.translation
    assert [cell.family for cell in cells_of(resolved)] == ["rotation"] + ["scale"] * 6


def test_cells_come_in_the_order_of_the_lists_with_their_motions() -> None:
    families = Families(
        translation=TranslationFamily(shifts_px=((3, -1), (0, 2))),
        rotation=RotationFamily(angles_deg=(-5.0,)),
        scale=ScaleFamily(zooms=(1.5, 0.5)),
    )
    assert [(cell.parameters, cell.motion) for cell in cells_of(families)] == [
        ((("shift_px", (3, -1)),), Shift(3, -1)),
        ((("shift_px", (0, 2)),), Shift(0, 2)),
        ((("angle_deg", -5.0),), Rotation(-5.0)),
        ((("zoom", 1.5),), Zoom(1.5)),
        ((("zoom", 0.5),), Zoom(0.5)),
    ]
