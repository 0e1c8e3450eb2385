"""A model that declares any size and fails on the asked one: find a size that it does take."""

from collections.abc import Iterator

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["USUAL_SIDES_PX", "size_that_works"]

Size = tuple[int, int]
USUAL_SIDES_PX = (224, 32, 28, 64, 96, 128, 160, 192, 240, 256, 288, 299, 320, 384, 448, 512)
"""Sides of square inputs, the usual ones first."""
_STEPS_PX = (8, 16, 32, 64)


def size_that_works(model: ModelUnderTest, batch: int, asked: Size) -> Size | None:
    """A size (height, width) near `asked` on which the model runs, None when none was found.

    Only axes that the card leaves free are changed: to the neighbouring multiples of 8 to 64 px,
    then to the usual squares.

    Args:
        model: takes exactly the batches its card names.
        batch: how many images to give it.
        asked: the size (height, width) on which it failed.

    Raises:
        HoldfastError: `memory_limit`.
    """
    card = model.card
    if card.height_px is not None and card.width_px is not None:
        return None
    for height, width in _candidates(asked):
        size = (card.height_px or height, card.width_px or width)
        if size != asked and _runs(model, (batch, card.channels, *size)):
            return size
    return None


def _candidates(asked: Size) -> Iterator[Size]:
    for step in _STEPS_PX:
        for whole in (_down, _up):
            yield whole(asked[0], step), whole(asked[1], step)
    yield from ((side, side) for side in USUAL_SIDES_PX)


def _down(side: int, step: int) -> int:
    return max(step, side // step * step)


def _up(side: int, step: int) -> int:
    return -(-side // step) * step


def _runs(model: ModelUnderTest, shape: tuple[int, int, int, int]) -> bool:
    try:
        model(np.zeros(shape, np.float32))
    except HoldfastError as error:
        if error.code == "memory_limit":
            raise
        return error.code != "run_failed"
    return True
