"""The walk itself: each operator by its rule, from the image to the scores."""

from collections.abc import Mapping

from holdfast.diagnose.places import Place, Tiles, Unknown
from holdfast.diagnose.point_rules import POINT_RULES
from holdfast.diagnose.shape_rules import SHAPE_RULES
from holdfast.diagnose.slice_rules import SLICE_RULES
from holdfast.diagnose.tile_rules import tile_rule
from holdfast.diagnose.walking import Seat, Walk, Walked, first_place, lost, on_vectors
from holdfast.diagnose.window_rules import WINDOW_RULES
from holdfast.records.model import Layout
from holdfast.runtimes.image_graph import Array, ImageGraph, Op

__all__ = ["walk_graph"]

_RULES = {**POINT_RULES, **SHAPE_RULES, **SLICE_RULES, **WINDOW_RULES}


def walk_graph(
    graph: ImageGraph, known: Mapping[str, Array], layout: Layout, size_px: tuple[int, int]
) -> Walked:
    """Find the place of every tensor between the image and the scores.

    Args:
        graph: what lies between.
        known: values of tensors that depend on sizes only, as far as they were found out.
        layout: of the image.
        size_px: height and width of the image.
    """
    walk = Walk(graph, known)
    walk.places[graph.image] = first_place(layout, size_px)
    seats = []
    for op in graph.ops:
        seat, place = _ruled(walk, op)
        seats.append(seat)
        for number, name in enumerate(op.outputs):
            if name:
                walk.places[name] = place if number == 0 or op.kind == "Split" else Unknown()
    return Walked(graph, walk.places, tuple(seats), size_px)


def _ruled(walk: Walk, op: Op) -> tuple[Seat, Place]:
    rule = _RULES.get(op.kind)
    if any(isinstance(place, Tiles) for place in walk.given(op)):
        rule = tile_rule
    if rule is None or (op.inputs[0] not in walk.places and rule not in _ANY_INPUT):
        return on_vectors(op, walk.given(op)) or lost(op)
    try:
        return rule(walk, op)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return lost(op)  # attributes that no rule expects: whatever it is, it is not understood


_ANY_INPUT = frozenset(
    (tile_rule, *(_RULES[kind] for kind in ("Add", "Concat", "Gemm", "LayerNormalization")))
)
