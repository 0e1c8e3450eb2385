"""Fill a tally from the per-sample file, as the audit filled it from scores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.audit.comparing import Compared, compare_samples
from holdfast.audit.per_image import PerImage
from holdfast.audit.samples import cell_numbers, search_views
from holdfast.audit.searching import Round, Searched
from holdfast.audit.tally import Tally
from holdfast.errors import HoldfastError
from holdfast.families import Layout, ViewSpec, layout_of
from holdfast.metrics import MULTILABEL, tie_tolerance
from holdfast.records.families import Family
from holdfast.records.job import Difference
from holdfast.records.result import AuditResult
from holdfast.samples import NO_PARQUET, open_samples

__all__ = ["Replay", "SamplesRead", "columns_of", "read_samples"]


@dataclass(frozen=True)
class SamplesRead:
    """What a per-sample file holds.

    Attributes:
        tally: all images, as the audit counted them.
        names: of the images, in the tally's order.
        n_rows: rows of the file.
        differences: columns that contradict what they follow from.
    """

    tally: Tally
    names: tuple[str, ...]
    n_rows: int
    differences: tuple[Difference, ...]


def read_samples(result: AuditResult, samples: BinaryIO) -> SamplesRead:
    """Read the file that belongs to a result.

    Flips, ties and correctness are decided again from predictions, probabilities and margins; the
    columns `flip`, `tie` and `correct` are compared, not believed.

    Raises:
        HoldfastError: `invalid_samples` for a file of another form.
    """
    layout = layout_of(result.plan.families)
    tolerance = tie_tolerance(result.model.arithmetic)
    multilabel = result.provenance.output_kind in MULTILABEL
    reading = Replay(layout, Tally(layout), tolerance, multilabel)
    differences: list[Difference] = []
    for block in _blocks(samples):
        differences += reading.take(block)
    reading.end()
    if reading.tally.n_images == 0:
        raise HoldfastError("invalid_samples", reason="it has no rows")
    names = tuple(reading.all_names)
    return SamplesRead(reading.tally, names, reading.rows, tuple(differences))


def columns_of(table: pa.Table) -> dict[str, Any]:
    """The columns of some rows, by name."""
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def _blocks(samples: BinaryIO) -> Iterator[dict[str, Any]]:
    """Runs of images with the same views, in order.

    How the file is cut into row groups is no matter: a copy by another program reads the same.
    """
    try:
        table = open_samples(samples).read()
    except pa.ArrowException:
        raise HoldfastError("invalid_samples", reason=NO_PARQUET) from None
    columns = columns_of(table)
    for rows in _runs(columns):
        yield {name: values[rows] for name, values in columns.items()}


def _runs(columns: dict[str, Any]) -> Iterator[slice]:
    """An image's rows begin with its unmoved view; neighbours with the same views are one run."""
    starts = np.flatnonzero(columns["family"] == "identity")
    if len(starts) == 0 or starts[0] != 0:
        raise HoldfastError("invalid_samples", reason="it does not begin with an unmoved view")
    ends = [*starts[1:].tolist(), len(columns["family"])]
    kinds = [
        (tuple(columns["role"][start:end]), tuple(columns["cell"][start:end]))
        for start, end in zip(starts, ends, strict=True)
    ]
    begin = 0
    for place in range(1, len(kinds) + 1):
        if place == len(kinds) or kinds[place] != kinds[begin]:
            yield slice(int(starts[begin]), ends[place - 1])
            begin = place


