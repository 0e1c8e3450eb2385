"""Rules for operators that work position by position, and for those that end positions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from holdfast.diagnose.attention_rules import attended, bias_detail, is_relative
from holdfast.diagnose.fields import Axis, merged
from holdfast.diagnose.places import Flat, Map, Pairs, Place, Tokens, Unknown, Vector
from holdfast.diagnose.walking import Seat, Walk, lost, note, on_vectors
from holdfast.records.causes import PieceKind, StaticCode
from holdfast.runtimes.image_graph import Array, Op

__all__ = ["POINT_RULES", "joined", "varies", "varies_along"]

_LINEAR = (
    *("Identity", "Dropout", "Cast", "BatchNormalization", "Neg", "ImageScaler", "Add", "Sub"),
    *("Sum", "Mean", "DequantizeLinear", "QLinearAdd"),
)
_CURVED = (
    *("Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Clip", "Elu", "Celu", "Selu", "Softplus"),
    *("HardSigmoid", "HardSwish", "Gelu", "FastGelu", "QuickGelu", "BiasGelu", "Erf", "Exp", "Log"),
    *("Sqrt", "Pow", "Abs", "Sin", "Cos", "Mish", "Round", "Floor", "Ceil", "Sign", "Reciprocal"),
    *("Mul", "Div", "Min", "Max", "Where", "Greater", "Less", "Equal", "And", "Or", "Not"),
    *("QuantizeLinear", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "ThresholdedRelu"),
    *("Softsign", "Swish", "DynamicQuantizeLinear"),
)
_NORMS = ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "LRN")
_REDUCTIONS = (
    *("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceProd"),
    *("ReduceSumSquare", "ReduceLogSumExp", "ReduceLogSum"),
)
_DENSE = {"Gemm": 1, "MatMul": 1, "FusedGemm": 1, "FusedMatMul": 1, "QGemm": 3, "QLinearMatMul": 3}
# Their constants are one number per channel by definition, whatever their shape looks like.
_PER_CHANNEL = (
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "ImageScaler"),
    *("QuantizeLinear", "DequantizeLinear"),
)
_TINY = 1e-3


def varies(value: Array, place: Place) -> bool:
    """Whether a constant that is combined with a tensor differs between its positions."""
    if isinstance(place, Map):
        return any(varies_along(value, place.rank - axis) for axis in place.places)
    if isinstance(place, Tokens):
        back = place.rank - place.place
        if value.ndim < back or value.shape[-back] == 1:
            return False
        return varies_along(np.moveaxis(value, -back, 0)[place.extra :], value.ndim)
    if isinstance(place, Flat):
        return _varies_in_row(value, place)
    if isinstance(place, Pairs):
        return any(varies_along(value, back) for back in (1, 2))
    return False


def varies_along(value: Array, back: int) -> bool:
    """Whether a constant differs along the axis that is the `back`-th from the end."""
    if value.ndim < back or value.shape[-back] < 2 or value.dtype.kind not in "fiub":  # noqa: PLR2004
        return False
    spread = np.ptp(value.astype(np.float64), axis=-back)
    return bool(spread.max() > _TINY * max(float(np.abs(value).max()), 1e-30))


def _varies_in_row(value: Array, place: Flat) -> bool:
    height, width = place.of.size
    row = value.reshape(-1) if value.size else value
    if row.size < 2 or row.size % (height * width):  # noqa: PLR2004 - one number for all
        return False
    grid = row.reshape((height * width, -1) if place.channels_last else (-1, height * width))
    return varies_along(grid, 2 if place.channels_last else 1)


def joined(op: Op, maps: Sequence[Map]) -> tuple[Map | None, tuple[tuple[StaticCode, str], ...]]:
    """Maps that meet at an operator, and what is odd about it; None where they do not fit."""
    first = maps[0]
    if len(maps) == 1:
        return first, ()
    if any(each.pending or each.size != first.size or each.places != first.places for each in maps):
        return None, ()
    notes: tuple[tuple[StaticCode, str], ...] = ()
    y, x = first.y, first.x
    for each in maps[1:]:
        notes += _oddities(op, (y, x), (each.y, each.x))
        y, x = merged(y, each.y), merged(x, each.x)
    return first.axes(y, x), notes[:1]


def _oddities(
    op: Op, first: tuple[Axis, Axis], second: tuple[Axis, Axis]
) -> tuple[tuple[StaticCode, str], ...]:
    del op
    pairs = list(zip(first, second, strict=True))
    if any(one.jump != other.jump for one, other in pairs):
        return note(StaticCode.misaligned, "branches with different strides meet here")
    if any(abs(one.start_px - other.start_px) > _TINY for one, other in pairs):
        apart = max(abs(one.start_px - other.start_px) for one, other in pairs)
        detail = f"branches whose centres lie {apart:g} px apart meet here"
        return note(StaticCode.skew, detail)
    return ()


def _pointwise(walk: Walk, op: Op) -> tuple[Seat, Place]:
    given, constants = walk.given(op), walk.constants(op)
    place, notes = _together(op, given)
    if place is None:
        return lost(op)
    if any(value is None for value in constants):
        return lost(op)
    varying = [value for value in constants if value is not None and varies(value, place)]
    if op.kind not in _PER_CHANNEL and varying:
        return Seat(op, PieceKind.position, notes=_position_note(varying, place)), place
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    linear = op.kind in _LINEAR or (op.kind in ("Mul", "Div") and len(given) == 1)
    return Seat(op, PieceKind.exact if linear else PieceKind.nonlinearity, notes=notes), place


def _position_note(varying: Sequence[Array], place: Place) -> tuple[tuple[StaticCode, str], ...]:
    if isinstance(place, Pairs):
        relative = all(is_relative(value, place.of) for value in varying)
        code = StaticCode.position_relative if relative else StaticCode.position_constant
        return note(code, bias_detail(relative=relative))
    detail = "a constant that differs between positions is combined with the map"
    return note(StaticCode.position_constant, detail)


def _together(
    op: Op, given: Sequence[Place]
) -> tuple[Place | None, tuple[tuple[StaticCode, str], ...]]:
    """The place of several tensors that are combined; a vector goes along with anything."""
    placed = [place for place in given if not isinstance(place, Vector)]
    if not placed:
        return Vector(), ()
    if all(isinstance(place, Map) for place in placed):
        return joined(op, cast("list[Map]", placed))
    tokens = [place for place in placed if isinstance(place, Tokens)]
    if tokens and op.kind == "Add" and len(placed) > 1:
        seen = [place for place in placed if isinstance(place, Tokens | Unknown)]
        return (_seeing_all(tokens[0]) if len(seen) == len(placed) else None), ()
    return (
        placed[0] if all(place == placed[0] for place in placed) and _told(placed[0]) else None
    ), ()


def _told(place: Place) -> bool:
    return not isinstance(place, Unknown)


def _seeing_all(place: Tokens) -> Tokens:
    """Behind attention every token has seen every other."""
    return replace(place, y=replace(place.y, sees_all=True), x=replace(place.x, sees_all=True))


def _norm(walk: Walk, op: Op) -> tuple[Seat, Place]:
    """Statistics over channels are pointwise, those over positions roll along; both are curved."""
    seat, place = _pointwise(walk, op)
    plain = isinstance(place, Vector | Unknown) or seat.role is PieceKind.position
    return (seat, place) if plain else (Seat(op, PieceKind.nonlinearity), place)


def _softmax(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place, axis = walk.places[op.inputs[0]], op.number("axis", -1)
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if isinstance(place, Map) and axis % place.rank not in place.places:
        return Seat(op, PieceKind.nonlinearity), place
    if isinstance(place, Pairs) and axis % place.of.rank == place.of.rank - 1:
        return Seat(op, PieceKind.nonlinearity), place
    return lost(op)


def _reduction(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place, axes = walk.places[op.inputs[0]], walk.argument(op, 1, "axes")
    if isinstance(place, Vector):
        return Seat(op, PieceKind.exact), place
    if not axes:
        return lost(op)
    if isinstance(place, Map):
        return _map_reduced(op, place, {axis % place.rank for axis in axes})
    if isinstance(place, Tokens):
        return _tokens_reduced(op, place, {axis % place.rank for axis in axes})
    if isinstance(place, Flat) and {axis % 2 for axis in axes} == {1}:
        return Seat(op, PieceKind.exact), Vector()
    return lost(op)


def _tokens_reduced(op: Op, place: Tokens, axes: set[int]) -> tuple[Seat, Place]:
    if place.place in axes:
        return Seat(op, PieceKind.exact), Vector()
    if place.batch in axes or not op.number("keepdims", 1):
        return lost(op)
    return Seat(op, PieceKind.nonlinearity), place


def _map_reduced(op: Op, place: Map, axes: set[int]) -> tuple[Seat, Place]:
    if axes.issuperset(place.places) and 0 not in axes and place.pending is None:
        return Seat(op, PieceKind.exact), Vector()
    if axes.intersection((0, *place.places)):
        return lost(op)
    if op.number("keepdims", 1):
        return Seat(op, PieceKind.nonlinearity), place
    kept = [axis for axis in range(place.rank) if axis not in axes]
    y, x = (kept.index(axis) for axis in place.places)
    return Seat(op, PieceKind.nonlinearity), replace(place, rank=len(kept), places=(y, x))


def _product(walk: Walk, op: Op) -> tuple[Seat, Place]:
    """Tokens by tokens, or anything by weights."""
    given = walk.given(op)
    met = attended(given[0], given[1]) if len(given) == 2 else None  # noqa: PLR2004 - a product
    return _dense(walk, op) if met is None else (Seat(op, PieceKind.nonlinearity), met)


def _dense(walk: Walk, op: Op) -> tuple[Seat, Place]:
    given = walk.given(op)
    if done := on_vectors(op, given):
        return done
    at = _DENSE[op.kind]
    place = walk.places.get(op.inputs[0])
    weights = walk.value(op.inputs[at]) if len(op.inputs) > at else None
    if weights is None or len(given) > 1:
        return lost(op)
    if isinstance(place, Flat):
        matrix = weights.T if op.number("transB", 0) else weights
        positions = place.of.y.size * place.of.x.size
        role = PieceKind.head if positions > 1 else PieceKind.exact
        return Seat(op, role, kernel=matrix, head=place), Vector()
    if isinstance(place, Map) and place.pending is None and place.rank - 1 not in place.places:
        return Seat(op, PieceKind.exact), place
    if isinstance(place, Tokens) and place.place != place.rank - 1:
        return Seat(op, PieceKind.exact), place
    return lost(op)


POINT_RULES = {
    **dict.fromkeys((*_LINEAR, *_CURVED), _pointwise),
    **dict.fromkeys(_NORMS, _norm),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(_DENSE, _product),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
}
