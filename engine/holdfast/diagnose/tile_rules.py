"""Rules for maps that are cut into windows, inside which attention sees: a Swin and its kin.

Rolled by whole windows all of it is exact; a smaller shift puts other neighbours into a window, so
cutting it up samples the map in steps of a window (science reference, section 5.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from holdfast.diagnose.attention_rules import bias_detail, is_relative
from holdfast.diagnose.fields import Axis, Window, windowed
from holdfast.diagnose.places import Atom, Map, Place, Tiles, Tokens
from holdfast.diagnose.point_rules import varies_along
from holdfast.diagnose.slice_rules import range_along
from holdfast.diagnose.walking import Seat, Walk, lost, note
from holdfast.records.causes import PieceKind, StaticCode
from holdfast.runtimes.image_graph import Array, Op

__all__ = ["cut_into_windows", "tile_rule"]

_Axes = tuple[tuple[Atom, ...], ...]
_IMAGE_RANK = 4
_MASK = "a mask keeps apart what a roll brought together in the windows at the border"


def cut_into_windows(place: Map, shape: Sequence[int]) -> Tiles | None:
    """A map whose axes y and x are each split in two, as (n, Y, y, X, x, c); None for others.

    One window for all of it may be written the other way round, as (n, 1, 1, y, x, c).
    """
    if tuple(shape[1:5]) == (1, 1, *place.size):
        found = cut_into_windows(place, (shape[0], 1, shape[3], 1, *shape[4:]))
        return found and found.along(tuple(found.axes[at] for at in (0, 1, 3, 2, 4, 5)))
    if place.rank != _IMAGE_RANK or len(shape) != _IMAGE_RANK + 2 or place.pending is not None:
        return None
    axes: list[tuple[Atom, ...]] = [(("n", 0),)]
    window, at = [], 1
    for axis in range(1, _IMAGE_RANK):
        if axis not in place.places:
            axes.append(_atoms(("c", shape[at])))
            at += 1
            continue
        vertical = axis == place.places[0]
        outer, inner = shape[at], shape[at + 1]
        if min(outer, inner) < 1 or outer * inner != (place.y if vertical else place.x).size:
            return None
        axes += [
            _atoms(("Y" if vertical else "X", outer)),
            _atoms(("y" if vertical else "x", inner)),
        ]
        window.append(inner)
        at += 2
    fits = place.places[0] < place.places[1] and all(
        size > 0 for axis in axes[1:] for _, size in axis
    )
    return Tiles(place, (window[0], window[1]), tuple(axes)) if fits else None


def tile_rule(walk: Walk, op: Op) -> tuple[Seat, Place]:
    """What an operator makes of tensors among which windows are."""
    rule = _RULES.get(op.kind)
    place = next(found for found in walk.given(op) if isinstance(found, Tiles))
    return lost(op) if rule is None else rule(walk, op, place)


def _atoms(*atoms: Atom) -> tuple[Atom, ...]:
    """Without those of size 1, which tell nothing apart."""
    return tuple(atom for atom in atoms if atom[1] != 1)


def _holds(axis: tuple[Atom, ...], names: str) -> bool:
    return any(name in names for name, _ in axis)


def _transposed(_: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    perm = op.ints("perm")
    if sorted(perm) != list(range(len(place.axes))):
        return lost(op)
    return Seat(op, PieceKind.exact), place.along(tuple(place.axes[axis] for axis in perm))


def _reshaped(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    shape = walk.argument(op, 1, "shape")
    axes = _regrouped(place.axes, shape) if shape else None
    if axes is None:
        return lost(op)
    found = place.along(axes)
    whole = _as_map(found)
    if whole is not None:
        return Seat(op, PieceKind.exact), whole
    stacked = _as_depth(found)
    if stacked is not None:
        return Seat(op, PieceKind.exact, stride=place.window), stacked
    return Seat(op, PieceKind.exact), found


def _regrouped(axes: _Axes, shape: Sequence[int]) -> _Axes | None:
    """The same atoms in other axes, dealt out from the last; the first takes what is left.

    How many images there are is not asked: the first axis has them.
    """
    left, groups = [atom for axis in axes for atom in axis], []
    for at in range(len(shape) - 1, 0, -1):
        size = shape[at] or (prod(size for _, size in axes[at]) if at < len(axes) else 0)
        group = _taken(left, size)
        if group is None:
            return None
        groups.append(group)
    first = tuple(left)
    return (first, *reversed(groups)) if first and first[0][0] == "n" else None


def _taken(left: list[Atom], size: int) -> tuple[Atom, ...] | None:
    """The last atoms that make up an axis of a size; channels may be split."""
    group: list[Atom] = []
    while size > 1:
        if not left or left[-1][0] == "n":
            return None
        name, own = left.pop()
        if size % own == 0:
            group.insert(0, (name, own))
            size //= own
        elif name == "c" and own % size == 0:
            left.append(("c", own // size))
            group.insert(0, ("c", size))
            size = 1
        else:
            return None
    return tuple(group) if size == 1 else None


def _as_map(place: Tiles) -> Map | None:
    """The windows are back in their places; each position has seen its window."""
    whole = [_atoms(*pair) for pair in zip(place.counts("YX"), place.counts("yx"), strict=True)]
    found = _positions(place, whole)
    if found is None:
        return None
    if place.is_whole:
        y, x = (replace(axis, sees_all=True) for axis in (place.of.y, place.of.x))
        return Map(_IMAGE_RANK, found, y, x)
    y, x = (
        replace(axis, low=axis.low - grown, high=axis.high + grown)
        for axis, side in zip((place.of.y, place.of.x), place.window, strict=True)
        for grown in [(side - 1) * axis.jump]
    )
    return Map(_IMAGE_RANK, found, y, x)


def _as_depth(place: Tiles) -> Map | None:
    """The positions of a window became channels, so a window is one position."""
    found = _positions(place, [_atoms(each) for each in place.counts("YX")])
    deep = [axis for axis in place.axes if set(place.row) <= set(axis)]
    if found is None or not deep:
        return None
    y, x = (
        windowed(axis, Window(side, side))
        for axis, side in zip((place.of.y, place.of.x), place.window, strict=True)
    )
    return Map(_IMAGE_RANK, found, y, x)


def _positions(place: Tiles, wanted: Sequence[tuple[Atom, ...]]) -> tuple[int, int] | None:
    """Where the axes of y and x are, if all others hold images, channels or parts of a window."""
    at = [[i for i, axis in enumerate(place.axes) if axis and axis == each] for each in wanted]
    if len(place.axes) != _IMAGE_RANK or place.axes[0] != (("n", 0),):
        return None
    if any(len(each) != 1 for each in at):
        return None
    (y,), (x,) = at
    others = [axis for i, axis in enumerate(place.axes) if i not in (0, y, x)]
    return None if any(_holds(axis, "nYX") for axis in others) else (y, x)


def _squeezed(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    given, grows = walk.argument(op, 1, "axes"), op.kind == "Unsqueeze"
    if not given:
        return lost(op)
    rank = len(place.axes) + (len(given) if grows else 0)
    axes = sorted(axis % rank for axis in given)
    if grows:
        rest = iter(place.axes)
        return Seat(op, PieceKind.exact), place.along(
            tuple(() if axis in axes else next(rest) for axis in range(rank))
        )
    if any(place.axes[axis] for axis in axes):
        return lost(op)
    return Seat(op, PieceKind.exact), place.along(_without(place.axes, axes))


def _without(axes: _Axes, gone: Sequence[int]) -> _Axes:
    return tuple(axis for at, axis in enumerate(axes) if at not in gone)


def _gathered(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """One of the queries, keys and values, by a number."""
    at, axis = walk.value(op.inputs[1]), op.number("axis", 0) % len(place.axes)
    if at is None or at.ndim or _holds(place.axes[axis], "nYXyx"):
        return lost(op)
    return Seat(op, PieceKind.exact), place.along(_without(place.axes, [axis]))


def _sliced(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """Some of the channels."""
    found = range_along(walk, op, lambda axis: prod(size for _, size in place.axes[axis]))
    if found is None or _holds(place.axes[found[0] % len(place.axes)], "nYXyx"):
        return lost(op)
    axis, rows = found
    return Seat(op, PieceKind.exact), place.with_channels(axis % len(place.axes), len(rows))


def _split(_: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """Into equal parts, of channels."""
    axis = op.number("axis", 0) % len(place.axes)
    size, parts = prod(size for _, size in place.axes[axis]), len(op.outputs)
    if _holds(place.axes[axis], "nYXyx") or size % parts or "split" in op.attributes:
        return lost(op)
    return Seat(op, PieceKind.exact), place.with_channels(axis, size // parts)


def _pointwise(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    axes = place.axes
    for other in walk.given(op):
        if not isinstance(other, Tiles) or other.of != place.of or len(other.axes) != len(axes):
            return lost(op)
        if any(a and b and a != b for a, b in zip(axes, other.axes, strict=True)):
            return lost(op)
        axes = tuple(a or b for a, b in zip(axes, other.axes, strict=True))
    constants, found = walk.constants(op), place.along(axes)
    if any(value is None for value in constants):
        return lost(op)
    role = PieceKind.exact if op.kind in _LINEAR else PieceKind.nonlinearity
    varying = [value for value in constants if value is not None and _varies(value, axes, "YXyx")]
    if any(_varies(value, axes, "YX") for value in varying):
        notes = note(StaticCode.windows, _MASK)
        return Seat(op, PieceKind.border, notes=notes), found
    if varying and place.is_whole:
        role = PieceKind.position
    return Seat(op, role, notes=_bias_note(varying, found)), found


def _varies(value: Array, axes: _Axes, names: str) -> bool:
    """Whether a constant differs along an axis that holds one of some atoms."""
    return any(
        _holds(axis, names) and varies_along(value, len(axes) - at) for at, axis in enumerate(axes)
    )


def _bias_note(varying: Sequence[Array], place: Tiles) -> tuple[tuple[StaticCode, str], ...]:
    """By position in the window: it rolls along with whole windows, if there are several."""
    if not varying:
        return ()
    sides = [Axis(side) for side in place.window]
    pairs = place.axes[-2:] == (place.row, place.row)
    window = Tokens(2, 0, sides[0], sides[1])
    relative = pairs and all(is_relative(value, window) for value in varying)
    code = StaticCode.position_relative if relative else StaticCode.position_constant
    where = "" if place.is_whole else "inside a window, "
    return note(code, where + bias_detail(relative=relative))


def _curved_along_channels(_: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """A softmax over the positions of a window, or over channels; norms over channels."""
    axis = op.number("axis", -1) % len(place.axes)
    keys = axis == len(place.axes) - 1 and place.axes[-2:] == (place.row, place.row)
    channels = not any(_holds(each, "nYXyx") for each in place.axes[axis:])
    fits = keys if op.kind == "Softmax" and not channels else channels
    return (Seat(op, PieceKind.nonlinearity), place) if fits else lost(op)


def _reduced(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """Over channels, which stay as an axis of one: what a norm is made of."""
    given = walk.argument(op, 1, "axes") or ()
    axes = [axis % len(place.axes) for axis in given]
    inside = not axes or any(_holds(place.axes[axis], "nYXyx") for axis in axes)
    if inside or not op.number("keepdims", 1):
        return lost(op)
    kept = tuple(() if at in axes else axis for at, axis in enumerate(place.axes))
    return Seat(op, PieceKind.nonlinearity), place.along(kept)


def _expanded(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """One channel becomes several that are the same."""
    shape = walk.argument(op, 1, "shape") or ()
    if len(shape) != len(place.axes):
        return lost(op)
    axes = tuple(
        (("c", size),) if not axis and size > 1 else axis
        for axis, size in zip(place.axes, shape, strict=True)
    )
    return Seat(op, PieceKind.exact), place.along(axes)


def _product(walk: Walk, op: Op, place: Tiles) -> tuple[Seat, Place]:
    """By weights along the channels, or attention: queries by keys, weights of pairs by values."""
    first, second = (walk.places.get(name) for name in op.inputs[:2])
    if isinstance(first, Tiles) and isinstance(second, Tiles):
        met = _attended(first, second)
        return lost(op) if met is None else (_attention(op, met), met)
    weights = walk.value(op.inputs[1])
    if first is not place or weights is None or weights.ndim != 2:  # noqa: PLR2004 - a matrix
        return lost(op)
    if _holds(place.axes[-1], "nYXyx"):
        return lost(op)
    out = place.with_channels(len(place.axes) - 1, weights.shape[1])
    return Seat(op, PieceKind.exact), out


def _attention(op: Op, met: Tiles) -> Seat:
    """Where windows begin to matter; one window for the whole map divides nothing."""
    pairs = met.axes[-2:] == (met.row, met.row)
    window = [
        side if n > 1 else 1 for side, (_, n) in zip(met.window, met.counts("YX"), strict=True)
    ]
    return Seat(op, PieceKind.nonlinearity, window=(window[0], window[1]) if pairs else (1, 1))


def _attended(first: Tiles, second: Tiles) -> Tiles | None:
    """(..., q, d) by (..., d, k), or (..., q, k) by (..., k, d), inside one window each."""
    apart = first.axes[:-2] != second.axes[:-2] or first.of != second.of
    row, met = first.row, first.axes[-1] == second.axes[-2]
    if apart or not met or first.axes[-2] != row or len(first.axes) < 3:  # noqa: PLR2004
        return None
    if any(_holds(axis, "yx") for axis in first.axes[:-2]):
        return None
    queries = not _holds(first.axes[-1], "nYXyx") and second.axes[-1] == row
    values = first.axes[-1] == row and not _holds(second.axes[-1], "nYXyx")
    return first.along((*first.axes[:-1], second.axes[-1])) if queries or values else None


_LINEAR = ("Identity", "Dropout", "Cast", "Neg", "Add", "Sub", "Sum")
_CURVED = (
    *("Mul", "Div", "Relu", "Gelu", "Erf", "Tanh", "Sigmoid", "Pow", "Sqrt", "Exp", "Clip"),
    *("Reciprocal", "HardSwish", "Where", "Max", "Min", "FastGelu", "QuickGelu", "BiasGelu"),
)
_RULES: dict[str, Callable[[Walk, Op, Tiles], tuple[Seat, Place]]] = {
    "Transpose": _transposed,
    "Reshape": _reshaped,
    **dict.fromkeys(("Squeeze", "Unsqueeze"), _squeezed),
    "Gather": _gathered,
    "Slice": _sliced,
    "Split": _split,
    **dict.fromkeys((*_LINEAR, *_CURVED), _pointwise),
    **dict.fromkeys(("Softmax", "LogSoftmax", "LayerNormalization"), _curved_along_channels),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceL2", "ReduceSumSquare"), _reduced),
    "Expand": _expanded,
    "MatMul": _product,
}
