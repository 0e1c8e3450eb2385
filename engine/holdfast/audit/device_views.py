"""Views made where the model computes: canvases travel to the device once, views never."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.audit.canvases import Probe
from holdfast.audit.pixels import Piece, ViewMaker
from holdfast.geometry import Frame
from holdfast.geometry.torch_warp import can_warp_batch, warp_batch
from holdfast.runtimes.feed import Feed
from holdfast.runtimes.protocol import OnDevice, Scores

if TYPE_CHECKING:
    import torch

__all__ = ["DeviceViewMaker"]

_KEPT = 4


@dataclass
class DeviceViewMaker:
    """Feeds normalised views (n, c, h, w) made on a device; what it cannot warp there it sends.

    The same arithmetic as `ViewMaker` in float32: whole-pixel cells have the same bits, the others
    are within 1e-4 of full scale of it before they are normalised.
    """

    device: OnDevice
    frame: Frame
    fill: int
    feed: Feed
    enlarge: int = 1
    _kept: "deque[tuple[tuple[Probe, ...], torch.Tensor]]" = field(
        default_factory=lambda: deque(maxlen=_KEPT)
    )

    def scores(self, pieces: Sequence[Piece]) -> Scores:
        """What the model says to the views of all pieces, one after the other.

        The canvases are held until then: another lane may forget them, and the memory of what
        nobody holds is given to that lane's work, which does not wait for the work of this one.
        """
        held = [self._canvases(piece) for piece in pieces]
        return self.device.scores(self._batch(pieces, held))

    def _batch(
        self, pieces: Sequence[Piece], held: "Sequence[torch.Tensor | None]"
    ) -> "torch.Tensor":
        views = [self._views(*pair) for pair in zip(pieces, held, strict=True)]
        first = views[0]
        if len(views) == 1:
            return first
        batch = first.new_empty((sum(map(len, pieces)), *first.shape[1:]))
        done = 0
        for some in views:
            batch[done : done + len(some)] = some
            done += len(some)
        return batch

    def _views(self, piece: Piece, group: "torch.Tensor | None") -> "torch.Tensor":
        if group is None:
            return self._sent(piece)
        canvases = group[piece.start : piece.stop]
        window = self.frame.window((canvases.shape[2], canvases.shape[3]))
        views = warp_batch(canvases, piece.motion, window, self.fill)
        normal: Any = views  # the feed writes into both kinds of arrays
        self.feed.normalise(normal)
        if self.enlarge > 1:
            views = views.repeat_interleave(self.enlarge, 2).repeat_interleave(self.enlarge, 3)
        return views

    def _sent(self, piece: Piece) -> "torch.Tensor":
        height, width = (side * self.enlarge for side in self.frame.crop)
        buffer = np.empty((len(piece), len(self.feed.mean), height, width), np.float32)
        maker = ViewMaker(self.frame, self.fill, self.feed, self.enlarge)
        return self.device.put(maker.make([piece], buffer))

    def _canvases(self, piece: Piece) -> "torch.Tensor | None":
        """Those of the group, (n, c, h, w) uint8; None for a motion that is not known there.

        Channels are in the model's order. Two threads may both send one.
        """
        if not can_warp_batch(piece.motion):
            return None
        for probes, canvases in list(self._kept):
            if probes is piece.group:
                return canvases
        pixels = np.stack([probe.canvas[..., self.feed.sources] for probe in piece.group])
        canvases = self.device.put(pixels.transpose(0, 3, 1, 2))
        self._kept.append((piece.group, canvases))
        return canvases
