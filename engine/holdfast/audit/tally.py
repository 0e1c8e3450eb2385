"""What is kept of all images so far: per image a few numbers, per cell a few counts."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.comparing import Compared
from holdfast.audit.per_image import PerImage, excess_per_image, per_image
from holdfast.audit.searching import Searched
from holdfast.audit.sweeps import sweeps_of
from holdfast.families import Layout
from holdfast.records.families import Family

__all__ = ["CellCounts", "ControlCounts", "Numbers", "Tally"]


@dataclass(frozen=True)
class Numbers:
    """All images' numbers of one measurement, with their place among all images."""

    values: NDArray[np.float64]
    images: NDArray[np.intp]
    step: float | None


@dataclass
class CellCounts:
    """Sums over the images of its family, one entry per cell, (m,); `correct` over the labelled."""

    flips: NDArray[np.int64]
    ties: NDArray[np.int64]
    correct: NDArray[np.int64]
    drift: NDArray[np.float64]
    logit_drift: NDArray[np.float64]
    fill: NDArray[np.float64]


@dataclass
class ControlCounts:
    """Sums over the images with controls, one entry per control.

    Attributes:
        flips: images whose control flips.
        only_cell: its cell flips and the control does not.
        only_control: the control flips and its cell does not.
        families: whose controls were measured.
    """

    flips: NDArray[np.int64]
    only_cell: NDArray[np.int64]
    only_control: NDArray[np.int64]
    n_images: int = 0
    families: frozenset[Family] = frozenset()


