"""What a walked graph says by itself: stride, receptive field, padding, head, odd operators."""

from collections.abc import Iterator, Mapping
from typing import Literal, cast

from holdfast.diagnose.fields import Axis
from holdfast.diagnose.places import Flat, Map, Tokens, Vector
from holdfast.diagnose.spectrum import location_share, stop_band_share
from holdfast.diagnose.walking import Seat, Walked
from holdfast.records.causes import (
    AxisFacts,
    GraphFacts,
    PieceKind,
    StaticCode,
    StaticNote,
    StridedOp,
)

__all__ = ["graph_facts", "last_map"]

_MAX_ROWS = 64
_IMAGE_RANK = 4
_HeadWord = Literal["global_pool", "flatten", "tokens", "unknown"]
_Mode = Literal["constant", "reflect", "edge", "wrap"]
_MODES: tuple[_Mode, ...] = ("constant", "reflect", "edge", "wrap")


def graph_facts(
    walked: Walked, above: Mapping[str, float | None] | None = None
) -> GraphFacts | None:
    """The facts of a graph; None where no feature map reaches the scores.

    `above` is the share of energy above the Nyquist limit that comes to strided operators, by name.
    """
    found = last_map(walked)
    if found is None:
        return None
    (y, x), head, seat = found
    height, width = walked.input_size
    clean = y.clean_share(height) * x.clean_share(width)
    return GraphFacts(
        vertical=_axis_facts(y, height),
        horizontal=_axis_facts(x, width),
        head=head,
        border_share=1.0 - clean,
        location_share=_location_share(seat),
        padding_modes=tuple(
            mode for mode in _MODES if any(seat.mode == mode for seat in walked.seats)
        ),
        strided=tuple(_strided(walked, above or {}))[:_MAX_ROWS],
        notes=tuple(_notes(walked))[:_MAX_ROWS],
    )


def _axis_facts(axis: Axis, size: int) -> AxisFacts:
    return AxisFacts(
        stride_px=axis.jump,
        receptive_field_px=None if axis.sees_all else max(1.0, axis.field_px),
        map_size=axis.size,
        padding_reach_px=min(axis.reach, float(size)),
    )


def last_map(walked: Walked) -> tuple[tuple[Axis, Axis], _HeadWord, Seat] | None:
    """The axes of the last map, how its positions end, and at which operator."""
    for seat in reversed(walked.seats):
        if not isinstance(walked.places[seat.op.outputs[0]], Vector):
            continue
        for name in seat.op.inputs:
            place = walked.places.get(name)
            if isinstance(place, Map):
                word = "flatten" if seat.role is PieceKind.head else "global_pool"
                return (place.y, place.x), cast("_HeadWord", word), seat
            if isinstance(place, Tokens):
                return (place.y, place.x), "tokens", seat
            if isinstance(place, Flat):
                flattened = seat.role is PieceKind.head
                return (place.of.y, place.of.x), "flatten" if flattened else "global_pool", seat
    return _unfinished(walked)


def _unfinished(walked: Walked) -> tuple[tuple[Axis, Axis], _HeadWord, Seat] | None:
    """The last map that is known, where what follows is not."""
    for seat in reversed(walked.seats):
        place = walked.places[seat.op.outputs[0]]
        if isinstance(place, Map | Tokens):
            return (place.y, place.x), "unknown", seat
    return None


def _location_share(seat: Seat) -> float | None:
    head, weights = seat.head, seat.kernel
    if head is None or weights is None:
        return None
    positions = head.of.y.size * head.of.x.size
    if weights.ndim == _IMAGE_RANK:  # a convolution over the whole map
        weights = weights.reshape(len(weights), -1).T
    return location_share(weights, positions, channels_last=head.channels_last)


def _strided(walked: Walked, above: Mapping[str, float | None]) -> Iterator[StridedOp]:
    for seat in walked.seats:
        if max(seat.stride) > 1:
            yield StridedOp(
                op=seat.op.name,
                kind=seat.op.kind,
                stride=seat.stride,
                smoothing=cast("Literal['none', 'average', 'blur']", seat.smoothing),
                stop_band_share=stop_band_share(seat.kernel, seat.stride),
                activation_share=above.get(seat.op.name),
            )


def _notes(walked: Walked) -> Iterator[StaticNote]:
    for seat in walked.seats:
        for code, detail in seat.notes:
            yield StaticNote(code=code, op=seat.op.name, detail=detail)
        if max(seat.stride) > 1 and seat.smoothing == "none":
            detail = f"samples every {seat.stride[0]} x {seat.stride[1]} (y, x) with no low-pass"
            yield StaticNote(code=StaticCode.unfiltered_stride, op=seat.op.name, detail=detail)
        if max(seat.window) > 1:
            detail = f"windows of {seat.window[0]} x {seat.window[1]} (y, x) see nothing else"
            yield StaticNote(code=StaticCode.windows, op=seat.op.name, detail=detail)
        if seat.role is PieceKind.head:
            yield StaticNote(
                code=StaticCode.head_flatten,
                op=seat.op.name,
                detail="every position of the last map has weights of its own",
            )
    padded = [seat for seat in walked.seats if seat.mode == "constant"]
    if padded:
        detail = f"{len(padded)} operators pad with a constant, the first one here"
        yield StaticNote(code=StaticCode.zero_padding, op=padded[0].op.name, detail=detail)
