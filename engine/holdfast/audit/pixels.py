"""From canvases to views as the model wants them, channel by channel, with few copies."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.geometry import Blur, Frame, Motion, Occlude, Shift, Window, Zoom
from holdfast.runtimes.feed import Feed

__all__ = ["Piece", "ViewMaker", "groups_of"]

Planes = NDArray[np.float32]
_KEPT = 4
_MAX_GROUP = 64
_COPIES = 3 * 4


@dataclass(frozen=True)
class Piece:
    """One motion of neighbouring probes, `start` to `stop` of a group of equally large ones."""

    group: tuple[Probe, ...]
    start: int
    stop: int
    motion: Motion

    def __len__(self) -> int:
        """How many views it makes."""
        return self.stop - self.start


@dataclass(frozen=True)
class _Look:
    """A group ready to be cut: planes (n, c, h, w) in the model's order of channels.

    `deep` are the same pixels as one canvas (h, w, n * c); None for a group of one.
    """

    group: tuple[Probe, ...]
    window: Window
    pixels: Planes
    fed: Planes
    deep: NDArray[np.float32] | None


def groups_of(block: Sequence[Probe], group_bytes: int) -> Iterator[tuple[Probe, ...]]:
    """Neighbouring probes of one size, as many as `group_bytes` hold: of large ones each alone.

    What a view costs beyond its pixels is paid once per group, which is most of it where they are
    few.
    """
    for _, same in groupby(block, key=lambda probe: probe.canvas.shape):
        probes = tuple(same)
        size = min(_MAX_GROUP, max(1, group_bytes // (_COPIES * probes[0].canvas.size)))
        for start in range(0, len(probes), size):
            yield probes[start : start + size]


@dataclass
class ViewMaker:
    """Makes normalised views (c, h, w); several threads may use one.

    Normalisation acts on each pixel alone and a shift copies pixels, so the order of the two does
    not matter: a probe is normalised once and its shifts are copies. Motions that interpolate do
    it on pixel values and are normalised afterwards.
    """

    frame: Frame
    fill: int
    feed: Feed
    enlarge: int = 1
    _looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _one_looks: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Normalise the fill value."""
        fill = np.full((len(self.feed.mean), 1, 1), self.fill, np.float32)
        self.feed.normalise(fill)
        self._fed_fill = fill[:, 0, 0]

    def make(self, pieces: Sequence[Piece], buffer: Planes) -> Planes:
        """Write the views of all pieces; the filled part of the buffer, (n, c, h, w)."""
        done = 0
        for piece in pieces:
            out = buffer[done : done + len(piece)]
            if self.enlarge > 1:
                plain = np.empty((*out.shape[:2], *self.frame.crop), np.float32)
                self._take(piece, plain)
                out[...] = plain.repeat(self.enlarge, axis=-2).repeat(self.enlarge, axis=-1)
            else:
                self._take(piece, out)
            done += len(piece)
        return buffer[:done]

    def _take(self, piece: Piece, out: Planes) -> None:
        look, motion, these = (
            self._look_at(piece.group),
            piece.motion,
            slice(piece.start, piece.stop),
        )
        if isinstance(motion, Shift):  # copies any number of planes at once
            fill = np.tile(self._fed_fill, len(piece))
            motion.view(_stacked(look.fed[these]), look.window, fill, _stacked(out))
            return
        if look.deep is not None and _takes_many(motion):
            channels = out.shape[1]
            many = np.empty((*self.frame.crop, len(piece) * channels), np.float32)
            planes = slice(piece.start * channels, piece.stop * channels)
            motion.view(look.deep[..., planes], look.window, self.fill, many)
            _stacked(out)[...] = many
        else:
            for pixels, view in zip(look.pixels[these], out, strict=True):
                canvas, seen = pixels.transpose(1, 2, 0), view.transpose(1, 2, 0)
                motion.view(canvas, look.window, self.fill, seen)
        self.feed.normalise(out)

    def _look_at(self, group: tuple[Probe, ...]) -> _Look:
        """Batches next to each other often share a group: whoever comes second finds it ready."""
        with self._one_looks:
            for look in self._looks:
                if look.group is group:
                    return look
            look = self._new_look(group)
            self._looks.append(look)
            return look

    def _new_look(self, group: tuple[Probe, ...]) -> _Look:
        height, width, channels = group[0].canvas.shape
        pixels = np.empty((len(group), channels, height, width), np.float32)
        for planes, probe in zip(pixels, group, strict=True):
            np.copyto(planes, probe.canvas[..., self.feed.sources].transpose(2, 0, 1))
        fed = pixels.copy()
        self.feed.normalise(fed)
        deep = np.ascontiguousarray(_stacked(pixels)) if len(group) > 1 else None
        return _Look(group, self.frame.window((height, width)), pixels, fed, deep)


def _takes_many(motion: Motion) -> bool:
    """Whether it works on any number of channels at once; OpenCV's warp takes four."""
    return isinstance(motion, Blur | Occlude) or (isinstance(motion, Zoom) and motion.zoom < 1)


def _stacked(planes: Planes) -> Planes:
    """(n, c, h, w) seen as (h, w, n * c), which is how geometry speaks."""
    n, channels, height, width = planes.shape
    return planes.reshape(n * channels, height, width).transpose(1, 2, 0)
