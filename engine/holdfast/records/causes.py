"""Why a model's scores move: what its graph says, what a few probes confirm, and one label.

Source of all quantities: the project's science reference, section 5; ADR 0029 has the decisions.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record

__all__ = [
    "AxisFacts",
    "CauseLabel",
    "CauseShare",
    "Causes",
    "GraphFacts",
    "PeriodIndex",
    "Piece",
    "PieceKind",
    "StaticCode",
    "StaticNote",
    "StridedOp",
]

Name = Annotated[str, Field(max_length=80)]
Text = Annotated[str, Field(max_length=400)]
NonNegative = Annotated[float, Field(ge=0)]


class CauseLabel(StrEnum):
    """The cause of moving scores (section 5.5)."""

    none = "NONE"
    aliasing = "ALIASING"
    padding = "PADDING"
    head = "HEAD"
    position_embed = "POSITION_EMBED"
    border_crop = "BORDER_CROP"
    resampling = "RESAMPLING"
    content_loss = "CONTENT_LOSS"
    learned = "LEARNED"


class StaticCode(StrEnum):
    """What the graph alone shows (section 5.1)."""

    unfiltered_stride = "STRIDE_NO_LOW_PASS"
    zero_padding = "ZERO_PADDING"
    uneven_padding = "UNEVEN_PADDING"
    misaligned = "MISALIGNED"
    skew = "SKEW"
    head_flatten = "HEAD_FLATTEN"
    position_constant = "POS_CONST"
    position_relative = "POS_REL"
    coordinates = "COORDCONV"
    windows = "WINDOWS"


class PieceKind(StrEnum):
    """What a piece of the graph can do wrong under a shift."""

    exact = "exact"
    nonlinearity = "nonlinearity"
    sampling = "sampling"
    border = "border"
    padding = "padding"
    position = "position"
    head = "head"
    unknown = "unknown"


class AxisFacts(Record):
    """The last feature map along one axis, in pixels of the model's input.

    `receptive_field_px` is None where every position sees the whole input. `padding_reach_px`: how
    far from the border what is padded can be seen.
    """

    stride_px: Annotated[float, Field(gt=0)]
    receptive_field_px: NonNegative | None
    map_size: Annotated[int, Field(ge=1)]
    padding_reach_px: NonNegative


class StridedOp(Record):
    """An operator that samples its input.

    `stop_band_share` (A): the share of the energy of its kernel (a delta where it has none) above
    the new Nyquist limit, for white input; 0 is best. `activation_share` (AVR): of what really
    comes to it, the share of the energy above that limit, constant part included; 0: there is
    nothing to alias. None where it was not looked at.
    """

    op: Name
    kind: Name
    stride: tuple[int, int]
    smoothing: Literal["none", "average", "blur"]
    stop_band_share: Annotated[float, Field(ge=0, le=1)] | None
    activation_share: Annotated[float, Field(ge=0, le=1)] | None = None


class StaticNote(Record):
    """One thing that the graph alone shows, and at which operator."""

    code: StaticCode
    op: Name
    detail: Text


class GraphFacts(Record):
    """What the graph says without a run.

    `border_share` (PLI): share of the last map's positions that padding can reach. `location_share`
    (LV): share of the squared weights of a flatten head that differ from their mean over the
    positions, in [0, 1]; 0 is as location-free as global average pooling.
    """

    vertical: AxisFacts
    horizontal: AxisFacts
    head: Literal["global_pool", "flatten", "tokens", "unknown"]
    border_share: Annotated[float, Field(ge=0, le=1)]
    location_share: Annotated[float, Field(ge=0, le=1)] | None
    padding_modes: tuple[Literal["constant", "reflect", "edge", "wrap"], ...]
    strided: Annotated[tuple[StridedOp, ...], Field(max_length=64)]
    notes: Annotated[tuple[StaticNote, ...], Field(max_length=64)]


class Piece(Record):
    """A piece between two cuts of the graph and its part of the change of the scores.

    `*_error` is the norm of the piece's own effect relative to that of the scores, `*_share` its
    signed share of the whole change; shares of all pieces add to 1 and may be negative. `period` is
    a shift by the total stride, `pixel` one by 1 px, both along both axes. `location_map` (CIM):
    how much the map behind the piece differs between positions when the input is constant,
    relative to its median; `location_map_share`: share of the positions that differ.
    """

    name: Name
    kind: PieceKind
    ops: Name
    period_error: NonNegative | None
    period_share: float | None
    pixel_error: NonNegative
    pixel_share: float | None
    location_map: NonNegative | None
    location_map_share: Annotated[float, Field(ge=0, le=1)] | None


class CauseShare(Record):
    """How much of the change of the scores under shifts off the grid has this cause."""

    label: CauseLabel
    share: float


class PeriodIndex(Record):
    """The stride-phase index (SPI) of rolls at a period; None where no roll moves the scores."""

    period_px: Annotated[int, Field(ge=2)]
    index: float | None


class Causes(Record):
    """Why the scores move. `label` is None where it cannot be told, and `sentence` says why.

    `pixel_drift` and `period_drift` are the mean relative drift of the scores under a roll by 1 px
    and by the total stride. `strength`: how much there is to explain (limits in ADR 0029).
    """

    label: CauseLabel | None
    strength: Literal["none", "low", "high"] | None = None
    sentence: Text
    remedy: Text = ""
    shares: tuple[CauseShare, ...] = ()
    graph: GraphFacts | None = None
    graph_sentence: Text = ""
    pieces: Annotated[tuple[Piece, ...], Field(max_length=48)] = ()
    spi: Annotated[tuple[PeriodIndex, ...], Field(max_length=16)] = ()
    effective_period_px: Annotated[int, Field(ge=2)] | None = None
    pixel_drift: NonNegative | None = None
    period_drift: NonNegative | None = None
    n_images: Annotated[int, Field(ge=0)] = 0
    n_forwards: Annotated[int, Field(ge=0)] = 0
