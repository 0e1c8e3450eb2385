"""Recompute a result from its per-sample file: whoever doubts a number can check all of them."""

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from holdfast.audit.samples import SCHEMA
from holdfast.audit.tally import Tally
from holdfast.errors import HoldfastError
from holdfast.families import CellSpec, cells_of
from holdfast.metrics import Readout, orbit_scores
from holdfast.metrics.labels import tie_tolerance
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
    cells = cells_of(result.plan.families)
    tally = Tally(cells, result.plan.confidence)
    differences = [*_files(result, samples)]
    rows = 0
    for block in _blocks(samples, len(cells) + 1):
        differences += _add(block, tally, tie_tolerance(result.model.arithmetic), cells)
        rows += len(block["cell"])
    if rows == 0:
        raise HoldfastError("invalid_samples", reason="it has no rows")
    differences += _compared("measurement", result.measurements, tally.measurements())
    differences += _compared("cell", result.cells, tally.cell_records())
    return Verification(
        n_rows=rows,
        n_images=tally.n_images,
        n_measurements=len(result.measurements),
        n_cells=len(result.cells),
        differences=tuple(differences[:100]),
    )


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


def _blocks(samples: BinaryIO, views: int) -> Iterator[dict[str, Any]]:
    """Row groups as numpy columns; each holds whole images."""
    samples.seek(0)
    try:
        file = pq.ParquetFile(samples)
        if not file.schema_arrow.equals(SCHEMA):
            raise HoldfastError("invalid_samples", reason="its columns are not those documented")
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            if table.num_rows % views:
                raise HoldfastError("invalid_samples", reason="an image lacks some of its views")
            yield {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    except pa.ArrowException:
        raise HoldfastError("invalid_samples", reason="it is no Parquet file") from None


def _add(
    block: dict[str, Any], tally: Tally, tolerance: float, cells: tuple[CellSpec, ...]
) -> list[Difference]:
    views = len(cells) + 1
    shape = (-1, views)
    expected = np.tile(np.arange(-1, len(cells)), len(block["cell"]) // views)
    if not np.array_equal(block["cell"], expected):
        raise HoldfastError("invalid_samples", reason="its cells are not those of the plan")
    seen = Readout(
        predicted=block["predicted"].reshape(shape),
        reference_probability=block["reference_probability"].reshape(shape),
        predicted_probability=block["predicted_probability"].reshape(shape),
        margin=block["margin"].reshape(shape),
    )
    given = np.asarray(block["label"], np.float64).reshape(shape)[:, 0]  # null becomes NaN
    labels = np.where(np.isnan(given), -1, given).astype(np.int64)
    scores = orbit_scores(seen, labels, tolerance)
    tally.add(scores, labels, block["fill_share"].reshape(shape)[:, 1:])
    return [
        Difference(what=f"column {name}", reported=str(int(told)), recomputed=str(int(found)))
        for name, found in (("flip", scores.flip.sum()), ("tie", scores.tie.sum()))
        if (told := np.asarray(block[name], bool).sum()) != found
    ]


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
                where = before.get("id") or before.get("family")
                yield Difference(
                    what=f"{kind} {where} {name}",
                    reported=str(before[name]),
                    recomputed=str(after.get(name)),
                )
