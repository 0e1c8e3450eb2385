"""The measuring loop: block by block through the model, into the tally and the per-sample file."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import CanvasReader, Probe
from holdfast.audit.comparing import Compared, compare_scores
from holdfast.audit.examples import WorstExamples
from holdfast.audit.prepare import Setup, check_labels
from holdfast.audit.samples import SampleWriter, search_views
from holdfast.audit.searching import Ask, SpatialSearch
from holdfast.audit.stopping import Stopping
from holdfast.audit.tally import Tally
from holdfast.audit.views import ViewRunner
from holdfast.families import ViewSpec
from holdfast.metrics import Degeneracy, DegenerateWatch
from holdfast.records.job import Progress
from holdfast.records.plan import AuditPlan

__all__ = ["Loop"]

_BLOCK_BYTES = 32 << 20
_CANVAS_BYTES = 256 << 20
_MAX_BLOCK = 64
_SEQUENTIAL_BLOCK = 16


@dataclass
class Loop:
    """What goes through all images, and what it fills."""

    plan: AuditPlan
    reader: CanvasReader
    runner: ViewRunner
    setup: Setup
    tally: Tally
    writer: SampleWriter
    worst: WorstExamples
    stopping: Stopping | None
    on_progress: Callable[[Progress], None]

    def __post_init__(self) -> None:
        """Count what lies ahead."""
        layout = self.tally.layout
        self._watch = DegenerateWatch(self.setup.kind, self.setup.tolerance)
        self._search = SpatialSearch(layout.searched) if layout.searched else None
        self.canvas_sizes: set[tuple[int, int]] = set()
        images = len(self.reader.order)
        with_controls = min(images, self.plan.controls)
        per_image = len(layout.plain) + len(layout.searched)
        self._total = images * per_image + with_controls * len(layout.controls)
        self.done = 0

    @property
    def degeneracies(self) -> tuple[Degeneracy, ...]:
        """Why the model's numbers mean nothing, if they do."""
        return self._watch.found()

    def measure(self, canvas_bytes: int) -> None:
        """Go through the probes in blocks whose scores and canvases stay small."""
        layout = self.tally.layout
        score_bytes = 4 * len(layout.views(controls=True)) * self.setup.n_scores
        fitting = min(_BLOCK_BYTES // score_bytes, _CANVAS_BYTES // canvas_bytes)
        largest = _SEQUENTIAL_BLOCK if self.stopping else _MAX_BLOCK
        with closing(self.reader.blocks(max(1, min(largest, fitting)))) as blocks:
            for _, block in blocks:
                cut = self._with_controls(len(block))
                for part, with_controls in ((block[:cut], True), (block[cut:], False)):
                    if part:
                        self._block(part, with_controls=with_controls)
                if self.stopping is not None and self.stopping.decided:
                    return

    def _with_controls(self, n: int) -> int:
        """How many of the next n images have controls.

        In a full audit exactly the first `plan.controls`, wherever a block ends. In a sequential
        one whole blocks while there is a failure to explain: the images so far tell, never those of
        the block itself, so the choice favours nothing.
        """
        if not self.tally.layout.controls:
            return 0
        left = self.plan.controls - self.tally.controls.n_images
        if self.stopping is not None and not self.stopping.leans_to_fail:
            return 0
        return min(max(0, left), n)

    def _block(self, block: Sequence[Probe], *, with_controls: bool) -> None:
        labels = np.array([probe.label for probe in block], np.int64)
        check_labels(labels, self.setup.n_classes)
        views = self.tally.layout.views(controls=with_controls)
        raw = self._scores(block, views)
        self._watch.add(raw[:, 0], labels)
        seen = self._compared(raw, block, views, labels)
        numbers = self.tally.add(seen, labels, tuple(probe.group for probe in block))
        self.worst.offer(block, seen)
        self.writer.write(block, seen)
        if self._search is not None:
            found = self._search.search(seen.correct[:, 0], self._ask(block, labels))
            for each in found.rounds:
                self.writer.write_round(block, each)
            numbers |= self.tally.add_search(found, labels)
        if self.stopping is not None:
            self.stopping.take(len(block), numbers)

    def _ask(self, block: Sequence[Probe], labels: NDArray[np.int64]) -> Ask:
        searched = self.tally.layout.searched

        def ask(images: NDArray[np.intp], cells: NDArray[np.intp]) -> Compared:
            views, part = search_views(searched, cells), [block[image] for image in images]
            return self._compared(self._scores(part, views), part, views, labels[images])

        return ask

    def _compared(
        self,
        raw: NDArray[np.float32],
        block: Sequence[Probe],
        views: Sequence[ViewSpec],
        labels: NDArray[np.int64],
    ) -> Compared:
        setup, fill = self.setup, self._fill_shares(block, views)
        return compare_scores(
            raw, views, labels, kind=setup.kind, tolerance=setup.tolerance, fill=fill
        )

    def _scores(self, block: Sequence[Probe], views: Sequence[ViewSpec]) -> NDArray[np.float32]:
        """Scores (n, V, k); views of another size go through the model on their own."""
        sizes = np.array([view.enlarge for view in views])
        raw = np.empty((len(block), len(views), self.setup.n_scores), np.float32)
        for enlarge in np.unique(sizes):
            places = np.flatnonzero(sizes == enlarge)
            runner = self.runner if enlarge == 1 else self.runner.enlarged(int(enlarge))
            motions = [view.motion for view in views if view.enlarge == enlarge]
            raw[:, places] = runner.scores(block, motions, self.setup.feed, self._tell)
        return raw

    def _tell(self, views: int) -> None:
        self.done += views
        total = max(self._total, self.done)
        self.on_progress(Progress(stage="measuring", done=self.done, total=total))

    def _fill_shares(
        self, block: Sequence[Probe], views: Sequence[ViewSpec]
    ) -> NDArray[np.float32]:
        rows: dict[tuple[int, int], list[float]] = {}
        sizes = [(probe.canvas.shape[0], probe.canvas.shape[1]) for probe in block]
        for size in set(sizes):
            window = self.reader.frame.window(size)
            rows[size] = [view.motion.fill_share(size, window) for view in views]
        self.canvas_sizes |= set(sizes)
        return np.array([rows[size] for size in sizes], np.float32)
