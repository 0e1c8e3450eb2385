"""How numbers and foreign texts are written. The only place that rounds."""

import math
import re
from typing import Final

from holdfast.errors import clean
from holdfast.records.cells import Cell, LatticeCell, RotationCell, ScaleCell, SpatialCell
from holdfast.records.families import Family

__all__ = [
    "MOVED",
    "TIMES",
    "angle",
    "cell_label",
    "count",
    "difference",
    "exact",
    "interval",
    "number",
    "odds",
    "of_100",
    "percent",
    "share",
    "shift",
    "short_p",
    "short_share",
    "signed",
    "text",
    "title",
    "whose",
    "zoom",
]

_MINUS: Final = "\N{MINUS SIGN}"
_LOG_MILLION: Final = math.log(1e6)
_EPSILON: Final = 1e-9  # 100 * 0.29 is 28.999999999999996
TIMES: Final = "\N{MULTIPLICATION SIGN}"
# What `clean` leaves: it serves terminals and logs, where these are only odd. In a page that people
# forward a mark that turns or splits words without being seen has no business. The last two code
# points of the first plane are no characters to XML (1.0, section 2.2).
_UNSEEN: Final = re.compile(
    "[\u061c\u115f\u200b\u2028\u2029\u2060-\u2064\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)


def text(foreign: object, cut: int = 80) -> str:
    """Foreign text for a page: one line, no control, direction or unseen characters, cut.

    It is not escaped: markup is the renderer's business.
    """
    return _UNSEEN.sub("", clean(foreign, cut)).strip()


def whose(assertion_id: str) -> str:
    """` of class cat`, ` of every group`: the images an assertion is about; empty for all."""
    _, at, rest = assertion_id.partition("@")
    kind, _, name = rest.partition("=")
    if not at:
        return ""
    return f" of every {text(kind)}" if name == "*" else f" of {text(kind)} {text(name)}"


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


def odds(log_e: float) -> str:
    """A bet's gain as odds, rounded down: `more than 20 : 1`. `log_e` is in natural logarithm."""
    if log_e >= _LOG_MILLION:
        return "more than 1,000,000 : 1"
    if log_e <= 0:
        return "at most 1 : 1"
    gain = math.exp(log_e)
    step = 10 ** max(0, math.floor(math.log10(gain)) - 1)
    return f"more than {math.floor(gain / step + _EPSILON) * step:,} : 1"


def difference(value: float) -> str:
    """A difference of two shares, with its sign, a real minus: `+0.030`, `0.000`."""
    if value == 0:
        return share(0.0)
    sign = "+" if value > 0 else _MINUS
    return f"{sign}{abs(value):.3f}"


def short_p(value: float) -> str:
    """A p value: three digits are more than anybody should believe."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - what three digits show


def percent(value: float) -> str:
    """`95 %`, `99.9 %`: a confidence level or a share of an area."""
    return f"{round(100 * value, 2):g} %"


def interval(low: float, high: float) -> str:
    """`0.324 to 0.356`."""
    return f"{share(low)} to {share(high)}"


def shift(dx: float, dy: float) -> str:
    """`8 px left, 3 px up`."""
    across = f"{number(round(abs(dx), 1))} px {'right' if dx > 0 else 'left'}" if dx else ""
    along = f"{number(round(abs(dy), 1))} px {'down' if dy > 0 else 'up'}" if dy else ""
    return ", ".join(part for part in (across, along) if part) or "unmoved"


def angle(angle_deg: float) -> str:
    """`+15°`: counter-clockwise, as displayed."""
    return f"{signed(angle_deg)}°"


def zoom(factor: float) -> str:
    """`1.25` and a multiplication sign."""
    return f"{number(factor)}{TIMES}"


def cell_label(cell: Cell) -> str:
    """A cell's motion in a few signs."""
    if isinstance(cell, RotationCell):
        return angle(cell.angle_deg)
    if isinstance(cell, ScaleCell):
        return zoom(cell.zoom)
    if isinstance(cell, LatticeCell):
        return exact(cell.exact)
    moved = ", ".join(signed(round(offset, 1)) for offset in cell.shift_px)
    if isinstance(cell, SpatialCell):
        return f"{angle(round(cell.angle_deg, 1))}; {moved} px; {zoom(cell.zoom)}"
    return moved


def exact(name: str) -> str:
    """`turn_90` as words; what is no transform of the lattice is shown as it came."""
    kind, _, amount = name.partition("_")
    if kind == "turn":
        return f"turned {text(amount, 8)}°"
    if kind == "enlarge":
        return f"enlarged {text(amount, 8)}{TIMES}"
    return "mirrored" if kind == "mirror" else text(name)


MOVED: Final = {
    Family.translation: ("shifted", "shift"),
    Family.rotation: ("rotated", "angle"),
    Family.scale: ("zoomed", "zoom"),
    Family.spatial: ("turned and moved", "placement"),
    Family.circular: ("rolled", "roll"),
    Family.displacement: ("displaced", "place"),
    Family.lattice: ("turned or mirrored", "transform"),
}
"""For each family what its pictures are and what one cell is called."""
