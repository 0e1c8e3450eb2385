"""Cut a graph into pieces, each between two tensors that everything passes through."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.diagnose.places import Flat, Map, Place, Tokens, Unknown, Vector
from holdfast.diagnose.walking import Seat, Walked
from holdfast.records.causes import PieceKind

__all__ = ["MAX_PIECES", "Cut", "Section", "cut_up", "without"]

MAX_PIECES = 40
_GRAVEST = (
    PieceKind.unknown,
    PieceKind.head,
    PieceKind.position,
    PieceKind.padding,
    PieceKind.border,
    PieceKind.nonlinearity,
)

_PLACE_BOUND = 3
"""So many of these are wrong whatever else a piece does."""


@dataclass(frozen=True)
class Cut:
    """A tensor through which every path from the image to the scores leads."""

    tensor: str
    place: Place


@dataclass(frozen=True)
class Section:
    """What lies between two cuts."""

    seats: tuple[Seat, ...]

    def kind(self, *, whole_period: bool) -> PieceKind:
        """What this piece can do wrong; sampling does nothing under a whole period."""
        roles = {seat.role for seat in self.seats}
        samples = any(seat.samples for seat in self.seats)
        for role in _GRAVEST[:_PLACE_BOUND]:
            if role in roles:
                return role
        if samples and not whole_period:
            return PieceKind.sampling
        return next((role for role in _GRAVEST if role in roles), PieceKind.exact)

    @property
    def main(self) -> Seat:
        """The operator to name: the gravest role, then what samples, then the last."""
        rank = {role: number for number, role in enumerate(_GRAVEST)}

        def order(seat: Seat) -> tuple[int, bool, int]:
            own = rank.get(seat.role, len(rank))
            return min(own, _PLACE_BOUND), not seat.samples, own

        return min(reversed(self.seats), key=order)

    @property
    def interest(self) -> int:
        """How much is lost when this piece is joined to its neighbour; 0 is nothing."""
        if self.kind(whole_period=False) is PieceKind.exact:
            return 0
        if self.kind(whole_period=False) is PieceKind.nonlinearity:
            return 1
        grave = any(seat.role in _GRAVEST[:_PLACE_BOUND] or seat.samples for seat in self.seats)
        return 3 if grave else 2


def cut_up(walked: Walked, most: int = MAX_PIECES) -> tuple[list[Cut], list[Section]]:
    """The cuts in order, the image first and the scores last, and the pieces between them.

    Of more than `most` pieces those are joined to the piece before them that tell least.
    """
    cuts, sections = _all(walked)
    while len(sections) > most:
        least = min(range(1, len(sections)), key=lambda at: _loss(sections, at))
        sections[least - 1 : least + 1] = [
            Section(sections[least - 1].seats + sections[least].seats)
        ]
        del cuts[least]
    return cuts, sections


def without(
    cuts: Sequence[Cut], sections: Sequence[Section], dropped: Sequence[str]
) -> tuple[list[Cut], list[Section]]:
    """The same without some cuts; the pieces on both sides of such a cut become one."""
    kept, joined = [cuts[0]], []
    open_seats: tuple[Seat, ...] = ()
    for cut, section in zip(cuts[1:], sections, strict=True):
        open_seats = (*open_seats, *section.seats)
        if cut.tensor not in dropped:
            kept.append(cut)
            joined.append(Section(open_seats))
            open_seats = ()
    return kept, joined


def _loss(sections: Sequence[Section], at: int) -> tuple[int, int, int]:
    before, here = sections[at - 1], sections[at]
    return (
        min(before.interest, here.interest),
        max(before.interest, here.interest),
        len(before.seats) + len(here.seats),
    )


def _all(walked: Walked) -> tuple[list[Cut], list[Section]]:
    """A tensor is a cut where, behind its operator, it is the only one still to be read."""
    graph = walked.graph
    left = {name: len(readers) for name, readers in graph.readers().items()}
    left[graph.scores] = left.get(graph.scores, 0) + 1
    cuts, sections = [Cut(graph.image, walked.places[graph.image])], []
    alive: set[str] = {graph.image}
    gathered: list[Seat] = []
    for seat in walked.seats:
        gathered.append(seat)
        for name in seat.op.inputs:
            if name in alive:
                left[name] -= 1
                if not left[name]:
                    alive.discard(name)
        alive.update(name for name in seat.op.outputs if left.get(name))
        if len(alive) == 1:
            (tensor,) = alive
            place = walked.places[tensor]
            if tensor == graph.scores:
                place = Vector()
            if _can_be_cut(place):
                cuts.append(Cut(tensor, place))
                sections.append(Section(tuple(gathered)))
                gathered = []
    return cuts, sections


def _can_be_cut(place: Place) -> bool:
    if isinstance(place, Unknown):
        return False
    pending = isinstance(place, Map) and place.pending is not None
    turned = isinstance(place, Tokens) and (place.batch != 0 or place.crowded)
    return not pending and not turned and isinstance(place, Map | Tokens | Flat | Vector)
