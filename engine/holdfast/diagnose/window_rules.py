"""Rules for operators with a window: convolution, pooling, padding, resizing, sampling."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from holdfast.diagnose.fields import Axis, Window, covers_all, resized, transposed, windowed
from holdfast.diagnose.places import Flat, Map, Pending, Place, Unknown, Vector
from holdfast.diagnose.walking import Seat, Walk, lost, note, on_vectors
from holdfast.records.causes import PieceKind, StaticCode
from holdfast.runtimes.image_graph import Array, Op

__all__ = ["WINDOW_RULES", "settled"]

_WEIGHTS_AT = {"QLinearConv": 3, "ConvInteger": 1}
_MODES = ("constant", "reflect", "edge", "wrap")
_IMAGE_RANK = 4
_SCALES_AT = 2
_Ends = tuple[int, int]


def settled(place: Map) -> tuple[Map, PieceKind]:
    """A map whose padding nobody consumed: it is larger now, and no longer rolls."""
    pending = place.pending
    if pending is None:
        return place, PieceKind.exact
    role = PieceKind.border if pending.mode == "wrap" else PieceKind.padding
    y, x = (
        _grown(axis, ends, pending.mode)
        for axis, ends in ((place.y, pending.y), (place.x, pending.x))
    )
    return place.axes(y, x), role


def _grown(axis: Axis, ends: _Ends, mode: str) -> Axis:
    leak = 0.0 if mode == "wrap" else max(ends) * axis.jump
    back = ends[0] * axis.jump
    size = axis.size + sum(ends)
    return replace(
        axis, size=size, low=axis.low - back, high=axis.high - back, reach=axis.reach + leak
    )


def _map_of(walk: Walk, op: Op) -> Map | None:
    """The first input, when it is a map whose last two axes are y and x."""
    found = walk.places.get(op.inputs[0])
    if isinstance(found, Map) and found.places == (found.rank - 2, found.rank - 1):
        return found
    return None


def _convolution(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = _map_of(walk, op)
    weights = _weights(walk, op)
    if place is None:
        return on_vectors(op, walk.given(op)) or lost(op)
    kernel = op.ints("kernel_shape") or (weights.shape[2:] if weights is not None else ())
    windows = _windows(op, place, kernel)
    if windows is None:
        return lost(op)
    seat = _seat(op, place, windows)
    if all(covers_all(axis, window) for axis, window in zip(_axes(place), windows, strict=True)):
        head = Flat(place, channels_last=False)
        return replace(
            seat, role=PieceKind.head, kernel=weights, stride=(1, 1), head=head
        ), Vector()
    if op.kind == "FusedConv" and seat.role is PieceKind.exact:
        seat = replace(seat, role=PieceKind.nonlinearity)
    smooth = "blur" if weights is not None and _is_blur(weights, op.number("group", 1)) else "none"
    return _landed(replace(seat, kernel=weights, smoothing=smooth), place, windows)


def _weights(walk: Walk, op: Op) -> Array | None:
    at = _WEIGHTS_AT.get(op.kind, 1)
    found = walk.value(op.inputs[at]) if len(op.inputs) > at else None
    return found if found is not None and found.ndim == _IMAGE_RANK else None


def _is_blur(weights: Array, group: int) -> bool:
    """BlurPool: depthwise, one non-negative kernel that sums to 1 (section 5.1)."""
    if group != len(weights) or weights.shape[1] != 1 or weights.dtype.kind != "f":
        return False
    if weights.shape[2:] == (1, 1) or float(weights.min()) < 0:
        return False
    totals = weights.reshape(len(weights), -1).sum(axis=1)
    return bool(abs(totals - 1).max() < 1e-3 and (weights == weights[:1]).all())  # noqa: PLR2004


def _pooling(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = _map_of(walk, op)
    if place is None:
        return on_vectors(op, walk.given(op)) or lost(op)
    windows = _windows(op, place, op.ints("kernel_shape"))
    if windows is None:
        return lost(op)
    seat = _seat(op, place, windows)
    if all(covers_all(axis, window) for axis, window in zip(_axes(place), windows, strict=True)):
        return Seat(op, PieceKind.exact), Vector()
    largest = "Max" in op.kind or "Lp" in op.kind
    if largest and seat.role is PieceKind.exact:
        seat = replace(seat, role=PieceKind.nonlinearity)
    wide = not largest and any(window.kernel > 1 for window in windows)
    kernel = None if largest else _ones(windows)
    seat = replace(seat, smoothing="average" if wide else "none", kernel=kernel)
    return _landed(seat, place, windows)


def _ones(windows: Sequence[Window]) -> Array:
    return np.ones((1, 1, windows[0].kernel, windows[1].kernel), np.float32)


def _axes(place: Map) -> tuple[Axis, Axis]:
    return place.y, place.x


def _windows(op: Op, place: Map, kernel: Sequence[int]) -> tuple[Window, Window] | None:
    if len(kernel) != 2 or min(kernel) < 1:  # noqa: PLR2004 - y and x
        return None
    strides, dilations = op.ints("strides") or (1, 1), op.ints("dilations") or (1, 1)
    pads = op.ints("pads") or (0, 0, 0, 0)
    if len(strides) != 2 or len(dilations) != 2 or len(pads) != 4:  # noqa: PLR2004 - y and x
        return None
    if min(*strides, *dilations) < 1 or min(pads) < 0:
        return None
    found = []
    for number, axis in enumerate((place.y, place.x)):
        bare = Window(
            kernel[number],
            strides[number],
            dilations[number],
            pads[number],
            pads[number + 2],
            ceil=op.number("ceil_mode", 0) == 1,
        )
        full = _with_padding(bare, axis, str(op.attributes.get("auto_pad", "NOTSET")))
        found.append(_with_pending(full, place.pending, number))
    if any(
        window.out_size(axis.size) < 1 for window, axis in zip(found, _axes(place), strict=True)
    ):
        return None
    return found[0], found[1]


def _with_padding(window: Window, axis: Axis, auto: str) -> Window:
    """`auto_pad` in numbers."""
    if auto == "VALID":
        return replace(window, begin=0, end=0)
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        return window
    steps = -(-axis.size // window.stride)
    total = max(0, (steps - 1) * window.stride + window.span - axis.size)
    small, large = total // 2, total - total // 2
    begin, end = (small, large) if auto == "SAME_UPPER" else (large, small)
    return replace(window, begin=begin, end=end)


def _with_pending(window: Window, pending: Pending | None, number: int) -> Window:
    """Padding of an operator before belongs to the window that it was laid down for."""
    if pending is None:
        return window
    begin, end = (pending.y, pending.x)[number]
    mode = "constant" if window.begin or window.end else pending.mode
    return replace(window, begin=window.begin + begin, end=window.end + end, mode=mode)


def _seat(op: Op, place: Map, windows: tuple[Window, Window]) -> Seat:
    pairs = list(zip(_axes(place), windows, strict=True))
    padded = [window.mode for axis, window in pairs if window.meets_padding(axis.size)]
    exact = all(window.rolls_exactly(axis.size) for axis, window in pairs)
    role = PieceKind.exact if exact else PieceKind.border
    if any(mode != "wrap" for mode in padded):
        role = PieceKind.padding
    uneven = [window.uneven(axis.size) for axis, window in pairs]
    stride = (windows[0].stride, windows[1].stride)
    odd = any(uneven) and role is PieceKind.padding
    detail = f"sampling is not mirror-symmetric: p_b - p_e + u = {uneven[0]}, {uneven[1]} (y, x)"
    return Seat(
        op,
        role,
        stride=stride,
        uneven=odd,
        mode=padded[0] if padded else "",
        notes=note(StaticCode.uneven_padding, detail) if odd else (),
    )


def _landed(seat: Seat, place: Map, windows: tuple[Window, Window]) -> tuple[Seat, Place]:
    y, x = (windowed(axis, window) for axis, window in zip(_axes(place), windows, strict=True))
    return seat, place.axes(y, x)


def _padding(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = walk.places.get(op.inputs[0])
    pads = walk.argument(op, 1, "pads")
    mode = str(op.attributes.get("mode", "constant"))
    axes = walk.argument(op, 3, "axes")
    if not isinstance(place, Map) or not pads or axes is None or mode not in _MODES:
        return on_vectors(op, walk.given(op)) or lost(op)
    order = [axis % place.rank for axis in axes] or list(range(place.rank))
    if len(pads) != 2 * len(order) or min(pads) < 0 or place.pending is not None:
        return lost(op)
    ends = {axis: (pads[at], pads[at + len(order)]) for at, axis in enumerate(order)}
    y, x = (ends.get(axis, (0, 0)) for axis in place.places)
    if not any((*y, *x)):
        return Seat(op, PieceKind.exact), place
    return Seat(op, PieceKind.exact), replace(place, pending=Pending(y, x, mode, op.name))


def _transposed_convolution(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place, weights = _map_of(walk, op), _weights(walk, op)
    if place is None or place.pending or weights is None or "output_shape" in op.attributes:
        return lost(op)
    if str(op.attributes.get("auto_pad", "NOTSET")) != "NOTSET":
        return lost(op)
    extra, axes = op.ints("output_padding") or (0, 0), []
    strides, dilations = op.ints("strides") or (1, 1), op.ints("dilations") or (1, 1)
    pads, kernel = op.ints("pads") or (0, 0, 0, 0), weights.shape[2:]
    for number, axis in enumerate(_axes(place)):
        window = Window(
            kernel[number], strides[number], dilations[number], pads[number], pads[number + 2]
        )
        grown = (axis.size - 1) * window.stride + window.span + extra[number]
        axes.append(transposed(axis, window, grown - window.begin - window.end))
    exact = all(side == step for side, step in zip(kernel, strides, strict=True)) and not any(pads)
    return Seat(op, PieceKind.exact if exact else PieceKind.border), place.axes(*axes)


def _resizing(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = _map_of(walk, op)
    sizes = None if place is None else _new_sizes(walk, op, place)
    if place is None or place.pending or sizes is None or min(sizes) < 1:
        return on_vectors(op, walk.given(op)) or lost(op)
    linear = str(op.attributes.get("mode", "nearest")) != "nearest"
    y, x = (
        resized(axis, size, linear=linear) for axis, size in zip(_axes(place), sizes, strict=True)
    )
    shrink = tuple(
        max(1, round(axis.size / size)) for axis, size in zip(_axes(place), sizes, strict=True)
    )
    whole = all(size % axis.size == 0 for axis, size in zip(_axes(place), sizes, strict=True))
    role = PieceKind.exact if whole and not linear else PieceKind.border
    soft = "average" if op.number("antialias", 0) else "none"
    return Seat(op, role, stride=(shrink[0], shrink[1]), smoothing=soft), place.axes(y, x)


def _new_sizes(walk: Walk, op: Op, place: Map) -> tuple[int, int] | None:
    """Height and width that a Resize (region, scales, sizes) or an Upsample (scales) gives."""
    sizes = _read(walk, op, 3)
    if sizes is not None and sizes.size == place.rank:
        return int(sizes[-2]), int(sizes[-1])
    newer = op.kind == "Resize" and len(op.inputs) > _SCALES_AT
    scales = _read(walk, op, _SCALES_AT if newer else 1)
    if scales is None:
        scales = np.asarray(op.attributes.get("scales", ()))
    if scales.size != place.rank:
        return None
    return int(place.y.size * float(scales[-2])), int(place.x.size * float(scales[-1]))


def _read(walk: Walk, op: Op, position: int) -> Array | None:
    given = op.inputs[position] if len(op.inputs) > position else ""
    return walk.value(given) if given else None


def _global_pool(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place = walk.places.get(op.inputs[0])
    if isinstance(place, Map):
        return Seat(op, settled(place)[1]), Vector()
    return on_vectors(op, walk.given(op)) or lost(op)


def _space_to_depth(walk: Walk, op: Op) -> tuple[Seat, Place]:
    place, block = _map_of(walk, op), op.number("blocksize", 1)
    if place is None or place.pending or block < 1 or any(side % block for side in place.size):
        return lost(op)
    y, x = (windowed(axis, Window(block, block)) for axis in _axes(place))
    return Seat(op, PieceKind.exact, stride=(block, block)), place.axes(y, x)


def _unknown(walk: Walk, op: Op) -> tuple[Seat, Place]:
    return on_vectors(op, walk.given(op)) or (Seat(op, PieceKind.unknown), Unknown())


WINDOW_RULES = {
    **dict.fromkeys(("Conv", "QLinearConv", "ConvInteger", "FusedConv"), _convolution),
    **dict.fromkeys(
        ("MaxPool", "AveragePool", "LpPool", "QLinearAveragePool", "NhwcMaxPool"), _pooling
    ),
    **dict.fromkeys(
        ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "QLinearGlobalAveragePool"),
        _global_pool,
    ),
    **dict.fromkeys(("Resize", "Upsample"), _resizing),
    "ConvTranspose": _transposed_convolution,
    "Pad": _padding,
    "SpaceToDepth": _space_to_depth,
}
