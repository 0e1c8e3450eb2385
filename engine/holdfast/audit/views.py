"""Run a model over all views of a block of probes, in batches across images and cells.

Several **lanes** work at once, one per thread: each makes the views of a batch and runs the model
on it, which computes with one thread. So no core waits for another inside a batch, and making views
never takes a core away from a half-finished batch (ADR 0028 has the times). Batches are cut the
same way whoever takes them: scores depend neither on who is faster nor on how many lanes there are.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.audit.device_views import DeviceViewMaker
from holdfast.audit.pixels import Piece, ViewMaker, groups_of
from holdfast.errors import HoldfastError
from holdfast.geometry import Frame, Motion
from holdfast.records.model import ModelCard
from holdfast.runtimes.feed import Feed
from holdfast.runtimes.protocol import ModelUnderTest, OnDevice

__all__ = ["ViewRunner"]

_MAX_BATCH = 256
_FLOAT_BYTES = 4

Buffer = NDArray[np.float32]


@dataclass(frozen=True)
class _Sizes:
    """What keeps the place busy where views are made: one core's cache, or a whole GPU."""

    batch_bytes: int
    group_bytes: int
    lanes: int


_ON_CPU = _Sizes(batch_bytes=8 << 20, group_bytes=1 << 20, lanes=1 << 10)
_ON_DEVICE = _Sizes(batch_bytes=64 << 20, group_bytes=256 << 20, lanes=2)