@dataclass
class Replay:
    """Goes through the row groups: blocks of images, each followed by the rounds of its search.

    Controls that were measured late stand behind all blocks.
    """

    layout: Layout
    tally: Tally
    tolerance: float
    multilabel: bool
    rows: int = 0
    all_names: list[str] = field(default_factory=list)
    _numbers: list[tuple[int, dict[str, PerImage]]] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _taken: frozenset[Family] | None = None
    _right: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    _found: Searched | None = None

    def take(self, block: dict[str, Any]) -> list[Difference]:
        """Add one row group; gives what in it contradicts itself."""
        self.rows += len(block["cell"])
        if self.layout.searched and "search" in block["role"]:
            return self._round(block)
        self.end()
        with_controls = bool(np.isin(block["role"], ("blur", "occlusion")).any())
        if with_controls and "cell" not in block["role"]:
            return self._late_controls(block)
        families = _families(block, "cell")
        if self._taken is not None and not families <= self._taken:
            raise HoldfastError("invalid_samples", reason="a family that was left comes back")
        self._taken = families
        views = self.layout.views(controls=with_controls, families=families)
        seen = self._seen(block, views)
        self._labels = _labels(block, len(views))
        groups = tuple(str(name or "") for name in block["group"][:: len(views)])
        everything = self.layout.views(controls=with_controls)
        numbers = self.tally.add(seen.among(everything), self._labels, groups, families)
        self._numbers.append((len(self._labels), numbers))
        self._names = [str(name) for name in block["probe"][:: len(views)]]
        self.all_names += self._names
        self._right = seen.correct[:, 0]
        return self._told(block, seen)

    def end(self) -> None:
        """Count what the search found on the last block, if there was one."""
        if self._found is not None:
            self._numbers[-1][1].update(self.tally.add_search(self._found, self._labels))
            self._found = None

    def turn(self) -> list[tuple[int, dict[str, PerImage]]]:
        """End the block; how many images came since the last turn, with their numbers."""
        self.end()
        numbers, self._numbers = self._numbers, []
        return numbers

    def _late_controls(self, block: dict[str, Any]) -> list[Difference]:
        families, first = _families(block, "blur", "occlusion"), self.tally.controls.n_images
        views = self.layout.late(families)
        seen = self._seen(block, views)
        names = [str(name) for name in block["probe"][:: len(views)]]
        if names != self.all_names[first : first + len(names)]:
            raise HoldfastError("invalid_samples", reason="controls lack their images")
        everything = seen.among(self.layout.late(self.layout.families))
        self.tally.add_controls(everything.flip[:, len(self.layout.references) :], families)
        return self._told(block, seen)

    def _round(self, block: dict[str, Any]) -> list[Difference]:
        first = block["probe"][0]
        n_views = int((block["probe"] == first).sum())
        cells = np.asarray(block["cell"][1:n_views], np.intp) - len(self.layout.cells)
        if len(cells) == 0 or cells.min() < 0 or cells.max() >= len(self.layout.searched):
            raise HoldfastError("invalid_samples", reason="its cells are not those of the plan")
        views = search_views(self.layout.searched, cells)
        seen = self._seen(block, views)
        names = [str(name) for name in block["probe"][:: len(views)]]
        if not set(names) <= set(self._names):
            raise HoldfastError("invalid_samples", reason="a search lacks its images")
        images = np.array([self._names.index(name) for name in names], np.intp)
        self._found = self._found or Searched.of(self._right)
        self._found.take(Round(images, cells, seen))
        return self._told(block, seen)

    def _seen(self, block: dict[str, Any], views: Sequence[ViewSpec]) -> Compared:
        if len(block["cell"]) % len(views):
            raise HoldfastError("invalid_samples", reason="an image lacks some of its views")
        numbers = cell_numbers(views, self.layout)
        expected = np.tile(numbers, len(block["cell"]) // len(views))
        if not np.array_equal(block["cell"], expected):
            raise HoldfastError("invalid_samples", reason="its cells are not those of the plan")
        return compare_samples(block, views, self.tolerance)

    def _told(self, block: dict[str, Any], seen: Compared) -> list[Difference]:
        """The columns that follow from others are compared, not believed."""
        right = np.asarray(block["predicted"] == block["label"])
        pairs = [("flip", seen.flip.ravel()), ("tie", seen.tie.ravel())]
        if not self.multilabel:
            pairs.append(("correct", right))
        return [
            Difference(what=f"column {name}", reported=str(int(told)), recomputed=str(int(found)))
            for name, values in pairs
            if (told := np.asarray(block[name], bool).sum()) != (found := values.sum())
        ]


def _families(block: dict[str, Any], *roles: str) -> frozenset[Family]:
    """Whose views these are, of the first image; an unknown name fits no view of the layout."""
    known = {str(family) for family in Family}
    named = set(block["family"][np.isin(block["role"], roles)].tolist())
    return frozenset(Family(name) for name in named & known)


def _labels(block: dict[str, Any], views: int) -> NDArray[np.int64]:
    given = np.asarray(block["label"], np.float64).reshape(-1, views)[:, 0]  # null becomes NaN
    return np.where(np.isnan(given), -1, given).astype(np.int64)
