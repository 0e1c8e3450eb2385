"""Read a model's signature: which axis of its input is what, which output holds the scores."""

import math
from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.records.model import AxisSize, Layout, ModelCard, TaskGuess, TensorCard

__all__ = [
    "Axes",
    "Chosen",
    "axes_of",
    "check_scores_per_image",
    "fixed",
    "image_input",
    "score_output",
]

_IMAGE_RANK = 4
_FLAT_RANK = 2
_LIST_RANK = 2
_CHANNELS = (1, 3, 4)
_SMALLEST_FLAT_PX = 8
_FLOATS = ("float", "bfloat")
_WHOLE = ("int64", "int32", "int16", "int8", "uint8")


@dataclass(frozen=True)
class Axes:
    """The axes of an image batch; a size that is no int is free."""

    layout: Layout
    batch: AxisSize
    channels: int
    height: AxisSize
    width: AxisSize


@dataclass(frozen=True)
class Chosen:
    """The output that is read.

    Attributes:
        name: its name in the file.
        why: by which rule.
        is_labels: it holds class indices, no scores.
        task: what the outputs look like.
    """

    name: str
    why: str
    is_labels: bool = False
    task: TaskGuess = TaskGuess.unknown


def image_input(inputs: tuple[TensorCard, ...], dtypes: tuple[str, ...]) -> TensorCard:
    """The only input, when it is a batch of images, or of flattened ones, of one of `dtypes`.

    Raises:
        HoldfastError: `unsupported_input`.
    """
    if len(inputs) != 1:
        raise HoldfastError("unsupported_input", reason=f"it has {len(inputs)} inputs")
    only = inputs[0]
    if only.dtype not in dtypes:
        raise HoldfastError("unsupported_input", reason=f"its input is {only.dtype}")
    if only.shape is None or len(only.shape) not in (_IMAGE_RANK, _FLAT_RANK):
        raise HoldfastError("unsupported_input", reason=f"its input has the shape {_said(only)}")
    return only


def axes_of(card: TensorCard, size_px: tuple[int, int] | None = None) -> Axes:
    """Layout and sizes of an image input: the axis of 1, 3 or 4 channels decides, NCHW first.

    A flat input is an image of `size_px` (height, width) when that is declared, else a square of 8
    px or more: grey when its length is a square number, colour when a third or a quarter of it is.

    Raises:
        HoldfastError: `unsupported_input` when no axis can be the channels.
    """
    if card.shape is not None and len(card.shape) == _FLAT_RANK:
        return _flat_axes(card.shape, size_px)
    batch, second, third, last = card.shape or (None,) * _IMAGE_RANK
    if isinstance(second, int) and second in _CHANNELS:
        return Axes(Layout.nchw, batch, second, third, last)
    if isinstance(last, int) and last in _CHANNELS:
        return Axes(Layout.nhwc, batch, last, second, third)
    raise HoldfastError("unsupported_input", reason="no axis has 1, 3 or 4 channels")


