"""Run a model over all views of a block of probes, in batches across images and cells."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.errors import HoldfastError
from holdfast.geometry import Frame, Motion, enlarge_nearest
from holdfast.runtimes.feed import Feed
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["ViewRunner"]

_BATCH_BYTES = 16 << 20
_MAX_BATCH = 256
_FLOAT_BYTES = 4


class ViewRunner:
    """Takes views from canvases into one reused buffer and asks the model batch by batch."""

    def __init__(self, model: ModelUnderTest, frame: Frame, fill: int, enlarge: int = 1) -> None:
        """Size the buffer: about 16 MiB of views, a whole number of the model's own batches."""
        height, width = (side * enlarge for side in frame.crop)
        view_bytes = height * width * model.card.channels * _FLOAT_BYTES
        views = max(1, min(_MAX_BATCH, _BATCH_BYTES // view_bytes))
        own = model.card.batch or 1
        self._buffer = np.empty(
            (max(own, views // own * own), height, width, model.card.channels), np.float32
        )
        self._model = model
        self._frame = frame
        self._fill = fill
        self._enlarge = enlarge

    def enlarged(self, times: int) -> "ViewRunner":
        """The same with every pixel of a view repeated `times` by `times`.

        Raises:
            HoldfastError: `input_spec_mismatch` for a model of a fixed size.
        """
        card = self._model.card
        if card.height_px is not None or card.width_px is not None:
            reason = "families.lattice.enlarge needs a model that takes any size"
            raise HoldfastError("input_spec_mismatch", reason=reason)
        return ViewRunner(self._model, self._frame, self._fill, times)

    @property
    def batch(self) -> int:
        """How many views go through the model at a time."""
        return len(self._buffer)

    def view(self, probe: Probe, motion: Motion) -> NDArray[np.float32]:
        """One view (h, w, c), 0 to 255."""
        out = np.empty(self._buffer.shape[1:], np.float32)
        self._take(probe, motion, out)
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
        parts: list[NDArray[np.float32]] = []
        for start in range(0, len(jobs), len(self._buffer)):
            batch = jobs[start : start + len(self._buffer)]
            for place, (probe, motion) in enumerate(batch):
                self._take(probe, motion, self._buffer[place])
            parts.append(self._model(feed(self._buffer[: len(batch)])))
            on_batch(len(batch))
        scores = np.concatenate(parts)
        return scores.reshape(len(block), len(motions), -1)

    def _take(self, probe: Probe, motion: Motion, out: NDArray[np.float32]) -> None:
        window = self._frame.window((probe.canvas.shape[0], probe.canvas.shape[1]))
        if self._enlarge == 1:
            motion.view(probe.canvas, window, self._fill, out)
            return
        plain = np.empty((*self._frame.crop, out.shape[-1]), np.float32)
        motion.view(probe.canvas, window, self._fill, plain)
        out[...] = enlarge_nearest(plain, self._enlarge)
