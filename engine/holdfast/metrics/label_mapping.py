"""Do the labels follow another order than the model's outputs? Found by matching the two."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["LabelMapping", "label_mapping"]

_MIN_IMAGES = 8
_OFFSETS = (-1, 1)
_SHOWN = 4
_LEAST_MAPPED, _LEAST_GAIN = 0.5, 0.25


@dataclass(frozen=True)
class LabelMapping:
    """How right the answers are with the labels as they are, and with the best other order.

    Attributes:
        n_images: labelled images that were looked at.
        accuracy: share of answers that are the label.
        mapped: share that is the label's partner, partners being found on other images.
        pairs: up to four labels with their partners, those with the most images first.
    """

    n_images: int
    accuracy: float
    mapped: float
    pairs: tuple[tuple[int, int], ...]

    @property
    def is_telling(self) -> bool:
        """Most images agree in the other order, and the gain is four standard errors or more.

        An image adds 1, 0 or -1 to the gain, so its variance is the share of images that change
        minus the squared gain.
        """
        gain = self.mapped - self.accuracy
        error = math.sqrt(max(0.0, self.mapped + self.accuracy - gain**2) / self.n_images)
        return self.mapped >= _LEAST_MAPPED and gain >= max(_LEAST_GAIN, 4 * error)


def label_mapping(
    predicted: NDArray[np.integer], labels: NDArray[np.integer]
) -> LabelMapping | None:
    """Match labels and answers one to one so that as many images as possible agree.

    The matching is the linear assignment on the confusion table (Kuhn 1955, as scipy solves it). So
    that many classes and few images do not look like an order by chance, it is found on every
    second image and judged on the others, then the other way round. All labels being off by one is
    tried besides, which needs no matching and is seen with any number of classes.

    Args:
        predicted: answers (n,), class indices.
        labels: labels (n,), class indices; what is negative has none and is left out.

    Returns:
        the better of the two, or None with fewer than eight labelled images.
    """
    known = labels >= 0
    answers, truth = predicted[known].astype(np.int64), labels[known].astype(np.int64)
    n = len(truth)
    if n < _MIN_IMAGES:
        return None
    accuracy = float((answers == truth).mean())
    by_offset = max(_OFFSETS, key=lambda offset: float((answers == truth + offset).mean()))
    shifted = float((answers == truth + by_offset).mean())
    matched = (_judged(answers, truth, 0) + _judged(answers, truth, 1)) / n
    if shifted >= matched:
        partners = {int(label): int(label) + by_offset for label in np.unique(truth)}
    else:
        partners = _partners(answers, truth)
    return LabelMapping(n, accuracy, max(shifted, matched), _most_frequent(partners, truth))


def _judged(answers: NDArray[np.int64], truth: NDArray[np.int64], half: int) -> int:
    """Agreeing images of one half under the partners that the other half tells."""
    partners = _partners(answers[1 - half :: 2], truth[1 - half :: 2])
    pairs = zip(answers[half::2].tolist(), truth[half::2].tolist(), strict=True)
    return sum(partners.get(label) == answer for answer, label in pairs)


def _partners(answers: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[int, int]:
    """The answer that belongs to each label; a label that no answer is left for has none."""
    rows, row = np.unique(truth, return_inverse=True)
    columns, column = np.unique(answers, return_inverse=True)
    table = np.zeros((len(rows), len(columns)), np.int64)
    np.add.at(table, (row, column), 1)
    chosen = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    return {int(rows[r]): int(columns[c]) for r, c in chosen if table[r, c] > 0}


def _most_frequent(
    partners: dict[int, int], truth: NDArray[np.int64]
) -> tuple[tuple[int, int], ...]:
    moved = [(label, partner) for label, partner in partners.items() if label != partner]
    moved.sort(key=lambda pair: (-int((truth == pair[0]).sum()), pair[0]))
    return tuple(moved[:_SHOWN])
