"""Run a model over all views of a block of probes, in batches across images and cells.

The next batch is made in a thread beside the model, in the second of two buffers. Batches and their
order are those of one thread: scores do not depend on who is faster.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.audit.pixels import ViewMaker
from holdfast.errors import HoldfastError
from holdfast.geometry import Frame, Motion
from holdfast.records.model import ModelCard
from holdfast.runtimes.feed import Feed
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["ViewRunner"]

_BATCH_BYTES = 16 << 20
_MAX_BATCH = 256
_FLOAT_BYTES = 4

Job = tuple[Probe, Motion]


class ViewRunner:
    """Takes views from canvases into two reused buffers and asks the model batch by batch."""

    def __init__(self, model: ModelUnderTest, frame: Frame, fill: int, enlarge: int = 1) -> None:
        """Size the buffers: about 16 MiB of views, a whole number of the model's own batches.

        With `enlarge` every pixel of a view is repeated so many times in both directions.
        """
        height, width = (side * enlarge for side in frame.crop)
        view_bytes = height * width * model.card.channels * _FLOAT_BYTES
        views = max(1, min(_MAX_BATCH, _BATCH_BYTES // view_bytes))
        own = model.card.batch or 1
        shape = (max(own, views // own * own), model.card.channels, height, width)
        self._buffers = (np.empty(shape, np.float32), np.empty(shape, np.float32))
        self._model = model
        self._frame = frame
        self._fill = fill
        self._enlarge = enlarge

    def enlarged(self, times: int) -> "ViewRunner":
        """The same with every pixel of a view repeated `times` by `times`.

        Raises:
            HoldfastError: `input_spec_mismatch` for a model of a fixed size.
        """
        card = self.card
        if card.height_px is not None or card.width_px is not None:
            reason = "families.lattice.enlarge needs a model that takes any size"
            raise HoldfastError("input_spec_mismatch", reason=reason)
        return ViewRunner(self._model, self._frame, self._fill, times)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._model.card

    @property
    def batch(self) -> int:
        """How many views go through the model at a time."""
        return len(self._buffers[0])

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
    ) -> NDArray[np.float32]:
        """Scores (n, m, k) of n probes in m motions; `on_batch` hears how many views are done."""
        jobs = [(probe, motion) for probe in block for motion in motions]
        batches = [jobs[start : start + self.batch] for start in range(0, len(jobs), self.batch)]
        maker = ViewMaker(self._frame, self._fill, feed, self._enlarge)
        parts: list[NDArray[np.float32]] = []
        with ThreadPoolExecutor(1, "views") as beside:
            ready = beside.submit(_fill, maker, batches[0], self._buffers[0])
            for turn in range(len(batches)):
                batch = ready.result()
                if turn + 1 < len(batches):
                    other = self._buffers[(turn + 1) % 2]
                    ready = beside.submit(_fill, maker, batches[turn + 1], other)
                parts.append(self._model(batch))
                on_batch(len(batch))
        scores = np.concatenate(parts)
        return scores.reshape(len(block), len(motions), -1)


def _fill(
    maker: ViewMaker, jobs: Sequence[Job], buffer: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Make the views of one batch; the filled part of the buffer, (n, c, h, w)."""
    for place, (probe, motion) in enumerate(jobs):
        maker.make(probe, motion, buffer[place])
    return buffer[: len(jobs)]
