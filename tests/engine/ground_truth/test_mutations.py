"""Planted bugs in the auditor: each must turn a ground-truth check red that is green without it.

The audits run in this process, because a bug planted here is not in the locked child.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import truth_checks
from holdfast.audit.estimating import Estimator
from holdfast.audit.pixels import ViewMaker
from holdfast.geometry import Roll, Shift, motions, warp
from holdfast.stats import Interval, clopper_pearson
from inprocess import run_here

Check = Callable[[truth_checks.Runs, Path], None]
Plant = Callable[[pytest.MonkeyPatch], None]


def _moved(kind: type[Any], change: Callable[[int, int], tuple[int, int]]) -> Plant:
    """Every motion of the kind goes elsewhere; the identity stays."""
    right = kind.view

    def wrong(self: Any, *args: Any) -> None:
        at = (self.dx, self.dy)
        right(kind(*change(*at)) if at != (0, 0) else self, *args)

    return lambda patch: patch.setattr(kind, "view", wrong)


def _off_by_one(dx: int, dy: int) -> tuple[int, int]:
    return dx + 1, dy


def _other_sign(dx: int, dy: int) -> tuple[int, int]:
    return -dx, -dy


def _matrix(centre_px: float, stretch: float) -> Plant:
    """Rotations about a centre that is `centre_px` off, on a grid stretched about its corner."""

    def wrong(window: Any, angle_deg: float, zoom: float, *shift: Any) -> Any:
        matrix = warp.view_to_canvas(window, angle_deg, zoom, *shift).copy()
        off = np.full(2, centre_px)
        matrix[:, 2] += off - matrix[:, :2] @ off
        matrix[:, :2] *= 1 + stretch * (1 / (window.width - 1))
        return matrix

    return lambda patch: patch.setattr(motions, "view_to_canvas", wrong)


def _rounded(patch: pytest.MonkeyPatch) -> None:
    """A view becomes uint8 once more before it is normalised."""
    right = ViewMaker._take

    def wrong(self: ViewMaker, piece: Any, out: Any) -> None:
        right(self, piece, out)
        np.divide(np.rint(out * 255), 255, out=out)

    patch.setattr(ViewMaker, "_take", wrong)


def _pooled_views(patch: pytest.MonkeyPatch) -> None:
    """All views of all images count as independent."""

    def wrong(self: Estimator, bad: Any, step: float | None) -> Interval:
        n = round(len(bad) / (step or 1.0))
        k = round(float(bad.sum()) / (step or 1.0))
        return Interval(k / n, *clopper_pearson(k, n, self.confidence))

    patch.setattr(Estimator, "_bad_rate", wrong)


_LAW = truth_checks.check_phase_law
_SHIFTS: Check = partial(_LAW, stride=4, family="translation")
_PLANTED: dict[str, tuple[Plant, Check]] = {
    "m1 roll off by one": (_moved(Roll, _off_by_one), _LAW),
    "m1 roll the other way": (_moved(Roll, _other_sign), partial(_LAW, stride=4)),
    "m1 shift off by one": (_moved(Shift, _off_by_one), _SHIFTS),
    "m1 shift the other way": (_moved(Shift, _other_sign), _SHIFTS),
    "m2 rotation about W / 2": (
        _matrix(0.5, 0),
        truth_checks.check_quarter_turns_through_the_warp,
    ),
    "m3 view rounded to uint8": (_rounded, truth_checks.check_half_pixels_are_not_rounded),
    "m4 views as independent": (_pooled_views, truth_checks.check_the_image_is_the_unit),
    "m5 corners aligned": (_matrix(0, 1), truth_checks.check_a_full_turn_changes_no_bit),
}


@pytest.mark.parametrize("name", _PLANTED)
def test_a_planted_bug_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plant, check = _PLANTED[name]
    check(run_here, tmp_path)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(run_here, tmp_path)


def test_m1_a_wrong_sign_is_invisible_at_stride_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why the check above uses a stride of 4."""
    _moved(Roll, _other_sign)(monkeypatch)
    truth_checks.check_phase_law(run_here, tmp_path, stride=2)
