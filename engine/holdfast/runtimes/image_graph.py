"""A graph as plain data: what happens to the image on its way to the scores.

Names and numbers only, so that rules on it need no model format.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "ImageGraph", "Op", "UntoldError", "folded"]

Array = NDArray[Any]


class UntoldError(Exception):
    """Why a graph cannot be analysed, as a sentence for people."""


@dataclass(frozen=True)
class Op:
    """One operator; `attributes` holds numbers, texts and lists of them."""

    place: int
    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def ints(self, name: str) -> tuple[int, ...]:
        """A list attribute, empty where it is missing."""
        return tuple(int(value) for value in self.attributes.get(name, ()))

    def number(self, name: str, default: int) -> int:
        """An attribute that is one whole number."""
        return int(self.attributes.get(name, default))


@dataclass(frozen=True)
class ImageGraph:
    """The operators between the image and the scores, in order.

    Attributes:
        image: the tensor that holds the image.
        scores: the tensor of the scores, before a last softmax, sigmoid or argmax.
        ops: those that depend on the pixels and that the scores depend on.
        steady: tensors that these operators read and that depend on sizes only, or on nothing.
        stored: the value of a stored or folded tensor, None for every other name.
    """

    image: str
    scores: str
    ops: tuple[Op, ...]
    steady: tuple[str, ...]
    stored: Callable[[str], Array | None]

    def readers(self) -> dict[str, list[Op]]:
        """Which operators read each tensor."""
        found: dict[str, list[Op]] = {}
        for op in self.ops:
            for name in op.inputs:
                found.setdefault(name, []).append(op)
        return found


def folded(kind: str, attributes: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    """The value of a simple operator on stored tensors; None for all others."""
    rule = _FOLDS.get(kind)
    try:
        return None if rule is None else rule(attributes, inputs)
    except (ValueError, IndexError, TypeError):
        return None  # a malformed constant is the runtime's business


def _unsqueezed(attributes: Mapping[str, Any], inputs: Sequence[Array]) -> Array:
    axes = attributes.get("axes") if len(inputs) == 1 else inputs[1].tolist()
    return np.expand_dims(inputs[0], tuple(int(axis) for axis in axes or ()))


def _dequantised(attributes: Mapping[str, Any], inputs: Sequence[Array]) -> Array:
    values, scale = inputs[0].astype(np.float32), inputs[1].astype(np.float32)
    zero = inputs[2].astype(np.float32) if len(inputs) > 2 else np.zeros_like(scale)  # noqa: PLR2004
    if scale.ndim == 1 and scale.size > 1:
        shape = [1] * values.ndim
        shape[int(attributes.get("axis", 1))] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((values - zero) * scale)


_FOLDS: dict[str, Callable[[Mapping[str, Any], Sequence[Array]], Array]] = {
    "Identity": lambda _, inputs: inputs[0],
    "Cast": lambda _, inputs: inputs[0],
    "Unsqueeze": _unsqueezed,
    "Transpose": lambda attributes, inputs: inputs[0].transpose(attributes.get("perm")),
    "Reshape": lambda _, inputs: inputs[0].reshape([int(side) for side in inputs[1]]),
    "DequantizeLinear": _dequantised,
}