@dataclass
class Tally:
    """Collects blocks; a few dozen bytes per image and one per family and image more.

    A family may be left before the last image, and is not taken up again.
    """

    layout: Layout
    n_images: int = 0
    searched_views: int = 0
    searched_ties: int = 0
    _labels: list[NDArray[np.int64]] = field(default_factory=list)
    _groups: list[str] = field(default_factory=list)
    _numbers: dict[str, list[PerImage]] = field(default_factory=lambda: defaultdict(list))
    _starts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _failures: dict[Family, list[NDArray[np.bool_]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        """Start all sums at zero."""
        m, k = len(self.layout.cells), len(self.layout.controls)
        self.sweeps = sweeps_of(self.layout)
        self.cells = CellCounts(_zero(m), _zero(m), _zero(m), _real(m), _real(m), _real(m))
        self.controls = ControlCounts(_zero(k), _zero(k), _zero(k))
        self._control_cells = np.array([view.cell for view in self.layout.controls], np.intp)

    def add(
        self,
        seen: Compared,
        labels: NDArray[np.int64],
        groups: tuple[str, ...] = (),
        families: Collection[Family] = tuple(Family),
    ) -> dict[str, PerImage]:
        """Add n images; returns their numbers, which a sequential test goes on with.

        Args:
            seen: all views of the layout, though only those of `families` were taken.
            labels: (n,), -1 for none.
            groups: one for each image, or none at all.
            families: those that are not left yet.
        """
        numbers = dict(per_image(seen, labels, self.layout, self.sweeps, families))
        self._keep(numbers)
        self._count(seen)
        first = len(self.layout.references)
        for family in Family:
            columns = [place + first for place in self.layout.places(family)]
            if columns and family in families:
                self._failures[family].append(seen.flip[:, columns])
        self._labels.append(labels)
        self._groups += groups or ("",) * len(labels)
        self.n_images += len(labels)
        return numbers

    def add_search(self, found: Searched, labels: NDArray[np.int64]) -> dict[str, PerImage]:
        """Add what the search found for the images that `add` took last."""
        ties = [each.seen.tie[:, 1:] for each in found.rounds]
        self.searched_ties += sum(int(tie.sum()) for tie in ties)
        self.searched_views += sum(tie.size for tie in ties)
        start = self.n_images
        self.n_images -= len(labels)
        numbers = dict(found.per_image(labels))
        self._keep(numbers)
        self.n_images = start
        return numbers

    def add_controls(self, still: NDArray[np.bool_], families: Collection[Family]) -> None:
        """Add the controls of the next n images that have none yet, from their flips (n, k).

        A sequential audit measures them after its cells, which are known by now, and only those of
        some families.
        """
        first = self.controls.n_images
        moved = np.zeros((len(still), len(self.layout.cells)), bool)
        for family in families:
            if places := self.layout.places(family):
                moved[:, places] = self._flips_between(family, first, first + len(still))
        for name, numbers in excess_per_image(moved, still, self.layout, families):
            self._numbers[name].append(numbers)
            self._starts[name].append(first)
        self._count_controls(still, moved[:, self._control_cells], families)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of all images, -1 for none."""
        return np.concatenate(self._labels)

    @property
    def groups(self) -> NDArray[np.str_]:
        """Groups of all images, empty for none."""
        return np.array(self._groups, np.str_)

    def images_of(self, family: Family) -> int:
        """How many images were seen in the cells of a family: the first so many of all."""
        return sum(len(block) for block in self._failures[family])

    def numbers(self, measurement: str) -> Numbers | None:
        """All images' numbers of a measurement, None where it applies to no image."""
        blocks = self._numbers.get(measurement)
        if not blocks:
            return None
        starts = self._starts[measurement]
        places = [
            start + np.flatnonzero(block.applies)
            for start, block in zip(starts, blocks, strict=True)
        ]
        return Numbers(
            np.concatenate([block.values for block in blocks]),
            np.concatenate(places),
            blocks[0].step,
        )

    def flips(self, family: Family) -> NDArray[np.bool_]:
        """All images' flips in the cells of a family, (n, m)."""
        return np.concatenate(self._failures[family])

    def _flips_between(self, family: Family, start: int, stop: int) -> NDArray[np.bool_]:
        kept, place = [], 0
        for block in self._failures[family]:
            if place < stop and place + len(block) > start:
                kept.append(block[max(0, start - place) : stop - place])
            place += len(block)
        return np.concatenate(kept)

    def _keep(self, numbers: dict[str, PerImage]) -> None:
        for name, block in numbers.items():
            self._numbers[name].append(block)
            self._starts[name].append(self.n_images)

    def _count(self, seen: Compared) -> None:
        first = len(self.layout.references)
        cells = slice(first, len(self.layout.plain))
        self.cells.flips += seen.flip[:, cells].sum(axis=0)
        self.cells.ties += seen.tie[:, cells].sum(axis=0)
        self.cells.correct += seen.correct[:, cells].sum(axis=0)
        self.cells.drift = _added(self.cells.drift, seen.drift[:, cells])
        moved = np.nan_to_num(seen.logit_drift[:, cells])
        self.cells.logit_drift = _added(self.cells.logit_drift, moved)
        self.cells.fill = _added(self.cells.fill, seen.fill[:, cells])
        if len(seen.views) > len(self.layout.plain):
            still = seen.flip[:, len(self.layout.plain) :]
            cell = seen.flip[:, self._control_cells + first]
            self._count_controls(still, cell, self.layout.families)

    def _count_controls(
        self, still: NDArray[np.bool_], moved: NDArray[np.bool_], families: Collection[Family]
    ) -> None:
        self.controls.flips += still.sum(axis=0)
        self.controls.only_cell += (moved & ~still).sum(axis=0)
        self.controls.only_control += (still & ~moved).sum(axis=0)
        self.controls.n_images += len(still)
        self.controls.families |= frozenset(families)


def _added(total: NDArray[np.float64], block: NDArray[np.float32]) -> NDArray[np.float64]:
    """Add image by image: the sum does not depend on how images come in blocks, to the last bit."""
    return np.asarray(np.cumsum(np.vstack([total, block]), axis=0, dtype=np.float64)[-1])


def _zero(n: int) -> NDArray[np.int64]:
    return np.zeros(n, np.int64)


def _real(n: int) -> NDArray[np.float64]:
    return np.zeros(n, np.float64)
