"""The joint spatial search: visit the cells of an image only until its answer changes.

The worst case over a fixed list needs one flip per image. Cells that flipped many images so far
come first, in growing rounds over all images that still hold, so that a model that fails costs a
fraction of the exhaustive grid. The verdict on every image is that of the exhaustive grid: whoever
never flips has been through all of it.

Source of the threat model: Engstrom et al., ICML 2019 (grid of rotations and translations).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.comparing import Compared
from holdfast.audit.per_image import PerImage
from holdfast.families import CellSpec
from holdfast.records.families import Family

__all__ = ["MEMORY", "Ask", "Round", "Searched", "SpatialSearch"]

MEMORY = 64
"""After so many places of the order the search forgets what it has learned."""

_FIRST_ROUND = 4
_GROWTH = 2
_TOGETHER = 16


class Ask(Protocol):
    """Runs some cells on some images of the block and compares them with the identity."""

    def __call__(self, images: NDArray[np.intp], cells: NDArray[np.intp]) -> Compared:
        """Identity first, then the cells: (len(images), 1 + len(cells))."""


@dataclass(frozen=True)
class Round:
    """What one round saw: images of the block, cells, and the comparison (identity first)."""

    images: NDArray[np.intp]
    cells: NDArray[np.intp]
    seen: Compared


@dataclass
class Searched:
    """What a search found on the n images of a block.

    Attributes:
        holds: no cell flips the image.
        right: the image is right unmoved and in every cell that was visited.
        rounds: everything that was looked at.
    """

    holds: NDArray[np.bool_]
    right: NDArray[np.bool_]
    rounds: list[Round] = field(default_factory=list)

    @classmethod
    def of(cls, correct_reference: NDArray[np.bool_]) -> "Searched":
        """Nothing visited yet."""
        return cls(np.ones(len(correct_reference), bool), correct_reference.copy())

    def take(self, seen: Round) -> None:
        """Add a round."""
        self.holds[seen.images] &= ~seen.seen.flip[:, 1:].any(axis=1)
        self.right[seen.images] &= seen.seen.correct[:, 1:].all(axis=1)
        self.rounds.append(seen)

    def per_image(self, labels: NDArray[np.int64]) -> Iterator[tuple[str, PerImage]]:
        """Worst case and robust accuracy of each image.

        An image that flipped from the right answer is wrong in that cell; one that never flipped
        was seen in every cell. So robust accuracy is exact as well.
        """
        everywhere = np.ones(len(labels), bool)
        yield (
            f"{Family.spatial}.worst_case",
            PerImage(np.asarray(~self.holds, np.float64), everywhere, 1.0),
        )
        labelled = labels >= 0
        if labelled.any():
            bad = np.asarray(~(self.right & self.holds)[labelled], np.float64)
            yield f"{Family.spatial}.robust_accuracy", PerImage(bad, labelled, 1.0)


@dataclass
class SpatialSearch:
    """Remembers which cells flip images, so that they come first for the next images.

    It learns every 16 images. An audit begins anew every `MEMORY` places of its order: then a part
    of the audit visits the cells that the whole would visit, without knowing the images before it.
    """

    cells: Sequence[CellSpec]

    def __post_init__(self) -> None:
        """Begin with the far corners of the grid: nothing is known yet."""
        self._flips = np.zeros(len(self.cells), np.int64)
        self._reach = np.array([_reach(cell) for cell in self.cells])

    def search(self, correct_reference: NDArray[np.bool_], ask: Ask) -> Searched:
        """Look for a flip of every image of a block.

        Args:
            correct_reference: which of the n images are right unmoved, (n,).
            ask: runs the model.
        """
        found = Searched.of(correct_reference)
        places = np.arange(len(correct_reference))
        for first in range(0, len(places), _TOGETHER):
            self._look(found, places[first : first + _TOGETHER], ask)
        return found

    def _look(self, found: Searched, images: NDArray[np.intp], ask: Ask) -> None:
        order, start, size = self._order(), 0, _FIRST_ROUND
        while start < len(order) and len(images := images[found.holds[images]]):
            cells = order[start : start + size]
            seen = ask(images, cells)
            self._flips[cells] += seen.flip[:, 1:].sum(axis=0)
            found.take(Round(images, cells, seen))
            start, size = start + size, size * _GROWTH

    def _order(self) -> NDArray[np.intp]:
        places = np.arange(len(self.cells))
        return np.lexsort((places, -self._reach, -self._flips))


def _reach(cell: CellSpec) -> float:
    """How far a cell goes, roughly: 30 degrees, 24 px and a zoom of 1.3 count alike."""
    dx, dy = cell.value("shift_px")
    turn = abs(cell.value("angle_deg")) / 30.0
    zoom = abs(float(np.log(cell.value("zoom")))) / np.log(1.3)
    return float(turn + (abs(dx) + abs(dy)) / 24.0 + zoom)
