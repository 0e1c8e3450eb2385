"""Rules for slices: every so many positions, a part of a map, or the two halves of a roll."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from holdfast.diagnose.places import Map, Place, Tokens, Vector
from holdfast.diagnose.walking import Seat, Walk, lost
from holdfast.records.causes import PieceKind
from holdfast.runtimes.image_graph import Op

__all__ = ["SLICE_RULES", "range_along", "rolled_source"]


def _slice(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = walk.places.get(op.inputs[0])
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if isinstance(place, Tokens):
        return _tokens_sliced(walk, op, place)
    starts, ends = walk.argument(op, 1, "starts"), walk.argument(op, 2, "ends")
    axes, steps = walk.argument(op, 3, "axes"), walk.argument(op, 4, "steps")
    if not isinstance(place, Map) or place.pending or None in (starts, ends, axes, steps):
        return lost(op)
    if _is_part_of_roll(walk, op):
        return Seat(op, PieceKind.exact), place
    cuts = _cuts(starts or (), ends or (), axes or (), steps or ())
    found, exact, stride = [], True, []
    for at, axis in zip(place.places, (place.y, place.x), strict=True):
        rows = range(axis.size)[cuts.get(at, cuts.get(at - place.rank, slice(None)))]
        if len(rows) < 1 or rows.step < 1 or 0 in cuts:
            return lost(op)
        back = rows.start * axis.jump
        found.append(
            replace(
                axis,
                size=len(rows),
                jump=axis.jump * rows.step,
                low=axis.low + back,
                high=axis.high + back,
            )
        )
        exact = exact and len(rows) * rows.step == axis.size
        stride.append(rows.step)
    role = PieceKind.exact if exact else PieceKind.border
    return Seat(op, role, stride=(stride[0], stride[1])), place.axes(*found)


def _tokens_sliced(walk: Walk, op: Op, place: Tokens) -> tuple[Seat, Place]:
    """Some of the channels, or one of queries, keys and values."""
    found = range_along(walk, op, lambda _: sys.maxsize)
    if found is None or found[0] % place.rank in (place.batch, place.place):
        return lost(op)
    return Seat(op, PieceKind.exact), place


def _is_part_of_roll(walk: Walk, op: Op) -> bool:
    readers = walk.readers.get(op.outputs[0], [])
    return len(readers) == 1 and rolled_source(walk, readers[0]) is not None


def rolled_source(walk: Walk, op: Op) -> str | None:
    """The map that a Concat rolls along y or x: its end and its beginning, the other way round."""
    makers = [walk.makers.get(name) for name in op.inputs]
    if op.kind != "Concat" or len(makers) != 2 or not all(makers):  # noqa: PLR2004 - two parts
        return None
    parts = [each for each in makers if each is not None and each.kind == "Slice"]
    source = parts[0].inputs[0] if len(parts) == len(makers) else ""
    place = walk.places.get(source)
    if not isinstance(place, Map) or place.pending or parts[1].inputs[0] != source:
        return None
    axis = op.number("axis", 0) % place.rank
    if axis not in place.places:
        return None
    size = (place.y if axis == place.places[0] else place.x).size
    found = [range_along(walk, part, lambda _: size) for part in parts]
    if any(each is None or each[0] % place.rank != axis for each in found):
        return None
    end, beginning = (each[1] for each in found if each is not None)
    whole = end.stop == size and beginning.start == 0 and beginning.stop == end.start
    return source if whole and end.step == beginning.step == 1 else None


def range_along(walk: Walk, op: Op, size_of: Callable[[int], int]) -> tuple[int, range] | None:
    """The axis and what a Slice takes of it, if it cuts along one axis only."""
    starts, ends = walk.argument(op, 1, "starts"), walk.argument(op, 2, "ends")
    axes, steps = walk.argument(op, 3, "axes"), walk.argument(op, 4, "steps")
    if starts is None or ends is None or axes is None or steps is None or len(starts) != 1:
        return None
    ((axis, cut),) = _cuts(starts, ends, axes, steps).items()
    return axis, range(size_of(axis))[cut]


def _cuts(
    starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]
) -> dict[int, slice]:
    order = list(axes) or list(range(len(starts)))
    strides = list(steps) or [1] * len(starts)
    return {
        axis: slice(start, end, step)
        for axis, start, end, step in zip(order, starts, ends, strides, strict=False)
    }


SLICE_RULES = {"Slice": _slice}
