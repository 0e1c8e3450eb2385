"""What a tensor is to a shift: a map, tokens, a flattened map, a vector, or nothing known."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnose.fields import Axis
from holdfast.runtimes.image_graph import Array

__all__ = [
    "Atom",
    "Flat",
    "Grouped",
    "Map",
    "Pairs",
    "Pending",
    "Place",
    "Tiles",
    "Tokens",
    "Unknown",
    "Vector",
    "moved",
]


@dataclass(frozen=True)
class Pending:
    """Padding that an operator of its own has laid down: ((begin, end) of y, of x), and how."""

    y: tuple[int, int]
    x: tuple[int, int]
    mode: str
    op: str


@dataclass(frozen=True)
class Map:
    """A feature map; `places` are the tensor's axes of y and x among `rank`."""

    rank: int
    places: tuple[int, int]
    y: Axis
    x: Axis
    pending: Pending | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, without pending padding."""
        return self.y.size, self.x.size

    def axes(self, y: Axis, x: Axis) -> "Map":
        """The same tensor layout with other axes, and no padding pending."""
        return replace(self, y=y, x=x, pending=None)


@dataclass(frozen=True)
class Tokens:
    """The positions of a map in a row along one axis, behind `extra` tokens that have no place.

    `batch` is the axis of the images, which they may share with heads (`crowded`); only where it is
    the first and theirs alone can a graph be cut.
    """

    rank: int
    place: int
    y: Axis
    x: Axis
    extra: int = 0
    batch: int = 0
    crowded: bool = False

    @property
    def count(self) -> int:
        """Tokens, with the extra ones."""
        return self.y.size * self.x.size + self.extra


@dataclass(frozen=True)
class Pairs:
    """A number for each pair of tokens, in the last two axes: what attention makes of them.

    `of` ask and `keys` answer; both with their positions in the axis before the last.
    """

    of: Tokens
    keys: Tokens


Atom = tuple[str, int]
"""What a part of an axis counts, and how far: see `Tiles`."""


@dataclass(frozen=True)
class Tiles:
    """A map in windows of `window` (y, x) positions; no graph is cut at it.

    `axes` says what lies along each axis of the tensor, outermost first: images `n` (their number
    is left open), rows and columns of windows `Y` and `X`, positions in a window `y` and `x`, and
    all else, channels and heads, `c`. What has the size 1 is left out.
    """

    of: Map
    window: tuple[int, int]
    axes: tuple[tuple[Atom, ...], ...]

    @property
    def row(self) -> tuple[Atom, ...]:
        """The positions of a window along one axis."""
        return tuple(atom for atom in self.counts("yx") if atom[1] > 1)

    @property
    def is_whole(self) -> bool:
        """Whether one window is the whole map."""
        return self.window == self.of.size

    def counts(self, names: str) -> tuple[Atom, Atom]:
        """Of `YX` how many windows there are, of `yx` how many positions a window has."""
        y, x = self.window
        if names == "YX":
            y, x = self.of.y.size // y, self.of.x.size // x
        return (names[0], y), (names[1], x)

    def along(self, axes: tuple[tuple[Atom, ...], ...]) -> "Tiles":
        """The same in other axes."""
        return replace(self, axes=axes)

    def with_channels(self, axis: int, size: int) -> "Tiles":
        """With so many channels along an axis of channels."""
        made = () if size == 1 else (("c", size),)
        return self.along((*self.axes[:axis], made, *self.axes[axis + 1 :]))


@dataclass(frozen=True)
class Flat:
    """A map in one row per image; `channels_last`: the channels of a position lie together."""

    of: Map
    channels_last: bool


@dataclass(frozen=True)
class Grouped:
    """A map in a row per image and group of channels, as the norm of a group wants it."""

    of: Map


@dataclass(frozen=True)
class Vector:
    """No position is left."""


@dataclass(frozen=True)
class Unknown:
    """It is not known what a shift does to this tensor."""


Place = Map | Tokens | Pairs | Tiles | Flat | Grouped | Vector | Unknown


def moved(tensor: Array, place: Place, shift_px: tuple[int, int]) -> Array:
    """What a shift (dy, dx) of the input should do to a tensor: roll it by the shift over the jump.

    A fraction of a position is an ideal roll by Fourier phases.

    Raises:
        ValueError: it is not known, or half a step of whole numbers is asked for.
    """
    if isinstance(place, Vector):
        return tensor
    if isinstance(place, Map) and place.pending is None:
        return _rolled(tensor, place.places, _steps(place.y, place.x, shift_px))
    if isinstance(place, Tokens):
        return _tokens_rolled(tensor, place, shift_px)
    if isinstance(place, Flat):
        return _flat_rolled(tensor, place, shift_px)
    raise ValueError("nobody knows where the positions of this tensor lie")


def _steps(y: Axis, x: Axis, shift_px: tuple[int, int]) -> tuple[float, float]:
    return shift_px[0] / y.jump, shift_px[1] / x.jump


def _rolled(tensor: Array, places: tuple[int, int], steps: tuple[float, float]) -> Array:
    if all(float(step).is_integer() for step in steps):
        return np.roll(tensor, tuple(int(step) for step in steps), places)
    if tensor.dtype.kind != "f":
        raise ValueError("whole numbers do not move by half a step")
    height, width = (tensor.shape[place] for place in places)
    phases = _phases(height, width, steps)[:, : width // 2 + 1]
    shape = [1] * tensor.ndim
    shape[places[0]], shape[places[1]] = phases.shape
    in_order = phases if places[0] < places[1] else phases.T
    spectrum = np.fft.rfft2(tensor.astype(np.float64), axes=places)
    spectrum *= in_order.reshape(shape)
    return np.fft.irfft2(spectrum, (height, width), places).astype(tensor.dtype)


def _phases(height: int, width: int, steps: tuple[float, float]) -> NDArray[np.complex128]:
    """What multiplies the spectrum (h, w) of a real map that rolls by (dy, dx) positions.

    Half the sampling rate has no phase; the mean with the mirrored conjugate leaves its cosine.
    """
    turns = np.add.outer(np.fft.fftfreq(height) * steps[0], np.fft.fftfreq(width) * steps[1])
    phases = np.exp(-2j * np.pi * turns)
    mirrored = np.roll(phases[::-1, ::-1], (1, 1), (0, 1))
    return np.asarray((phases + mirrored.conj()) / 2)


def _tokens_rolled(tensor: Array, place: Tokens, shift_px: tuple[int, int]) -> Array:
    row = np.moveaxis(tensor, place.place, 0)
    grid = row[place.extra :].reshape(place.y.size, place.x.size, *row.shape[1:])
    turned = _rolled(grid, (0, 1), _steps(place.y, place.x, shift_px))
    whole = np.concatenate([row[: place.extra], turned.reshape(-1, *row.shape[1:])])
    return np.moveaxis(whole, 0, place.place)


def _flat_rolled(tensor: Array, place: Flat, shift_px: tuple[int, int]) -> Array:
    height, width = place.of.size
    shape = (height, width, -1) if place.channels_last else (-1, height, width)
    axes = (1, 2) if place.channels_last else (2, 3)
    grid = tensor.reshape(len(tensor), *shape)
    turned = _rolled(grid, axes, _steps(place.of.y, place.of.x, shift_px))
    return turned.reshape(tensor.shape)