class ViewRunner:
    """Takes views from canvases into reused buffers and asks the model batch by batch."""

    def __init__(
        self, model: ModelUnderTest, frame: Frame, fill: int, *, lanes: int = 1, enlarge: int = 1
    ) -> None:
        """Size the batches: about 8 MiB of views each, a whole number of the model's own batches.

        Where the model's device makes the views, 64 MiB, and two batches on their way: one is made
        while the other computes.

        Args:
            model: called from `lanes` threads at once, after one first call on its own.
            frame: where the views are cut.
            fill: what lies outside the canvas, 0 to 255.
            lanes: how many batches are on their way at a time.
            enlarge: every pixel of a view is repeated so many times in both directions.
        """
        height, width = (side * enlarge for side in frame.crop)
        view_bytes = height * width * model.card.channels * _FLOAT_BYTES
        self._device = model.on_device
        self._sizes = _ON_CPU if self._device is None else _ON_DEVICE
        views = max(1, min(_MAX_BATCH, self._sizes.batch_bytes // view_bytes))
        own = model.card.batch or 1
        self._shape = (max(own, views // own * own), model.card.channels, height, width)
        self._lanes = min(lanes, self._sizes.lanes)
        self._buffers: list[Buffer] = []
        self._queues: list[AbstractContextManager[object]] = []
        self._model = model
        self._frame = frame
        self._fill = fill
        self._enlarge = enlarge
        self._met = False

    def enlarged(self, times: int) -> "ViewRunner":
        """The same with every pixel of a view repeated `times` by `times`.

        Raises:
            HoldfastError: `input_spec_mismatch` for a model of a fixed size.
        """
        card = self.card
        if card.height_px is not None or card.width_px is not None:
            reason = "families.lattice.enlarge needs a model that takes any size"
            raise HoldfastError("input_spec_mismatch", reason=reason)
        return ViewRunner(self._model, self._frame, self._fill, lanes=self.lanes, enlarge=times)

    @property
    def model(self) -> ModelUnderTest:
        """The model itself."""
        return self._model

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._model.card

    @property
    def lanes(self) -> int:
        """How many batches are on their way at a time."""
        return self._lanes

    @property
    def batch(self) -> int:
        """How many views go through the model at a time."""
        return self._shape[0]

    def view(self, probe: Probe, motion: Motion) -> NDArray[np.float32]:
        """One view (h, w, c), 0 to 255."""
        height, width, channels = probe.canvas.shape
        out = np.empty((*self._frame.crop, channels), np.float32)
        motion.view(probe.canvas, self._frame.window((height, width)), self._fill, out)
        return out

    def scores(
        self,
        block: Sequence[Probe],
        motions: Sequence[Motion],
        feed: Feed,
        on_batch: Callable[[int], None],
        cuts: Sequence[int] = (),
    ) -> NDArray[np.float32]:
        """Scores (n, m, k) of n probes in m motions.

        Args:
            block: the probes.
            motions: what each probe is seen in.
            feed: how the model takes a view.
            on_batch: hears how many views are done.
            cuts: places among the motions, ascending; no batch holds motions of both sides, so
                that the last bit of a score does not depend on what else is asked.
        """
        groups = list(groups_of(block, self._sizes.group_bytes))
        spans = [slice(*span) for span in pairwise((0, *cuts, len(motions)))]
        batches = [
            batch
            for span in spans
            for batch in _batches(
                [Piece(group, 0, len(group), each) for group in groups for each in motions[span]],
                self.batch,
            )
        ]
        parts: list[NDArray[np.float32]] = []
        for scores in self._run(batches, feed):
            parts.append(scores)
            on_batch(len(scores))
        in_order = np.concatenate(parts)
        found = np.empty((len(block), len(motions), in_order.shape[-1]), np.float32)
        done = 0
        for span in spans:
            image, few = 0, span.stop - span.start
            for group in groups:
                rows = in_order[done : done + len(group) * few]
                by_motion = rows.reshape(few, len(group), -1)
                found[image : image + len(group), span] = by_motion.swapaxes(0, 1)
                done, image = done + len(rows), image + len(group)
        return found

    def _run(self, batches: Sequence[Sequence[Piece]], feed: Feed) -> Iterator[NDArray[np.float32]]:
        """The scores of every batch, in order."""
        run = self._on_cpu(feed) if self._device is None else self._on_device(feed, self._device)
        alone = 0 if self._met else 1  # how a model takes its batches shows in its first call
        yield from map(run, batches[:alone])
        self._met = True
        with ThreadPoolExecutor(self._lanes, "lane") as lanes:
            try:
                yield from lanes.map(run, batches[alone:])
            finally:
                lanes.shutdown(wait=True, cancel_futures=True)

    def _on_cpu(self, feed: Feed) -> Callable[[Sequence[Piece]], NDArray[np.float32]]:
        while len(self._buffers) < self._lanes:
            self._buffers.append(np.empty(self._shape, np.float32))
        free: SimpleQueue[Buffer] = SimpleQueue()
        for buffer in self._buffers:
            free.put(buffer)
        maker = ViewMaker(self._frame, self._fill, feed, self._enlarge)

        def run(batch: Sequence[Piece]) -> NDArray[np.float32]:
            buffer = free.get()
            try:
                return self._model(maker.make(batch, buffer))
            finally:
                free.put(buffer)

        return run

    def _on_device(
        self, feed: Feed, device: OnDevice
    ) -> Callable[[Sequence[Piece]], NDArray[np.float32]]:
        if not self._queues:
            self._queues.extend(device.lanes(self._lanes))
        free: SimpleQueue[AbstractContextManager[object]] = SimpleQueue()
        for queue in self._queues:
            free.put(queue)
        maker = DeviceViewMaker(device, self._frame, self._fill, feed, self._enlarge)

        def run(batch: Sequence[Piece]) -> NDArray[np.float32]:
            queue = free.get()
            try:
                with queue:
                    return maker.scores(batch)
            finally:
                free.put(queue)

        return run


def _batches(pieces: Sequence[Piece], size: int) -> Iterator[list[Piece]]:
    """The pieces in batches of `size` views, the last one smaller; some are cut in two."""
    batch: list[Piece] = []
    free = size
    for piece in pieces:
        start = piece.start
        while start < piece.stop:
            stop = min(piece.stop, start + free)
            batch.append(replace(piece, start=start, stop=stop))
            free -= stop - start
            start = stop
            if not free:
                yield batch
                batch, free = [], size
    if batch:
        yield batch
