"""Flips, ties, drift and correctness of every view against its image's reference view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.metrics.labels import Readout

__all__ = ["OrbitScores", "orbit_scores"]


@dataclass(frozen=True)
class OrbitScores:
    """Per image and cell, (n, m) each; `correct_reference` is (n,).

    Attributes:
        flip: the prediction changed and both margins are clear.
        tie: the prediction changed but a margin is too small to count.
        drift: |probability of the reference class, moved - unmoved|.
        correct: the prediction is the label; False where there is no label.
        correct_reference: the same for the unmoved view.
    """

    flip: NDArray[np.bool_]
    tie: NDArray[np.bool_]
    drift: NDArray[np.float32]
    correct: NDArray[np.bool_]
    correct_reference: NDArray[np.bool_]


def orbit_scores(seen: Readout, labels: NDArray[np.int64], tolerance: float) -> OrbitScores:
    """Compare the moved views with the identity.

    Args:
        seen: views of n images, identity first.
        labels: (n,), -1 where there is none.
        tolerance: relative margin up to which a change counts as a tie, not as a flip.
    """
    changed = seen.predicted[:, 1:] != seen.predicted[:, :1]
    clear = (seen.margin[:, 1:] > tolerance) & (seen.margin[:, :1] > tolerance)
    right = seen.predicted == labels[:, None]
    return OrbitScores(
        flip=changed & clear,
        tie=changed & ~clear,
        drift=np.abs(seen.reference_probability[:, 1:] - seen.reference_probability[:, :1]),
        correct=right[:, 1:],
        correct_reference=right[:, 0],
    )
