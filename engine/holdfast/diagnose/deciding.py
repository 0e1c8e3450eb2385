"""The decision: from shares to one label, in the order of the science reference, section 5.5.

The reference's tree and its last sentence ("the label is the largest") are joined so: of the drift
off the sampling grid the stride-phase index is aliasing's share, and what remains on the grid is
divided by the telescoping shares of a whole-period shift. See ADR 0029.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.diagnose.evidence import Evidence
from holdfast.diagnose.telescoping import Attribution
from holdfast.records.causes import CauseLabel, PieceKind

__all__ = ["LOW_DRIFT", "Decision", "Outside", "decide"]

LOW_DRIFT = 0.01
"""Relative drift of the scores below which a cause counts as weak; chosen, not calibrated."""
_EXPLAINED = 0.8
_STEADY = 0.9

_LABEL_OF = {
    PieceKind.padding: CauseLabel.padding,
    PieceKind.border: CauseLabel.border_crop,
    PieceKind.position: CauseLabel.position_embed,
    PieceKind.head: CauseLabel.head,
    PieceKind.sampling: CauseLabel.aliasing,
    PieceKind.nonlinearity: CauseLabel.aliasing,
}


@dataclass(frozen=True)
class Outside:
    """What the audit itself measured.

    Attributes:
        controls: per kind of control ("blur", "occlusion") the share of the flips of the views
            that has it which remain without the motion, over all families; None where nothing
            flips or no control ran.
        consistency: of translation.
        far: consistency of an object moved on a constant canvas, None where it was not asked for.
    """

    controls: Mapping[str, float]
    consistency: float | None
    far: float | None


@dataclass(frozen=True)
class Decision:
    """A label with its shares; `label` None where `reason` says why it cannot be told."""

    label: CauseLabel | None
    shares: tuple[tuple[CauseLabel, float], ...] = ()
    reason: str = ""
    piece: int | None = None


def decide(evidence: Evidence, outside: Outside) -> Decision:
    """Find the label, the shares of all causes, and the piece to name."""
    if outside.controls.get("blur", 0.0) >= _EXPLAINED:
        return Decision(CauseLabel.resampling)
    if outside.controls.get("occlusion", 0.0) >= _EXPLAINED:
        return Decision(CauseLabel.content_loss)
    if evidence.pixel is None or evidence.pixel_drift is None:
        return Decision(None, reason=evidence.reason or "its scores are all equal")
    drifts = [evidence.pixel_drift, *((evidence.rolls or {}).values())]
    largest = max(drift for drift in (*drifts, evidence.period_drift) if drift is not None)
    if largest <= evidence.floor:
        return _not_the_graph(outside)
    return _shared(evidence)


def _not_the_graph(outside: Outside) -> Decision:
    """The architecture is exact: what still flips comes from new content, or was learned."""
    if outside.consistency is None or outside.consistency >= _STEADY:
        return Decision(CauseLabel.none)
    if outside.far is None:
        reason = (
            "the architecture is exact under rolls, so the flips come from new content at the "
            "border or from training; families.displacement would tell"
        )
        return Decision(None, reason=reason)
    learned = outside.far < _STEADY
    return Decision(CauseLabel.learned if learned else CauseLabel.border_crop)


def _shared(evidence: Evidence) -> Decision:
    aliasing = _aliasing_share(evidence)
    rest = evidence.period if evidence.period is not None else evidence.pixel
    assert rest is not None  # noqa: S101 - decided by the caller
    on_grid = evidence.period_drift is not None and evidence.period_drift <= evidence.floor
    shares: dict[CauseLabel, float] = {}
    untold = 0.0
    if not on_grid:
        for kind, share in _by_kind(evidence, rest).items():
            label = _LABEL_OF.get(kind)
            if label is None:
                untold += (1 - aliasing) * share
            else:
                shares[label] = shares.get(label, 0.0) + (1 - aliasing) * share
    else:
        aliasing = 1.0
    if aliasing:
        shares[CauseLabel.aliasing] = shares.get(CauseLabel.aliasing, 0.0) + aliasing
    ranked = sorted(shares.items(), key=lambda row: (-row[1], row[0]))
    if not ranked or untold > ranked[0][1]:
        reason = "most of the change arises in operators that are not understood"
        return Decision(None, tuple(ranked), reason)
    return Decision(ranked[0][0], tuple(ranked), piece=_named(evidence, ranked[0][0]))


def _aliasing_share(evidence: Evidence) -> float:
    """The share of the drift off the grid that vanishes on it: the index of the total stride."""
    first = next(iter((evidence.spi or {}).values()), None)
    return 0.0 if first is None else min(1.0, max(0.0, first))


def _by_kind(evidence: Evidence, attribution: Attribution) -> dict[PieceKind, float]:
    found: dict[PieceKind, float] = {}
    if attribution.shares is None:
        return found
    whole = evidence.period is not None
    for section, share in zip(evidence.sections, attribution.shares, strict=True):
        kind = section.kind(whole_period=whole)
        found[kind] = found.get(kind, 0.0) + float(share)
    return found


def _named(evidence: Evidence, label: CauseLabel) -> int | None:
    """The piece with the largest effect among those that can have this cause."""
    aliasing = label is CauseLabel.aliasing
    source = evidence.pixel if aliasing else evidence.period or evidence.pixel
    if source is None:
        return None
    whole = not aliasing and evidence.period is not None
    fitting = [
        (float(error), number)
        for number, (section, error) in enumerate(
            zip(evidence.sections, source.errors, strict=True)
        )
        if _LABEL_OF.get(section.kind(whole_period=whole)) is label
    ]
    return max(fitting)[1] if fitting else None
