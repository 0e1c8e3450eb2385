"""Telescoping attribution: which piece of a graph makes the scores move under a shift.

`F(Tx) - F(x) = sum_i (A_{i-1} - A_i)`, where `A_i` are the scores that follow when the tensor at
cut i is moved by hand as a shift of the input should move it: term i is the effect of piece i's own
error on the scores, exactly (science reference, section 5.2).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnose.cutting import Cut
from holdfast.diagnose.places import Vector, moved
from holdfast.runtimes.image_graph import Array, UntoldError
from holdfast.runtimes.onnx_taps import Head, Taps

__all__ = ["Attribution", "as_scores", "attribute", "rolled"]

Batches = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Attribution:
    """What each piece does under one shift.

    Attributes:
        errors: `||A_{i-1} - A_i|| / ||A_N||` over all images, (pieces,).
        shares: `<A_{i-1} - A_i, A_0 - A_N> / ||A_0 - A_N||^2`, (pieces,); they add to 1. None when
            nothing moved.
        scores: of the unmoved and of the moved images, (n, 2, k).
    """

    errors: NDArray[np.float64]
    shares: NDArray[np.float64] | None
    scores: NDArray[np.float64]


def rolled(batch: NDArray[np.float32], shift_px: tuple[int, int]) -> NDArray[np.float32]:
    """Images (n, c, h, w) whose content is moved by (dy, dx), what leaves comes in again."""
    return np.roll(batch, shift_px, (2, 3))


def as_scores(raw: Array) -> NDArray[np.float64]:
    """Scores (n, k) of whatever shape the tensor before the decision has.

    Raises:
        UntoldError: they are not finite.
    """
    scores = raw.reshape(len(raw), -1).astype(np.float64)
    if not np.isfinite(scores).all():
        raise UntoldError("a part of its graph gives numbers that are not finite")
    return scores


def attribute(
    taps: Taps,
    cuts: Sequence[Cut],
    tensors: Sequence[Sequence[Array]],
    batches: Batches,
    shifts_px: Sequence[tuple[int, int]],
    *,
    whole: Head,
    centred: bool,
    lanes: int = 1,
) -> list[Attribution]:
    """Attribute the change of the scores under every shift to the pieces between the cuts.

    Args:
        taps: the graph.
        cuts: N + 1 of them, the image first and the scores last.
        tensors: per batch, what the cuts hold for the unmoved images, (N,) without the image.
        batches: the unmoved images.
        shifts_px: (dy, dx) each.
        whole: from the image to the scores.
        centred: whether a constant added to all scores of an image means nothing.
        lanes: how many cuts are opened and run at a time.

    Raises:
        UntoldError: a part of the graph does not run on its own.
    """
    still = np.concatenate([as_scores(each[-1]) for each in tensors])

    def after(number: int) -> list[NDArray[np.float64]]:
        """Per shift, the scores when the tensor at a cut is moved."""
        cut = cuts[number]
        if isinstance(cut.place, Vector):
            return [still] * len(shifts_px)
        here = [each[number - 1] for each in tensors]
        tail = taps.tail(cut.tensor, here[0])
        return [
            np.concatenate([as_scores(tail(moved(tensor, cut.place, shift))) for tensor in here])
            for shift in shifts_px
        ]

    def before(shift: tuple[int, int]) -> NDArray[np.float64]:
        return np.concatenate([as_scores(whole(rolled(batch, shift))[0]) for batch in batches])

    with ThreadPoolExecutor(lanes, "cause") as pool:
        first = list(pool.map(before, shifts_px))
        between = list(pool.map(after, range(1, len(cuts) - 1)))
    return [
        _summed([first[at], *(steps[at] for steps in between), still], centred=centred)
        for at in range(len(shifts_px))
    ]


def _summed(steps: Sequence[NDArray[np.float64]], *, centred: bool) -> Attribution:
    wide = np.stack(steps)
    if centred and wide.shape[-1] > 1:
        wide = wide - wide[..., :1]
        wide = wide - wide.mean(axis=-1, keepdims=True)
    terms, total = wide[:-1] - wide[1:], wide[0] - wide[-1]
    size, squared = float(np.linalg.norm(wide[-1])), float((total**2).sum())
    errors = np.array([float(np.linalg.norm(term)) / (size or 1.0) for term in terms])
    shares = np.array([float((term * total).sum()) for term in terms]) / (squared or 1.0)
    both = np.stack([steps[-1], steps[0]], axis=1)
    return Attribution(errors, shares if squared else None, both)
