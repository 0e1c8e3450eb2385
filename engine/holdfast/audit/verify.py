"""Recompute a result from its per-sample file: whoever doubts a number can check all of them."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from pydantic import ValidationError

from holdfast.audit.detailing import curves, groups
from holdfast.audit.estimating import Estimator
from holdfast.audit.measuring import cell_records, measurements
from holdfast.audit.reading import read_samples
from holdfast.audit.stopping import replay
from holdfast.audit.tally import Tally
from holdfast.errors import HoldfastError
from holdfast.records.base import Record
from holdfast.records.detail import SequentialEvidence
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
    read = read_samples(result, samples)
    tally = read.tally
    estimator = Estimator(result.plan.confidence, anytime=result.sequential is not None)
    differences = [*_files(result, samples), *read.differences]
    names = result.probes.class_names
    for kind, reported, recomputed in (
        ("measurement", result.measurements, measurements(tally, estimator)),
        ("cell", result.cells, cell_records(tally, estimator)),
        ("curve", result.curves, curves(tally, estimator)),
        ("group", result.groups, groups(tally, estimator, names)),
        ("evidence", _parts(result.sequential), _parts(_again(result.sequential, tally))),
    ):
        differences += _compared(kind, reported, recomputed)
    return Verification(
        n_rows=read.n_rows,
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


def _again(told: SequentialEvidence | None, tally: Tally) -> SequentialEvidence | None:
    return None if told is None else replay(told, tally)


def _parts(told: SequentialEvidence | None) -> tuple[Record, ...]:
    """The tests, and what stands around them."""
    return () if told is None else (*told.tests, told.model_copy(update={"tests": ()}))


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
