"""Recompute a result from its per-sample file: whoever doubts a number can check all of them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from holdfast.audit.comparing import Compared, compare_samples
from holdfast.audit.detailing import curves, groups
from holdfast.audit.estimating import Estimator
from holdfast.audit.measuring import cell_records, measurements
from holdfast.audit.samples import SCHEMA, cell_numbers, search_views
from holdfast.audit.searching import Round, Searched
from holdfast.audit.stopping import Stopping
from holdfast.audit.tally import Tally
from holdfast.errors import HoldfastError
from holdfast.families import Layout, ViewSpec, layout_of
from holdfast.metrics import MULTILABEL, tie_tolerance
from holdfast.records.base import Record
from holdfast.records.job import Difference, Verification
from holdfast.records.result import AuditResult

__all__ = ["verify"]

_BLOCK_BYTES = 1 << 20


def verify(claim: bytes, samples: BinaryIO) -> Verification:
    """Compare every measurement and cell of a result with what the samples give.

    Flips, ties and correctness are decided again from predictions, probabilities and margins; the
    columns `flip` and `tie` are compared, not believed.

    Args:
        claim: the bytes of a result.json.
        samples: the per-sample file.

    Raises:
        HoldfastError: `invalid_result`, or `invalid_samples` for a file of another form.
    """
    try:
        result = AuditResult.model_validate_json(claim)
    except ValidationError:
        raise HoldfastError("invalid_result", path="the file", reason="its form differs") from None
    layout = layout_of(result.plan.families)
    tally, tolerance = Tally(layout), tie_tolerance(result.model.arithmetic)
    estimator = Estimator(result.plan.confidence, anytime=result.sequential is not None)
    multilabel = result.provenance.output_kind in MULTILABEL
    reading = _Reading(layout, tally, tolerance, multilabel, _stopping(result))
    differences = [*_files(result, samples)]
    for block in _blocks(samples):
        differences += reading.take(block)
    reading.end()
    if tally.n_images == 0:
        raise HoldfastError("invalid_samples", reason="it has no rows")
    names = result.probes.class_names
    for kind, reported, recomputed in (
        ("measurement", result.measurements, measurements(tally, estimator)),
        ("cell", result.cells, cell_records(tally, estimator)),
        ("curve", result.curves, curves(tally, estimator)),
        ("group", result.groups, groups(tally, estimator, names)),
        ("evidence", *_evidence(result, reading.stopping)),
    ):
        differences += _compared(kind, reported, recomputed)
    return Verification(
        n_rows=reading.rows,
        n_images=tally.n_images,
        n_measurements=len(result.measurements),
        n_cells=len(result.cells),
        differences=tuple(differences[:100]),
    )


def _stopping(result: AuditResult) -> Stopping | None:
    if result.sequential is None:
        return None
    try:
        return Stopping.again(result.sequential, result.plan.confidence)
    except ValueError:
        reason = "its sequential limits are no policy's"
        raise HoldfastError("invalid_result", path="the file", reason=reason) from None


def _evidence(
    result: AuditResult, stopping: Stopping | None
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """What the verdict of a sequential audit stands on: each test, then the evidence as a whole."""
    if result.sequential is None or stopping is None:
        return (), ()
    again = stopping.evidence(result.probes.n_given)
    return (*result.sequential.tests, result.sequential), (*again.tests, again)


def _files(result: AuditResult, samples: BinaryIO) -> Iterator[Difference]:
    state = hashlib.sha256()
    samples.seek(0)
    while block := samples.read(_BLOCK_BYTES):
        state.update(block)
    if state.hexdigest() != result.samples.sha256:
        yield Difference(
            what="SHA-256 of the per-sample file",
            reported=result.samples.sha256,
            recomputed=state.hexdigest(),
        )


def _blocks(samples: BinaryIO) -> Iterator[dict[str, Any]]:
    """Row groups as numpy columns."""
    samples.seek(0)
    try:
        file = pq.ParquetFile(samples)
        if not file.schema_arrow.equals(SCHEMA):
            raise HoldfastError("invalid_samples", reason="its columns are not those documented")
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            yield {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    except pa.ArrowException:
        raise HoldfastError("invalid_samples", reason="it is no Parquet file") from None


@dataclass
class _Reading:
    """Goes through the row groups: blocks of images, each followed by the rounds of its search."""

    layout: Layout
    tally: Tally
    tolerance: float
    multilabel: bool
    stopping: Stopping | None = None
    rows: int = 0
    _names: list[str] = field(default_factory=list)
    _labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _found: Searched | None = None

    def take(self, block: dict[str, Any]) -> list[Difference]:
        """Add one row group; gives what in it contradicts itself."""
        self.rows += len(block["cell"])
        if self.layout.searched and "search" in block["role"]:
            return self._round(block)
        self.end()
        with_controls = bool(np.isin(block["role"], ("blur", "occlusion")).any())
        views = self.layout.views(controls=with_controls)
        seen = self._seen(block, views)
        self._labels = _labels(block, len(views))
        groups = tuple(str(name or "") for name in block["group"][:: len(views)])
        numbers = self.tally.add(seen, self._labels, groups)
        if self.stopping is not None:
            self.stopping.take(len(self._labels), numbers)
        self._names = [str(name) for name in block["probe"][:: len(views)]]
        self._found = Searched.of(seen.correct[:, 0]) if self.layout.searched else None
        return self._told(block, seen)

    def end(self) -> None:
        """Count what the search found on the last block."""
        if self._found is not None:
            numbers = self.tally.add_search(self._found, self._labels)
            if self.stopping is not None:
                self.stopping.take(0, numbers)
            self._found = None

    def _round(self, block: dict[str, Any]) -> list[Difference]:
        first = block["probe"][0]
        n_views = int((block["probe"] == first).sum())
        cells = np.asarray(block["cell"][1:n_views], np.intp) - len(self.layout.cells)
        if len(cells) == 0 or cells.min() < 0 or cells.max() >= len(self.layout.searched):
            raise HoldfastError("invalid_samples", reason="its cells are not those of the plan")
        views = search_views(self.layout.searched, cells)
        seen = self._seen(block, views)
        names = [str(name) for name in block["probe"][:: len(views)]]
        if self._found is None or not set(names) <= set(self._names):
            raise HoldfastError("invalid_samples", reason="a search lacks its images")
        images = np.array([self._names.index(name) for name in names], np.intp)
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


def _labels(block: dict[str, Any], views: int) -> NDArray[np.int64]:
    given = np.asarray(block["label"], np.float64).reshape(-1, views)[:, 0]  # null becomes NaN
    return np.where(np.isnan(given), -1, given).astype(np.int64)


def _compared(
    kind: str, reported: tuple[Record, ...], recomputed: tuple[Record, ...]
) -> Iterator[Difference]:
    if len(reported) != len(recomputed):
        yield Difference(
            what=f"number of {kind}s", reported=str(len(reported)), recomputed=str(len(recomputed))
        )
    for old, new in zip(reported, recomputed, strict=False):
        if old == new:
            continue
        before, after = old.model_dump(), new.model_dump()
        for name in before:
            if before[name] != after.get(name):
                where = before.get("id") or before.get("family") or before.get("name")
                yield Difference(
                    what=f"{kind} {where} {name}",
                    reported=str(before[name]),
                    recomputed=str(after.get(name)),
                )
