"""Rules for operators that only rearrange: transposing, reshaping, flattening, splitting."""

from dataclasses import replace

from holdfast.diagnose.places import Flat, Grouped, Map, Place, Tokens, Vector
from holdfast.diagnose.point_rules import joined, varies
from holdfast.diagnose.slice_rules import rolled_source
from holdfast.diagnose.tile_rules import cut_into_windows
from holdfast.diagnose.walking import Seat, Walk, lost, note, on_vectors
from holdfast.records.causes import PieceKind, StaticCode
from holdfast.runtimes.image_graph import Op

__all__ = ["SHAPE_RULES"]

_FLAT_RANK, _ROW_RANK, _IMAGE_RANK = 2, 3, 4


def _transpose(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place, perm = walk.places[op.inputs[0]], op.ints("perm")
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    seat = Seat(op, PieceKind.exact)
    if isinstance(place, Map) and len(perm) == place.rank and perm[0] == 0:
        y, x = (perm.index(axis) for axis in place.places)
        return seat, replace(place, places=(y, x))
    if isinstance(place, Tokens) and len(perm) == place.rank:
        batch, tokens = perm.index(place.batch), perm.index(place.place)
        return seat, replace(place, place=tokens, batch=batch)
    return lost(op)


def _reshape(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = walk.places[op.inputs[0]]
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    shape = walk.argument(op, 1, "shape")
    if not shape or (isinstance(place, Map) and place.pending is not None):
        return lost(op)
    found: Place | None = None
    if isinstance(place, Map):
        found = Grouped(place) if _is_for_groups(walk, op, place, shape) else None
        found = found or _map_reshaped(place, shape)
    elif isinstance(place, Grouped):
        found = place.of if shape[-2:] == place.of.size else None
    elif isinstance(place, Flat | Tokens):
        found = _row_reshaped(place, shape)
    return lost(op) if found is None else (Seat(op, PieceKind.exact), found)


def _is_for_groups(walk: Walk, op: Op, place: Map, shape: tuple[int, ...]) -> bool:
    """A row for each group of channels: exporters write the norm of a group so."""
    readers = {each.kind for each in walk.readers.get(op.outputs[0], [])}
    last = place.rank == _IMAGE_RANK and place.places == (2, 3)
    return readers == {"InstanceNormalization"} and last and len(shape) == _ROW_RANK


def _map_reshaped(place: Map, shape: tuple[int, ...]) -> Place | None:
    if (tiles := cut_into_windows(place, shape)) is not None:
        return tiles
    positions = place.y.size * place.x.size
    last = place.places == (place.rank - 2, place.rank - 1)
    middle = place.rank == _IMAGE_RANK and place.places == (1, 2)
    if len(shape) == _FLAT_RANK and (last or middle):
        whole = shape[1] == -1 or (shape[1] > 0 and shape[1] % positions == 0)
        return Flat(place, channels_last=middle) if whole and place.rank == _IMAGE_RANK else None
    if last and shape[-2:] == place.size:
        return replace(place, rank=len(shape), places=(len(shape) - 2, len(shape) - 1))
    if len(shape) >= _ROW_RANK and last and place.rank == _IMAGE_RANK:
        copied = shape[1:] == (0, -1)
        fits = shape[-1] == positions or copied
        return Tokens(len(shape), len(shape) - 1, place.y, place.x) if fits else None
    if len(shape) == _ROW_RANK and middle and shape[1] == positions:
        return Tokens(3, 1, place.y, place.x)
    return None


def _row_reshaped(place: Flat | Tokens, shape: tuple[int, ...]) -> Place | None:
    if isinstance(place, Flat):
        if len(shape) == _FLAT_RANK:
            return place
        fits = len(shape) == _IMAGE_RANK and shape[2:] == place.of.size
        return place.of if fits and not place.channels_last else None
    size = (place.y.size, place.x.size)
    if place.extra == 0 and place.place == place.rank - 1 and shape[-2:] == size:
        return Map(len(shape), (len(shape) - 2, len(shape) - 1), place.y, place.x)
    first = (place.batch, place.place) == (0, 1)
    if first and place.extra == 0 and len(shape) == _IMAGE_RANK and shape[1:3] == size:
        return Map(_IMAGE_RANK, (1, 2), place.y, place.x)
    if first and not place.crowded and len(shape) > _FLAT_RANK and shape[1] == place.count:
        return replace(place, rank=len(shape))
    return _leading_reshaped(place, shape)


def _leading_reshaped(place: Tokens, shape: tuple[int, ...]) -> Tokens | None:
    """Images and heads in one axis, or in two again; what lies behind the positions stays."""
    behind = place.rank - place.place
    if place.batch != 0 or len(shape) <= behind or shape[-behind] != place.count:
        return None
    joins = not place.crowded and len(shape) == place.rank - 1 and place.place > 1
    parts = place.crowded and len(shape) == place.rank + 1
    found = replace(place, rank=len(shape), place=len(shape) - behind, crowded=joins)
    return found if joins or parts else None


def _flatten(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = walk.places[op.inputs[0]]
    if isinstance(place, Vector | Flat):
        return Seat(op, PieceKind.exact), place
    ordinary = isinstance(place, Map) and place.rank == _IMAGE_RANK and place.pending is None
    if not isinstance(place, Map) or not ordinary or op.number("axis", 1) != 1:
        return lost(op)
    if place.size == (1, 1):
        return Seat(op, PieceKind.exact), Vector()
    last = place.places == (2, 3)
    if not last and place.places != (1, 2):
        return lost(op)
    return Seat(op, PieceKind.exact), Flat(place, channels_last=not last)


def _squeeze(walk: Walk, op: Op) -> tuple[Seat, Place]:
    """Squeeze and Unsqueeze: the axes of the positions move along."""
    place, axes = walk.places[op.inputs[0]], walk.argument(op, 1, "axes")
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if isinstance(place, Tokens) and op.kind == "Squeeze" and axes and len(axes) == 1:
        return _without_axis(op, place, axes[0])
    if not isinstance(place, Map) or not axes:
        return lost(op)
    grows = op.kind == "Unsqueeze"
    rank = place.rank + (len(axes) if grows else -len(axes))
    gone = {axis % (rank if grows else place.rank) for axis in axes}
    if 0 in gone or (not grows and gone & set(place.places)):
        return lost(op)
    kept = [axis for axis in range(max(rank, place.rank)) if axis not in gone]
    y, x = ((kept[axis] if grows else kept.index(axis)) for axis in place.places)
    return Seat(op, PieceKind.exact), replace(place, rank=rank, places=(y, x))


def _without_axis(op: Op, place: Tokens, axis: int) -> tuple[Seat, Place]:
    """Tokens without an axis that is neither theirs nor that of the images."""
    gone = axis % place.rank
    if gone in (place.batch, place.place):
        return lost(op)
    tokens, batch = (at - (at > gone) for at in (place.place, place.batch))
    fewer = replace(place, rank=place.rank - 1, place=tokens, batch=batch)
    return Seat(op, PieceKind.exact), fewer


def _split(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = walk.places[op.inputs[0]]
    axis = op.number("axis", 0)
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if isinstance(place, Map) and place.pending is None:
        inner = axis % place.rank not in (0, *place.places)
        return (Seat(op, PieceKind.exact), place) if inner else lost(op)
    if isinstance(place, Tokens) and axis % place.rank not in (place.batch, place.place):
        return Seat(op, PieceKind.exact), place
    return lost(op)


def _concat(walk: Walk, op: Op) -> tuple[Seat, Place]:
    given, axis = walk.given(op), op.number("axis", 1)
    if done := on_vectors(op, given) or _rolled(walk, op):
        return done
    if isinstance(given[0], Tokens) and axis % given[0].rank == given[0].place:
        return _tokens_prefixed(walk, op, given[0])
    maps = [place for place in given if isinstance(place, Map)]
    if len(maps) < len(given) or axis % maps[0].rank in (0, *maps[0].places):
        return lost(op)
    constants = walk.constants(op)
    place, notes = joined(op, maps)
    if place is None or any(value is None for value in constants):
        return lost(op)
    if all(walk.makers[name].kind == "Slice" for name in op.inputs if name in walk.makers):
        notes = ()  # the phases of one map, side by side
    if any(value is not None and varies(value, place) for value in constants):
        detail = "a constant that differs between positions is joined to the map"
        return Seat(op, PieceKind.position, notes=note(StaticCode.coordinates, detail)), place
    return Seat(op, PieceKind.exact, notes=notes), place


def _rolled(walk: Walk, op: Op) -> tuple[Seat, Place] | None:
    """A map that goes round: what leaves at one side comes in at the other."""
    source = rolled_source(walk, op)
    return None if source is None else (Seat(op, PieceKind.exact), walk.places[source])


def _tokens_prefixed(walk: Walk, op: Op, place: Tokens) -> tuple[Seat, Place]:
    """A class token in front of the others."""
    first = walk.value(op.inputs[0])
    if len(op.inputs) != 2 or first is None or first.ndim != place.rank:  # noqa: PLR2004 - a pair
        return lost(op)
    extra = place.extra + first.shape[place.place]
    return Seat(op, PieceKind.exact), replace(place, extra=extra)


def _expand(walk: Walk, op: Op) -> tuple[Seat, Place]:
    """Repeated along axes that hold neither images nor positions."""
    place, shape = walk.places[op.inputs[0]], walk.argument(op, 1, "shape")
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if not isinstance(place, Map | Tokens) or not shape or len(shape) != place.rank:
        return lost(op)
    if isinstance(place, Map):
        kept = place.pending is None and tuple(shape[at] for at in place.places) == place.size
    else:
        kept = shape[place.place] == place.count
    return (Seat(op, PieceKind.exact), place) if kept else lost(op)


def _gather(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place, axis = walk.places.get(op.inputs[0]), op.number("axis", 0)
    at = walk.value(op.inputs[1])
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if isinstance(place, Map) and at is not None and at.ndim == 1:
        inner = axis % place.rank not in (0, *place.places)
        return (Seat(op, PieceKind.exact), place) if inner else lost(op)
    if isinstance(place, Tokens) and axis % place.rank == place.place and at is not None:
        only_extra = at.size == 1 and 0 <= int(at.ravel()[0]) < place.extra
        return (Seat(op, PieceKind.exact), Vector()) if only_extra else lost(op)
    if isinstance(place, Tokens) and at is not None and at.ndim == 0:
        return _without_axis(op, place, axis)
    return lost(op)


SHAPE_RULES = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    **dict.fromkeys(("Squeeze", "Unsqueeze"), _squeeze),
    "Split": _split,
    **dict.fromkeys(("Concat", "QLinearConcat"), _concat),
    "Gather": _gather,
    "Expand": _expand,
}
