"""The measuring loop: block by block through the model, into the ledger and the per-sample file."""

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.audit.comparing import Compared, compare_scores
from holdfast.audit.ledger import Ledger
from holdfast.audit.prepare import check_labels
from holdfast.audit.samples import SampleWriter, search_views
from holdfast.audit.scene import Scene, Start
from holdfast.audit.searching import MEMORY, Ask, SpatialSearch
from holdfast.families import ViewSpec
from holdfast.records.families import Family
from holdfast.records.job import Progress

__all__ = ["Loop"]


@dataclass(frozen=True)
class _Scored:
    """Some probes of a block and the raw scores (n, V, k) of their views."""

    probes: Sequence[Probe]
    views: Sequence[ViewSpec]
    raw: NDArray[np.float32]


@dataclass
class Loop:
    """What goes through the images at places `first` to `stop` of the order, and what it fills.

    Attributes:
        last: where to end, None for the end of the order.
        stop: the same, at most the end of the order.
        done: views so far.
    """

    scene: Scene
    start: Start
    ledger: Ledger
    writer: SampleWriter
    on_progress: Callable[[Progress], None]
    first: int = 0
    last: int | None = None

    def __post_init__(self) -> None:
        """Count what lies ahead."""
        layout, n = self.scene.layout, len(self.scene.reader.order)
        self.stop = n if self.last is None else min(self.last, n)
        self._controlled = self.scene.plan.controls if self.ledger.inline_controls else 0
        images = max(0, self.stop - self.first)
        with_controls = max(0, min(self.stop, self._controlled) - self.first)
        self._families = layout.families
        per_image = len(layout.plain) + len(layout.searched)
        self._total = images * per_image + with_controls * len(layout.controls)
        self._search: SpatialSearch | None = None
        self.done = 0

    def blocks(self) -> Generator[int, None, None]:
        """Measure block by block; gives the place behind each. Close it to stop early."""
        reader, size = self.scene.reader, self.start.block_images
        with closing(reader.blocks(size, self.first, self.stop)) as blocks:
            for first, stop, halves in self._one_ahead(blocks):
                if self._search is None or first % MEMORY == 0:
                    self._search = SpatialSearch(self.scene.layout.searched)
                for half in halves:
                    self._take(half, self._search)
                yield stop

    def _one_ahead(
        self, blocks: Iterable[tuple[int, int, list[Probe]]]
    ) -> Generator[tuple[int, int, list[_Scored]], None, None]:
        """The blocks with their scores. The model is at the next one while one is worked on.

        Not where that may be for nothing: in an audit that may stop, or that searches, which asks
        the model by itself.
        """
        if self.ledger.stopping is not None or self.scene.layout.searched:
            yield from map(self._scored, blocks)
            return
        with ThreadPoolExecutor(1, "ahead") as beside:
            under_way: Future[tuple[int, int, list[_Scored]]] | None = None
            for block in blocks:
                before, under_way = under_way, beside.submit(self._scored, block)
                if before is not None:
                    yield before.result()
            if under_way is not None:
                yield under_way.result()

    def _scored(self, found: tuple[int, int, list[Probe]]) -> tuple[int, int, list[_Scored]]:
        """Exactly the first places have controls, wherever blocks and parts end."""
        first, stop, block = found
        self._leave(self.stop - first)
        with_controls = frozenset(self.scene.reader.order[: self._controlled])
        cut = sum(probe.index in with_controls for probe in block)
        halves = []
        for half, controls in ((block[:cut], True), (block[cut:], False)):
            if half:
                check_labels(_labels(half), self.start.setup.n_classes)
                views = self.scene.layout.views(controls=controls, families=self._families)
                halves.append(_Scored(half, views, self._with_known(half, views)))
        return first, stop, halves

    def _leave(self, images: int) -> None:
        """Leave the families that are decided; a part behind the first cannot know any."""
        if self.first > 0:
            return
        before = self._views()
        self._families = self.ledger.families
        self._total -= images * (before - self._views())

    def _views(self) -> int:
        """Of one image, without controls."""
        layout = self.scene.layout
        searched = len(layout.searched) if Family.spatial in self._families else 0
        return len(layout.views(controls=False, families=self._families)) + searched

    def late_controls(self, places: int) -> None:
        """Measure controls of the first images, whose cells are in the ledger already.

        Those of the families that need them, on images that were seen in all of these families.

        Args:
            places: how many places of the order were gone through.
        """
        families, tally = self.ledger.late_controls, self.ledger.tally
        if not families:
            return
        limit = min(places, self.scene.plan.controls)
        n_images = min(tally.images_of(family) for family in families)
        layout = self.scene.layout
        views, everything = layout.late(families), layout.late(layout.families)
        self._total += min(limit, n_images) * len(views)
        with closing(self.scene.reader.blocks(self.start.block_images, 0, limit)) as blocks:
            for _, _, found in blocks:
                if block := found[: n_images - tally.controls.n_images]:
                    seen = self._compared(self._scores(block, views), block, views)
                    flip = seen.among(everything).flip[:, len(layout.references) :]
                    tally.add_controls(flip, families)
                    self.writer.write(block, seen)

    def _take(self, half: _Scored, search: SpatialSearch) -> None:
        block, labels = half.probes, _labels(half.probes)
        layout, tally = self.scene.layout, self.ledger.tally
        self.ledger.watch.add(half.raw[:, 0], labels)
        seen = self._compared(half.raw, block, half.views)
        self.writer.write(block, seen)
        if len(seen.views) < len(layout.plain):
            seen = seen.among(layout.plain)
        groups = tuple(probe.group for probe in block)
        numbers = tally.add(seen, labels, groups, self._families)
        self.ledger.worst.offer(block, seen)
        if layout.searched and Family.spatial in self._families:
            found = search.search(seen.correct[:, 0], self._ask(block))
            for each in found.rounds:
                self.writer.write_round(block, each)
            numbers |= tally.add_search(found, labels)
        self.ledger.look(len(block), numbers)

    def _ask(self, block: Sequence[Probe]) -> Ask:
        searched = self.scene.layout.searched

        def ask(images: NDArray[np.intp], cells: NDArray[np.intp]) -> Compared:
            views, part = search_views(searched, cells), [block[image] for image in images]
            return self._compared(self._scores(part, views), part, views)

        return ask

    def _compared(
        self, raw: NDArray[np.float32], block: Sequence[Probe], views: Sequence[ViewSpec]
    ) -> Compared:
        setup, fill = self.start.setup, self._fill_shares(block, views)
        return compare_scores(
            raw, views, _labels(block), kind=setup.kind, tolerance=setup.tolerance, fill=fill
        )

    def _with_known(self, block: Sequence[Probe], views: Sequence[ViewSpec]) -> NDArray[np.float32]:
        """Scores of a block; the first ones' plain crops went through the model before."""
        known = [self.start.unmoved.get(probe.index) for probe in block]
        rows = [row for row in known if row is not None]
        if len(rows) < len(block):
            return self._scores(block, views)
        raw = self._scores(block, views, first=1)
        raw[:, 0] = rows
        self._tell(len(block))
        return raw

    def _scores(
        self, block: Sequence[Probe], views: Sequence[ViewSpec], first: int = 0
    ) -> NDArray[np.float32]:
        """Scores (n, V, k); views of another size go through the model on their own.

        Those of the views before `first` are left open.
        """
        setup = self.start.setup
        sizes = np.array([view.enlarge for view in views[first:]])
        raw = np.empty((len(block), len(views), setup.n_scores), np.float32)
        for enlarge in np.unique(sizes):
            places, plain = first + np.flatnonzero(sizes == enlarge), self.scene.runner
            runner = plain if enlarge == 1 else plain.enlarged(int(enlarge))
            taken = [views[place] for place in places.tolist()]
            motions = [view.motion for view in taken]
            cuts = _family_cuts(taken) if self.ledger.stopping is not None else ()
            raw[:, places] = runner.scores(block, motions, setup.feed, self._tell, cuts)
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
            window = self.scene.frame.window(size)
            rows[size] = [view.motion.fill_share(size, window) for view in views]
        self.ledger.canvas_sizes |= set(sizes)
        return np.array([rows[size] for size in sizes], np.float32)


def _family_cuts(views: Sequence[ViewSpec]) -> list[int]:
    """Where another family begins, so that leaving one changes no bit of the others."""
    return [place for place, (a, b) in enumerate(pairwise(views), 1) if _kind(a) != _kind(b)]


def _kind(view: ViewSpec) -> Family | None:
    return None if view.role == "reference" else view.family


def _labels(block: Sequence[Probe]) -> NDArray[np.int64]:
    return np.array([probe.label for probe in block], np.int64)
