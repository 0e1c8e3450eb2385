"""What a report says, ready to be set: every text and number is already formatted.

Only `view` makes these; a renderer adds markup and nothing else. `bar` numbers are percent of the
bar's width, chart numbers are data for the drawing.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AssertionView",
    "Banner",
    "Bar",
    "ControlLine",
    "Curve",
    "CurvePoint",
    "ExampleView",
    "Fact",
    "FactGroup",
    "FamilyView",
    "FindingView",
    "Headline",
    "HeadlineLimit",
    "HeatCell",
    "HeatMap",
    "Measure",
    "MeasureCell",
    "PieceBar",
    "Prediction",
    "Provenance",
    "ReportView",
    "Skipped",
    "SmallChart",
    "Status",
    "Table",
    "WhyView",
]

Status = Literal["passed", "failed", "inconclusive", "none"]


@dataclass(frozen=True)
class Banner:
    """The verdict. `weakest` and `alert` may be empty."""

    status: Status
    word: str
    sentence: str
    weakest: str
    alert: str


@dataclass(frozen=True)
class Bar:
    """An interval and its estimate on a track from 0 to 100; `limits` are ticks on it."""

    value: str
    low: str
    width: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class HeadlineLimit:
    """What the policy asks of a family, and whether it holds."""

    status: Status
    words: str


@dataclass(frozen=True)
class Headline:
    """One of the three numbers on top. Not measured: `number` is empty, `sentence` says why."""

    family: str
    title: str
    number: str
    sentence: str
    detail: str
    scope: str
    bar: Bar | None
    limits: tuple[HeadlineLimit, ...]


@dataclass(frozen=True)
class AssertionView:
    """One row of the policy; `observed` is empty where nothing was measured."""

    status: Status
    word: str
    title: str
    id: str
    question: str
    required: bool
    limit: str
    observed: str
    bar: Bar | None
    sentence: str
    evidence: str = ""


@dataclass(frozen=True)
class FindingView:
    """A reason or a remark."""

    severity: str
    word: str
    sentence: str
    hint: str


@dataclass(frozen=True)
class MeasureCell:
    """One number; not measured: `value` is empty and `detail` says why."""

    value: str
    detail: str


@dataclass(frozen=True)
class Measure:
    """One kind of number, explained, with its value for each family. `folded`: shown on request."""

    title: str
    meaning: str
    cells: tuple[MeasureCell, ...]
    folded: bool


@dataclass(frozen=True)
class Table:
    """Numbers as text; the first column heads its row. `folded`: closed until asked for."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: bool
    note: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """Consistency at one place of the axis."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class ControlLine:
    """Consistency under a control, (x, y): the same view without the motion."""

    kind: Literal["blur", "occlusion"]
    words: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curve:
    """A curve with its band. `limits` are the policy's, for the mean over all cells.

    `axis_from` is where the axis of consistency begins: 0, 0.5 or 0.8.
    """

    id: str
    title: str
    description: str
    axis: str
    form: Literal["distance", "angle", "zoom"]
    points: tuple[CurvePoint, ...]
    limits: tuple[float, ...]
    axis_from: float
    caption: str
    band: str
    controls: tuple[ControlLine, ...] = ()


@dataclass(frozen=True)
class SmallChart:
    """A number from 0 to 1 as a function of another, with its band and its table.

    `stepped`: the value holds up to the next point; `counted`: the axis is logarithmic from 1.
    """

    id: str
    title: str
    description: str
    axis: str
    points: tuple[CurvePoint, ...]
    stepped: bool
    counted: bool
    caption: str
    table: Table


@dataclass(frozen=True)
class HeatCell:
    """One shift: `step` counts the colours from 0, the worst."""

    dx: int
    dy: int
    step: int
    label: str


@dataclass(frozen=True)
class HeatMap:
    """A map of all shifts: dx to the right, dy down. `printed`: the labels fit into the cells."""

    id: str
    title: str
    description: str
    dxs: tuple[int, ...]
    dys: tuple[int, ...]
    cells: tuple[HeatCell, ...]
    printed: bool
    legend: tuple[str, ...]
    table: Table


@dataclass(frozen=True)
class FamilyView:
    """One family. Not audited: `curve` is None and `summary` says why.

    `cause` is set where the motion is not what flips; `more` is folded.
    """

    id: str
    title: str
    seen: str
    summary: str
    curve: Curve | None
    heat: HeatMap | None
    tables: tuple[Table, ...]
    cause: str = ""
    controls: tuple[str, ...] = ()
    more: tuple[SmallChart, ...] = ()
    more_tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What the model said about one view; `right` is None without a label."""

    picture: str
    alt: str
    answer: str
    confidence: str
    right: bool | None


@dataclass(frozen=True)
class ExampleView:
    """A probe whose answer flipped."""

    motion: str
    probe: str
    label: str
    before: Prediction
    after: Prediction
    lost: str


@dataclass(frozen=True)
class Skipped:
    """An image that could not be used."""

    probe: str
    reason: str


@dataclass(frozen=True)
class Fact:
    """One line of the small print; `code`: set it in a fixed-width face."""

    name: str
    value: str
    code: bool = False


@dataclass(frozen=True)
class FactGroup:
    """Lines that belong together."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from and how to get them again."""

    groups: tuple[FactGroup, ...]
    command: str
    configuration: str


@dataclass(frozen=True)
class PieceBar:
    """What a piece of the graph does to the scores; widths are percent of the largest.

    `period` is empty where no roll by the total stride fits into the input.
    """

    name: str
    ops: str
    kind: str
    pixel: str
    pixel_words: str
    period: str
    period_words: str


@dataclass(frozen=True)
class WhyView:
    """Why the scores move. `label` is empty where it cannot be told; `bars` may be, too."""

    title: str
    status: str
    label: str
    sentence: str
    remedy: str
    others: str
    facts: tuple[Fact, ...]
    bars: tuple[PieceBar, ...]
    note: str
    period: bool


@dataclass(frozen=True)
class ReportView:
    """A whole report. Empty tuples and None are parts that this audit has not."""

    page_title: str
    subject: str
    facts: tuple[str, ...]
    banner: Banner
    headlines: tuple[Headline, ...]
    assertions: tuple[AssertionView, ...]
    findings: tuple[FindingView, ...]
    accuracy: MeasureCell
    measures: tuple[Measure, ...]
    confidence: str
    families: tuple[FamilyView, ...]
    others: tuple[FamilyView, ...]
    other_measures: tuple[Measure, ...]
    groups: tuple[Table, ...]
    evidence: str
    stopped: str
    against: str
    examples: tuple[ExampleView, ...]
    skipped: tuple[Skipped, ...]
    skipped_note: str
    provenance: Provenance
    why: WhyView | None = None
