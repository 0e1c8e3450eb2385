"""From a probe's canvas to a view as the model wants it, channel by channel, with few copies."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.geometry import Frame, Motion, Shift
from holdfast.runtimes.feed import Feed

__all__ = ["ViewMaker"]

Planes = NDArray[np.float32]


@dataclass
class ViewMaker:
    """Makes the normalised views of one probe after the other; of use to one thread at a time.

    Normalisation acts on each pixel alone and a shift copies pixels, so the order of the two does
    not matter: a probe is normalised once and its shifts are copies. Motions that interpolate do
    it on pixel values and are normalised afterwards. Planes are held (c, h, w), in the model's
    order of channels.
    """

    frame: Frame
    fill: int
    feed: Feed
    enlarge: int = 1
    _probe: Probe | None = field(default=None)

    def make(self, probe: Probe, motion: Motion, out: Planes) -> None:
        """Write one normalised view into `out` (c, h, w)."""
        if probe is not self._probe:
            self._look_at(probe)
        if self.enlarge > 1:
            plain = np.empty((len(out), *self.frame.crop), np.float32)
            self._take(motion, plain)
            out[...] = plain.repeat(self.enlarge, axis=-2).repeat(self.enlarge, axis=-1)
        else:
            self._take(motion, out)

    def _take(self, motion: Motion, out: Planes) -> None:
        if isinstance(motion, Shift):
            motion.view(self._fed, self._window, self._fed_fill, out.transpose(1, 2, 0))
        else:
            motion.view(self._pixels, self._window, self.fill, out.transpose(1, 2, 0))
            self.feed.normalise(out)

    def _look_at(self, probe: Probe) -> None:
        height, width, channels = probe.canvas.shape
        self._window = self.frame.window((height, width))
        planes = np.empty((channels, height, width), np.float32)
        np.copyto(planes, probe.canvas[..., self.feed.sources].transpose(2, 0, 1))
        fed, fill = planes.copy(), np.full((channels, 1, 1), self.fill, np.float32)
        self.feed.normalise(fed)
        self.feed.normalise(fill)
        # seen as (h, w, c), which is how geometry speaks; the memory stays plane by plane
        self._pixels, self._fed = planes.transpose(1, 2, 0), fed.transpose(1, 2, 0)
        self._fed_fill = fill[:, 0, 0]
        self._probe = probe