def _flat_axes(shape: tuple[AxisSize, ...], size_px: tuple[int, int] | None) -> Axes:
    batch, length = shape
    if not isinstance(length, int):
        raise HoldfastError("unsupported_input", reason="its input is a row of free length")
    for channels in _CHANNELS:
        side = math.isqrt(length // channels)
        height, width = size_px or (side, side)
        if channels * height * width == length and min(height, width) >= _SMALLEST_FLAT_PX:
            return Axes(Layout.flat, batch, channels, height, width)
    wanted = "a square image" if size_px is None else f"an image of {size_px[0]} x {size_px[1]} px"
    raise HoldfastError(
        "unsupported_input", reason=f"its input is a row of {length} numbers, which is not {wanted}"
    )


def fixed(side: AxisSize) -> int | None:
    """A fixed size, or None for a free one."""
    return side if isinstance(side, int) else None


def score_output(outputs: tuple[TensorCard, ...], wanted: str | None = None) -> Chosen:
    """The output to read: the one that is asked for, else the first with a score per class.

    Without any floating-point output, the first that holds one whole number per image is taken for
    class indices. Detectors have lists of scores, too, one per place: then boxes or maps lie
    beside them, which the task says; see `check_scores_per_image`.

    Args:
        outputs: all of them, in the order of the file.
        wanted: the name of the one to read.

    Raises:
        HoldfastError: `unsupported_output`, or `unknown_output` for a name that it does not have.
    """
    if not outputs:
        raise HoldfastError("unsupported_output", reason="it has no output")
    if wanted is not None:
        return _asked_for(outputs, wanted)
    floats = [output for output in outputs if output.dtype.startswith(_FLOATS)]
    if not floats:
        return _labels(outputs)
    lists = [output for output in floats if _is_list(output.shape)]
    several = [output for output in lists if not _is_single(output.shape)]
    chosen = (several or lists or floats)[0]
    per_place = lists and len(chosen.shape or ()) > _LIST_RANK
    beside = per_place and len(lists) < len(floats)
    task = _task_of_maps(outputs) if beside else _task(outputs, chosen)
    return Chosen(chosen.name, _why(outputs, several), task=task)


def check_scores_per_image(card: ModelCard, wanted: str | None) -> None:
    """Refuse to audit a list of scores per place, unless that output was asked for by name.

    Raises:
        HoldfastError: `unsupported_output`.
    """
    is_list = any(_is_list(output.shape) for output in card.outputs if output.name == card.output)
    if wanted is None and is_list and card.task in (TaskGuess.detection, TaskGuess.dense):
        raise HoldfastError("unsupported_output", reason="boxes or maps lie beside its scores")


def _why(outputs: tuple[TensorCard, ...], several: list[TensorCard]) -> str:
    if len(outputs) == 1:
        return "the only output"
    kind = "with one score per class" if several else "of floating-point numbers"
    return f"the first of {len(outputs)} outputs {kind}; name another with model.output"


def _asked_for(outputs: tuple[TensorCard, ...], wanted: str) -> Chosen:
    for output in outputs:
        if output.name == wanted:
            is_labels = output.dtype in _WHOLE and _is_single(output.shape)
            return Chosen(
                wanted, f"asked for, of {len(outputs)} outputs", is_labels, _task(outputs, output)
            )
    names = ", ".join(output.name for output in outputs[:8])
    raise HoldfastError("unknown_output", name=wanted[:80], names=names)


def _labels(outputs: tuple[TensorCard, ...]) -> Chosen:
    for output in outputs:
        if output.dtype in _WHOLE and _is_single(output.shape):
            why = "no output holds scores; this one tells the class"
            return Chosen(output.name, why, is_labels=True, task=TaskGuess.classification)
    raise HoldfastError("unsupported_output", reason="no output is floating point")


def _task(outputs: tuple[TensorCard, ...], chosen: TensorCard) -> TaskGuess:
    if chosen.shape is None:
        return TaskGuess.unknown
    if _is_list(chosen.shape):
        return TaskGuess.classification
    return _task_of_maps(outputs)


def _task_of_maps(outputs: tuple[TensorCard, ...]) -> TaskGuess:
    ranks = [len(output.shape or ()) for output in outputs]
    return TaskGuess.dense if max(ranks) >= _IMAGE_RANK else TaskGuess.detection


def _is_list(shape: tuple[AxisSize, ...] | None) -> bool:
    """One axis besides the batch; unknown shapes get the benefit of the doubt."""
    return shape is None or sum(side != 1 for side in shape[1:]) <= 1


def _is_single(shape: tuple[AxisSize, ...] | None) -> bool:
    """One number per image, as far as the shape tells; [1, n] is what a batch of n may give."""
    return shape is not None and all(side == 1 for side in shape[1:])


def _said(card: TensorCard) -> str:
    return "that nobody declared" if card.shape is None else str(list(card.shape))
