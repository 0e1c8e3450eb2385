"""Stride-phase separation: is the error of shifts a matter of the sampling grid?

Source: the project's science reference, section 5.3. A construction of this project.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "effective_period",
    "halved_periods",
    "stride_phase_by_period",
    "stride_phase_index",
    "stride_phase_of",
]

_FLOOR = 1e-5
_ALIASED = 0.8


def stride_phase_index(
    error: NDArray[np.floating], stride: int, *, floor: float = _FLOOR
) -> float | None:
    """SPI: `(off - on) / off`, at most 1, of circular shifts d = 1, 2, ... along one axis.

    `on` is the mean error over the d that are multiples of the stride, `off` over the others. About
    1: pure aliasing. About 0: border, position or head. Between: a mixture. Below 0: the error
    grows with distance, whatever the grid.

    Args:
        error: e(d) for d = 1, 2, ..., usually to twice the stride, (d,); relative logit drift or,
            where there are only labels, the flip rate.
        stride: total stride in px.
        floor: mean error up to which nothing moved; the default is the noise of float32.

    Returns:
        None where it is undefined: no shift off the grid moves the output, or there is no such
        shift (stride 1) or none on it.
    """
    return stride_phase_of(np.arange(1, len(error) + 1), error, stride, floor=floor)


def stride_phase_of(
    shifts_px: NDArray[np.integer],
    error: NDArray[np.floating],
    stride: int,
    *,
    floor: float = _FLOOR,
) -> float | None:
    """The same for any set of circular shifts, (d,) each."""
    wide = np.asarray(error, np.float64)
    on_grid = np.asarray(shifts_px) % stride == 0
    if on_grid.all() or not on_grid.any():
        return None
    off, on = float(wide[~on_grid].mean()), float(wide[on_grid].mean())
    return None if off <= floor else (off - on) / off


def stride_phase_by_period(
    error: NDArray[np.floating], stride: int, *, floor: float = _FLOOR
) -> dict[int, float | None]:
    """SPI_P for the periods P = stride, stride / 2, stride / 4, ... down to 2, in this order.

    An odd factor is not divided: 12 gives 12, 6, 3.
    """
    return {
        period: stride_phase_index(error, period, floor=floor) for period in halved_periods(stride)
    }


def halved_periods(stride: int) -> list[int]:
    """The stride, its half, its quarter, ... down to 2; an odd factor is not divided."""
    periods = [stride] if stride > 1 else []
    while periods and periods[-1] % 2 == 0 and periods[-1] > 2:  # noqa: PLR2004 - halving
        periods.append(periods[-1] // 2)
    return periods


def effective_period(
    by_period: dict[int, float | None], *, threshold: float = _ALIASED
) -> int | None:
    """The smallest period whose SPI reaches the threshold, None where none does.

    Strided operators whose cumulative stride exceeds it contribute nothing to the error. The
    default threshold is that of the reference's decision tree and is not calibrated.
    """
    reached = [
        period for period, index in by_period.items() if index is not None and index >= threshold
    ]
    return min(reached, default=None)
