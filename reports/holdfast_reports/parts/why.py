"""Why the scores move: the cause in plain words, where in the graph, and what helps."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from holdfast.records.causes import AxisFacts, CauseLabel, Causes, GraphFacts, Piece, PieceKind
from holdfast.records.result import AuditResult
from holdfast_reports.shapes import Fact, PieceBar, WhyView
from holdfast_reports.words import count, number, percent, share, text, title

__all__ = ["CAUSE_WORDS", "cause_line", "why"]

CAUSE_WORDS: Final = {
    CauseLabel.none: "No cause in the graph",
    CauseLabel.aliasing: "Aliasing",
    CauseLabel.padding: "Padding",
    CauseLabel.head: "Position-bound head",
    CauseLabel.position_embed: "Built-in positions",
    CauseLabel.border_crop: "Loss at the border",
    CauseLabel.resampling: "Resampling",
    CauseLabel.content_loss: "Lost content",
    CauseLabel.learned: "Learned places",
}
_KINDS: Final = {
    PieceKind.exact: "exact by itself",
    PieceKind.nonlinearity: "non-linearity",
    PieceKind.sampling: "sampling",
    PieceKind.border: "border",
    PieceKind.padding: "padding",
    PieceKind.position: "position constant",
    PieceKind.head: "head",
    PieceKind.unknown: "not understood",
}
_HEADS: Final = {
    "global_pool": "pooled over all positions",
    "flatten": "flattened, a weight per position",
    "tokens": "one of the tokens, or their mean",
    "unknown": "not recognised",
}
_STRENGTH: Final = {"none": "nothing moves", "low": "little moves", "high": "scores move clearly"}
_MOST: Final = 12
_LEAST: Final = 0.05
_CUT: Final = 400


def why(result: AuditResult) -> WhyView | None:
    """The section; None for results of a release that asked for no cause."""
    causes = result.causes
    if causes is None:
        return None
    largest = max((_largest(piece) for piece in causes.pieces), default=0.0)
    shown = _shown(causes.pieces)
    return WhyView(
        title=_title(causes),
        status=_status(causes),
        label=causes.label or "",
        sentence=title(text(causes.sentence, _CUT)),
        remedy=title(text(causes.remedy, _CUT)),
        others=_others(causes),
        facts=tuple(_facts(causes)),
        bars=tuple(_bar(piece, largest) for piece in shown) if largest > 0 else (),
        note=_note(causes, len(shown)),
        period=any(piece.period_error is not None for piece in shown),
    )


def cause_line(causes: Causes | None) -> str:
    """`Aliasing: the model samples …`, one line for a summary; empty where nothing was asked."""
    if causes is None or causes.label is None:
        return ""
    return f"{_title(causes)}: {title(text(causes.sentence, _CUT))}"


def _title(causes: Causes) -> str:
    return "Not told" if causes.label is None else CAUSE_WORDS[causes.label]


def _status(causes: Causes) -> str:
    quiet = causes.label in (None, CauseLabel.none) or causes.strength != "high"
    return "info" if quiet else "warning"


def _others(causes: Causes) -> str:
    """The causes beside the named one, with their shares; one that works against it is left out."""
    rest = [
        f"{CAUSE_WORDS[each.label].lower()} {percent(round(each.share, 2))}"
        for each in causes.shares
        if each.label is not causes.label and each.share >= _LEAST
    ]
    return f"Beside it: {', '.join(rest)}." if rest else ""


def _facts(causes: Causes) -> Iterator[Fact]:
    graph = causes.graph
    if graph is not None:
        yield from _graph_facts(graph)
    for name, drift in (("1 px", causes.pixel_drift), ("the total stride", causes.period_drift)):
        if drift is not None:
            yield Fact(f"Drift of the scores, rolled by {name}", share(min(drift, 99.0)))
    first = causes.spi[0] if causes.spi else None
    if first is not None and first.index is not None:
        yield Fact(f"Stride phase at {first.period_px} px", number(round(first.index, 2)))
    if causes.strength is not None:
        yield Fact("How much there is to explain", _STRENGTH[causes.strength])


def _graph_facts(graph: GraphFacts) -> Iterator[Fact]:
    yield Fact("Total stride", _both(graph, lambda axis: f"{number(round(axis.stride_px, 2))} px"))
    yield Fact("Receptive field", _both(graph, _field))
    yield Fact("Positions that padding reaches", percent(round(graph.border_share, 3)))
    yield Fact("Classifier", _HEADS[graph.head])
    if graph.location_share is not None:
        yield Fact("Weights bound to a position", percent(round(graph.location_share, 3)))
    bare = [op for op in graph.strided if op.smoothing == "none"]
    if graph.strided:
        yield Fact("Strided operators without low-pass", f"{len(bare)} of {len(graph.strided)}")
    seen = [op.activation_share for op in graph.strided if op.activation_share is not None]
    if seen:
        words = f"{percent(round(max(seen), 3))} of the energy at the worst of them"
        yield Fact("Detail that sampling cannot hold", words)


def _field(axis: AxisFacts) -> str:
    field = axis.receptive_field_px
    return "the whole input" if field is None else f"{number(round(field, 1))} px"


def _both(graph: GraphFacts, words: Callable[[AxisFacts], str]) -> str:
    across, down = words(graph.horizontal), words(graph.vertical)
    return across if across == down else f"{across} across, {down} down"


def _shown(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with the largest effects, in the order of the graph."""
    ranked = sorted(range(len(pieces)), key=lambda at: -_largest(pieces[at]))
    return [pieces[at] for at in sorted(ranked[:_MOST])]


def _largest(piece: Piece) -> float:
    return max(piece.pixel_error, piece.period_error or 0.0)


def _bar(piece: Piece, largest: float) -> PieceBar:
    return PieceBar(
        name=text(piece.name),
        ops=text(piece.ops),
        kind=_KINDS[piece.kind],
        pixel=_width(piece.pixel_error, largest),
        pixel_words=share(min(piece.pixel_error, 99.0)),
        period="" if piece.period_error is None else _width(piece.period_error, largest),
        period_words="" if piece.period_error is None else share(min(piece.period_error, 99.0)),
    )


def _width(error: float, largest: float) -> str:
    return f"{100 * error / largest:.1f}"


def _note(causes: Causes, shown: int) -> str:
    if not causes.pieces:
        return ""
    rest = len(causes.pieces) - shown
    more = f" The {shown} largest of {len(causes.pieces)} pieces." if rest > 0 else ""
    return (
        "The effect of each piece of the graph on the scores, relative to them, on "
        f"{count(causes.n_images, 'image')}. Rolled by the total stride a sampling grid is met "
        "again: what remains there is padding, position or the head. Effects may cancel, so they "
        f"need not add up.{more}"
    )
