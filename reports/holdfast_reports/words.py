"""How numbers and foreign texts are written. The only place that rounds."""

import math
import re
from typing import Final

from holdfast.errors import clean
from holdfast.records.cells import Cell, RotationCell, TranslationCell
from holdfast.records.families import Family

__all__ = [
    "MOVED",
    "TIMES",
    "angle",
    "cell_label",
    "count",
    "interval",
    "number",
    "of_100",
    "percent",
    "share",
    "shift",
    "short_share",
    "signed",
    "text",
    "title",
    "zoom",
]

_MINUS: Final = "\N{MINUS SIGN}"
_EPSILON: Final = 1e-9  # 100 * 0.29 is 28.999999999999996
TIMES: Final = "\N{MULTIPLICATION SIGN}"
# What `clean` leaves: it serves terminals and logs, where these are only odd. In a page that people
# forward a mark that turns or splits words without being seen has no business.
_UNSEEN: Final = re.compile(
    "[\u061c\u115f\u200b\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)


def text(foreign: object, cut: int = 80) -> str:
    """Foreign text for a page: one line, no control, direction or unseen characters, cut.

    It is not escaped: markup is the renderer's business.
    """
    return _UNSEEN.sub("", clean(foreign, cut)).strip()


def title(sentence: str) -> str:
    """A sentence with a capital letter and a full stop."""
    if not sentence:
        return ""
    ended = sentence if sentence[-1] in ".!?…" else f"{sentence}."
    return ended[0].upper() + ended[1:]


def count(n: int, one: str, many: str = "") -> str:
    """`1 image`, `2 images`, `62,306 parameters`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def number(value: float) -> str:
    """A parameter as it was given: no trailing zeros, a real minus sign."""
    return f"{value:g}".replace("-", _MINUS)


def signed(value: float) -> str:
    """With its sign, which is a real minus: `+4`, `0`."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def share(value: float, digits: int = 3) -> str:
    """A share or a probability. Only a real 1 reads 1.000, only a real 0 reads 0.000."""
    step = 10.0**-digits
    if 1 - step / 2 < value < 1:
        return f">{1 - step:.{digits}f}"
    if 0 < value < step / 2:
        return f"<{step:.{digits}f}"
    return f"{value:.{digits}f}"


def short_share(value: float) -> str:
    """Two digits, rounded down, for the cells of a map and for headings.

    Down, so that `0.97 or above` is true and a cell never reads better than its colour.
    """
    return f"{math.floor(100 * value + _EPSILON) / 100:.2f}"


def of_100(value: float) -> str:
    """A share as so many of a hundred: finer at the ends, where it matters."""
    hundred = 100 * value
    if value in (0.0, 1.0):
        return f"{hundred:.0f}"
    if hundred > 99.9:  # noqa: PLR2004 - what one digit can show
        return ">99.9"
    if hundred < 0.1:  # noqa: PLR2004 - as above
        return "<0.1"
    fine = not 10 <= hundred < 90  # noqa: PLR2004 - the middle needs no digit
    return f"{hundred:.1f}" if fine else f"{hundred:.0f}"


def percent(value: float) -> str:
    """`95 %`, `99.9 %`: a confidence level or a share of an area."""
    return f"{round(100 * value, 2):g} %"


def interval(low: float, high: float) -> str:
    """`0.324 to 0.356`."""
    return f"{share(low)} to {share(high)}"


def shift(dx: int, dy: int) -> str:
    """`8 px left, 3 px up`."""
    across = f"{abs(dx)} px {'right' if dx > 0 else 'left'}" if dx else ""
    along = f"{abs(dy)} px {'down' if dy > 0 else 'up'}" if dy else ""
    return ", ".join(part for part in (across, along) if part) or "unmoved"


def angle(angle_deg: float) -> str:
    """`+15°`: counter-clockwise, as displayed."""
    return f"{signed(angle_deg)}°"


def zoom(factor: float) -> str:
    """`1.25` and a multiplication sign."""
    return f"{number(factor)}{TIMES}"


def cell_label(cell: Cell) -> str:
    """A cell's motion in a few signs."""
    if isinstance(cell, TranslationCell):
        return f"{signed(cell.shift_px[0])}, {signed(cell.shift_px[1])}"
    if isinstance(cell, RotationCell):
        return angle(cell.angle_deg)
    return zoom(cell.zoom)


MOVED: Final = {
    Family.translation: ("shifted", "shift"),
    Family.rotation: ("rotated", "angle"),
    Family.scale: ("zoomed", "zoom"),
}
"""For each family what its pictures are and what one cell is called."""
