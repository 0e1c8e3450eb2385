"""Walk a graph from the image to the scores and say of every tensor where its positions lie.

Every operator gets a **role**: what it can do wrong under a shift. What is not recognised is
unknown, and so is everything that follows from it alone; nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from holdfast.diagnose.fields import Axis
from holdfast.diagnose.places import Flat, Map, Place, Unknown, Vector
from holdfast.records.causes import PieceKind, StaticCode
from holdfast.records.model import Layout
from holdfast.runtimes.image_graph import Array, ImageGraph, Op

__all__ = ["Seat", "Walk", "Walked", "first_place", "lost", "note", "on_vectors"]


@dataclass(frozen=True)
class Seat:
    """What one operator was found to be.

    Attributes:
        role: what it does under a shift that is a whole number of steps at its place.
        stride: how much it samples down along (y, x).
        kernel: the weights of what samples, (out, in / group, h, w); None where it has none.
        smoothing: whether what samples is a smoothing filter of its own.
        window: the positions (y, x) that are taken together and apart from all others.
        notes: what it shows by itself.
    """

    op: Op
    role: PieceKind
    stride: tuple[int, int] = (1, 1)
    kernel: Array | None = None
    smoothing: str = "none"
    window: tuple[int, int] = (1, 1)
    uneven: bool = False
    mode: str = ""
    head: Flat | None = None
    notes: tuple[tuple[StaticCode, str], ...] = ()

    @property
    def samples(self) -> bool:
        """Whether a shift by less than some number of positions gives something else."""
        return max(*self.stride, *self.window) > 1


def note(code: StaticCode, detail: str) -> tuple[tuple[StaticCode, str], ...]:
    """One static note."""
    return ((code, detail),)


@dataclass
class Walk:
    """What is known on the way: tensors so far, and the values of those that hold no image."""

    graph: ImageGraph
    known: Mapping[str, Array]
    places: dict[str, Place] = field(default_factory=dict)

    @cached_property
    def makers(self) -> dict[str, Op]:
        """The operator that makes each tensor."""
        return {name: op for op in self.graph.ops for name in op.outputs}

    @cached_property
    def readers(self) -> dict[str, list[Op]]:
        """The operators that read each tensor."""
        return self.graph.readers()

    def value(self, name: str) -> Array | None:
        """A tensor that does not depend on the image, None where it does or is not known."""
        found = self.known.get(name)
        return self.graph.stored(name) if found is None else found

    def given(self, op: Op) -> list[Place]:
        """The places of the inputs that depend on the image."""
        return [self.places[name] for name in op.inputs if name in self.places]

    def constants(self, op: Op) -> list[Array | None]:
        """The values of the inputs that do not."""
        return [self.value(name) for name in op.inputs if name and name not in self.places]

    def argument(self, op: Op, position: int, attribute: str) -> tuple[int, ...] | None:
        """A list of whole numbers that is an attribute or, in newer operators, an input.

        Returns:
            None where it is an input whose value is not known; empty where it is left out.
        """
        if attribute in op.attributes:
            return op.ints(attribute)
        if len(op.inputs) <= position or not op.inputs[position]:
            return ()
        found = self.value(op.inputs[position])
        return None if found is None else tuple(int(value) for value in found.ravel())


@dataclass(frozen=True)
class Walked:
    """A walk that is over: the place of every tensor, the seat of every operator."""

    graph: ImageGraph
    places: Mapping[str, Place]
    seats: Sequence[Seat]
    input_size: tuple[int, int]


def first_place(layout: Layout, size: tuple[int, int]) -> Place:
    """The place of the image itself; a flat row of it lies channel by channel."""
    y, x = Axis(size[0]), Axis(size[1])
    if layout is Layout.flat:
        return Flat(Map(4, (2, 3), y, x), channels_last=False)
    return Map(4, (2, 3) if layout is Layout.nchw else (1, 2), y, x)


def lost(op: Op) -> tuple[Seat, Place]:
    """An operator that is not understood."""
    return Seat(op, PieceKind.unknown), Unknown()


def on_vectors(op: Op, given: Sequence[Place]) -> tuple[Seat, Place] | None:
    """Whatever happens to vectors alone, or behind what is not understood."""
    if all(isinstance(place, Vector) for place in given):
        return Seat(op, PieceKind.exact), Vector()
    return None
