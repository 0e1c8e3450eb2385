"""What is kept of the views of an image: small arrays from which every metric follows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.records.model import Arithmetic

__all__ = ["Readout", "tie_tolerance"]

_TIE_FLOAT32 = 1e-5
_TIE_COARSE = 5e-3


@dataclass(frozen=True)
class Readout:
    """What is kept of n images in m + 1 views; view 0 is the identity.

    Two views of one image have the same answer exactly when their `predicted` are equal, whatever
    the head. `margin` is such that a change is clear exactly when it is above the tolerance in
    both views. Heads with one class as the answer leave `answers` None.

    Attributes:
        predicted: the answer, (n, m + 1). Class index; equal scores give the lowest one. For
            multi-label heads the number of the first view of the image with the same set of
            labels: 0 means "as at the identity". Such numbers mean nothing across images.
        reference_probability: probability of the class predicted at the identity, (n, m + 1);
            multi-label: of the label that is most probable there. NaN where there are no scores.
        predicted_probability: probability of the predicted class, (n, m + 1); multi-label: of the
            most probable label of the view. NaN where there are no scores.
        margin: distance from another answer, relative, in [0, 2] for logits and in [0, 1] for the
            others, (n, m + 1). See `holdfast.metrics.labels.read_scores`.
        answers: whether each of k labels is in the answer, (n, m + 1, k), for multi-label heads.
    """

    predicted: NDArray[np.int32]
    reference_probability: NDArray[np.float32]
    predicted_probability: NDArray[np.float32]
    margin: NDArray[np.float32]
    answers: NDArray[np.bool_] | None = None


def tie_tolerance(arithmetic: Arithmetic) -> float:
    """Relative margin below which two classes count as equal, by the model's arithmetic."""
    return _TIE_FLOAT32 if arithmetic is Arithmetic.float32 else _TIE_COARSE
