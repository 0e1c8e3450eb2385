"""Read a model's signature: which axis of its input is what, which output holds the scores."""

from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.records.model import AxisSize, Layout, TensorCard

__all__ = ["Axes", "axes_of", "fixed", "image_input", "score_output"]

_IMAGE_RANK = 4
_LIST_RANK = 2
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Axes:
    """The axes of an image batch; a size that is no int is free."""

    layout: Layout
    batch: AxisSize
    channels: int
    height: AxisSize
    width: AxisSize


def image_input(inputs: tuple[TensorCard, ...], dtypes: tuple[str, ...]) -> TensorCard:
    """The only input, when it is a batch of images of one of `dtypes`.

    Raises:
        HoldfastError: `unsupported_input`.
    """
    if len(inputs) != 1:
        raise HoldfastError("unsupported_input", reason=f"it has {len(inputs)} inputs")
    only = inputs[0]
    if only.dtype not in dtypes:
        raise HoldfastError("unsupported_input", reason=f"its input is {only.dtype}")
    if only.shape is None or len(only.shape) != _IMAGE_RANK:
        raise HoldfastError("unsupported_input", reason=f"its input has the shape {only.shape}")
    return only


def axes_of(card: TensorCard) -> Axes:
    """Layout and sizes of an image input: the axis of 1 or 3 channels decides, NCHW first.

    Raises:
        HoldfastError: `unsupported_input` when no axis can be the channels.
    """
    batch, second, third, last = card.shape or (None,) * _IMAGE_RANK
    if isinstance(second, int) and second in _CHANNELS:
        return Axes(Layout.nchw, batch, second, third, last)
    if isinstance(last, int) and last in _CHANNELS:
        return Axes(Layout.nhwc, batch, last, second, third)
    raise HoldfastError("unsupported_input", reason="no axis has 1 or 3 channels")


def fixed(side: AxisSize) -> int | None:
    """A fixed size, or None for a free one."""
    return side if isinstance(side, int) else None


def score_output(outputs: tuple[TensorCard, ...]) -> str:
    """The first output that can hold one floating-point score per class.

    Detectors have lists of scores, too, one per place: then boxes or maps lie beside them.

    Raises:
        HoldfastError: `unsupported_output`.
    """
    if not outputs:
        raise HoldfastError("unsupported_output", reason="it has no output")
    floats = [output for output in outputs if output.dtype.startswith(("float", "bfloat"))]
    if not floats:
        raise HoldfastError("unsupported_output", reason="no output is floating point")
    lists = [output for output in floats if _is_list(output.shape)]
    chosen = (lists or floats)[0]
    per_place = lists and len(chosen.shape or ()) > _LIST_RANK
    if per_place and len(lists) < len(floats):
        raise HoldfastError("unsupported_output", reason="boxes or maps lie beside its scores")
    return chosen.name


def _is_list(shape: tuple[AxisSize, ...] | None) -> bool:
    """One axis besides the batch; unknown shapes get the benefit of the doubt."""
    return shape is None or sum(side != 1 for side in shape[1:]) <= 1
