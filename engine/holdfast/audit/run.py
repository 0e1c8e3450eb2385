"""The orchestrator: prepare, measure block by block, and put the result together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import CanvasReader, Probe, seeded_order
from holdfast.audit.constant import ConstantWatch
from holdfast.audit.examples import WorstExamples
from holdfast.audit.prepare import Setup, check_labels, prepare
from holdfast.audit.report import Gathered, Origin, assemble
from holdfast.audit.samples import SampleWriter
from holdfast.audit.tally import Tally
from holdfast.audit.views import ViewRunner
from holdfast.errors import HoldfastError
from holdfast.families import CellSpec, cells_of, resolve
from holdfast.geometry import IDENTITY, frame_for
from holdfast.metrics import orbit_scores, read_scores
from holdfast.probes.probe_set import ProbeSet
from holdfast.records.job import Progress
from holdfast.records.plan import AuditPlan
from holdfast.records.result import AuditResult
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["Origin", "audit"]

_PREPARE_PROBES = 64
_PREPARE_STEP = 8
_BLOCK_BYTES = 32 << 20
_CANVAS_BYTES = 256 << 20
_MAX_BLOCK = 64
_MIN_IMAGES = 2


def audit(
    model: ModelUnderTest,
    probes: ProbeSet,
    plan: AuditPlan,
    *,
    origin: Origin,
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> AuditResult:
    """Audit one model on one set of probes.

    Args:
        model: opened and gated.
        probes: images and labels.
        plan: what is asked; what it leaves out is resolved and stands in the result's plan.
        origin: hashes and circumstances that only the caller knows.
        samples: receives the per-sample file (Parquet).
        on_progress: called after every batch.

    Raises:
        HoldfastError: the model, the data or their combination is refused.
    """
    began, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    frame = frame_for(model.card, plan.input)
    families = resolve(plan.families, frame)
    cells = cells_of(families)
    reader = CanvasReader(probes, seeded_order(len(probes.names), plan), frame, model.card.channels)
    runner = ViewRunner(model, frame, plan.input.fill)
    on_progress(Progress(stage="probing", done=0, total=0))
    first = _first(reader)
    setup = prepare(runner, model.card, plan.input, first)
    run = _Run(cells, reader, runner, setup, SampleWriter(samples, cells), plan, on_progress)
    run.measure(max(probe.canvas.nbytes for probe in first))
    on_progress(Progress(stage="writing", done=run.total, total=run.total))
    gathered = Gathered(
        setup=setup,
        frame=frame,
        reader=reader,
        canvas_sizes=frozenset(run.canvas_sizes),
        tally=run.tally,
        constant=run.watch.constant,
        examples=run.worst.records(reader, runner),
        samples=run.writer.close(),
        started_at=started_at,
        duration_s=round(time.monotonic() - began, 3),
    )
    resolved = plan.model_copy(update={"families": families})
    return assemble(resolved, model.card, origin, gathered)


def _first(reader: CanvasReader) -> list[Probe]:
    """A few dozen probes, fewer where their canvases are very large."""
    first: list[Probe] = []
    for start in range(0, _PREPARE_PROBES, _PREPARE_STEP):
        first += reader.read(start, start + _PREPARE_STEP)
        if sum(probe.canvas.nbytes for probe in first) > _CANVAS_BYTES:
            break
    if len(first) < _MIN_IMAGES:
        raise HoldfastError("too_few_images", n=len(first), limit=_MIN_IMAGES)
    return first


@dataclass
class _Run:
    """The measuring loop and what it fills."""

    cells: tuple[CellSpec, ...]
    reader: CanvasReader
    runner: ViewRunner
    setup: Setup
    writer: SampleWriter
    plan: AuditPlan
    on_progress: Callable[[Progress], None]

    def __post_init__(self) -> None:
        self.tally = Tally(self.cells, self.plan.confidence)
        self.worst = WorstExamples(self.cells)
        self.watch = ConstantWatch(self.setup.tolerance)
        self.canvas_sizes: set[tuple[int, int]] = set()
        self.motions = (IDENTITY, *(cell.motion for cell in self.cells))
        self.total = len(self.reader.order) * len(self.motions)
        self._done = 0

    def measure(self, canvas_bytes: int) -> None:
        """Go through all probes in blocks whose scores and canvases stay small."""
        score_bytes = 4 * len(self.motions) * self.setup.n_classes
        fitting = min(_BLOCK_BYTES // score_bytes, _CANVAS_BYTES // canvas_bytes)
        size = max(1, min(_MAX_BLOCK, fitting))
        for places, block in self.reader.blocks(size):
            if block:
                self._block(block)
            self._done = places * len(self.motions)

    def _block(self, block: Sequence[Probe]) -> None:
        labels = np.array([probe.label for probe in block], np.int64)
        check_labels(labels, self.setup.n_classes)
        raw = self.runner.scores(block, self.motions, self.setup.feed, self._tell)
        self.watch.add(raw[:, 0])
        seen = read_scores(raw, self.setup.kind)
        scores = orbit_scores(seen, labels, self.setup.tolerance)
        fill = self._fill_shares(block)
        self.tally.add(scores, labels, fill)
        self.worst.offer(block, seen, scores)
        self.writer.write(block, seen, scores, fill)

    def _tell(self, views: int) -> None:
        self._done += views
        self.on_progress(Progress(stage="measuring", done=self._done, total=self.total))

    def _fill_shares(self, block: Sequence[Probe]) -> NDArray[np.float32]:
        rows: dict[tuple[int, int], list[float]] = {}
        sizes = [(probe.canvas.shape[0], probe.canvas.shape[1]) for probe in block]
        for size in set(sizes):
            window = self.reader.frame.window(size)
            rows[size] = [cell.motion.fill_share(size, window) for cell in self.cells]
        self.canvas_sizes |= set(sizes)
        return np.array([rows[size] for size in sizes], np.float32)
