"""From evidence to the record of causes: numbers, one label, plain words and what helps."""

import math
from typing import Literal

from holdfast.diagnose.deciding import LOW_DRIFT, Decision, Outside, decide
from holdfast.diagnose.evidence import Evidence
from holdfast.diagnose.remedies import MEANINGS, remedy_of
from holdfast.diagnose.telescoping import Attribution
from holdfast.metrics import effective_period
from holdfast.records.causes import CauseLabel, Causes, CauseShare, PeriodIndex, Piece

__all__ = ["NOT_ASKED", "causes_of"]

NOT_ASKED = "The cause was not analysed: the plan turns it off (causes: false)."
_CUT = 80
_LEAST_SHARE = 1e-3
_OUTSIDE_GRAPH = (CauseLabel.resampling, CauseLabel.content_loss, CauseLabel.learned)


def causes_of(evidence: Evidence, outside: Outside) -> Causes:
    """The record of one audit."""
    decision = decide(evidence, outside)
    largest = _largest(evidence)
    return Causes(
        label=decision.label,
        strength=_strength(evidence, largest),
        sentence=_sentence(evidence, decision),
        remedy=remedy_of(decision.label, evidence.facts) if decision.label else "",
        shares=tuple(
            CauseShare(label=label, share=round(share, 6))
            for label, share in decision.shares
            if abs(share) >= _LEAST_SHARE
        ),
        graph=evidence.facts,
        graph_sentence=(
            "" if evidence.facts else "No feature map of the graph could be followed to the scores."
        ),
        pieces=_pieces(evidence),
        spi=tuple(
            PeriodIndex(period_px=period, index=index)
            for period, index in (evidence.spi or {}).items()
        ),
        effective_period_px=effective_period(dict(evidence.spi or {})),
        pixel_drift=evidence.pixel_drift,
        period_drift=evidence.period_drift,
        n_images=evidence.n_images,
        n_forwards=evidence.n_forwards,
    )


def _largest(evidence: Evidence) -> float | None:
    drifts = [evidence.pixel_drift, evidence.period_drift, *(evidence.rolls or {}).values()]
    return max((drift for drift in drifts if drift is not None), default=None)


def _strength(evidence: Evidence, largest: float | None) -> Literal["none", "low", "high"] | None:
    if largest is None:
        return None
    if largest <= evidence.floor:
        return "none"
    return "low" if largest < LOW_DRIFT else "high"


def _sentence(evidence: Evidence, decision: Decision) -> str:
    if decision.label is None:
        return f"The cause cannot be told: {decision.reason}."[:400]
    words = MEANINGS[decision.label]
    share = next((share for label, share in decision.shares if label is decision.label), None)
    if share is not None and decision.label not in _OUTSIDE_GRAPH:
        words += (
            f" It makes {min(1.0, max(0.0, share)):.0%} of the drift of the scores under rolls."
        )
    if decision.piece is not None:
        main = evidence.sections[decision.piece].main.op
        words += f" Most of it arises at {main.kind} {main.name[:60]}."
    return words[:400]


def _pieces(evidence: Evidence) -> tuple[Piece, ...]:
    if evidence.pixel is None:
        return ()
    return tuple(_piece(evidence, number) for number in range(len(evidence.sections)))


def _piece(evidence: Evidence, number: int) -> Piece:
    section, pixel, period = evidence.sections[number], evidence.pixel, evidence.period
    assert pixel is not None  # noqa: S101 - the caller looked
    shares = _shares(period, number, evidence.period_drift, evidence.floor)
    pixel_shares = _shares(pixel, number, evidence.pixel_drift, evidence.floor)
    found = evidence.maps[number] if evidence.maps else None
    kinds = list(dict.fromkeys(seat.op.kind for seat in section.seats))
    return Piece(
        name=section.main.op.name[:_CUT],
        kind=section.kind(whole_period=False),
        ops=", ".join(kinds)[:_CUT],
        period_error=None if period is None else _finite(period.errors[number]),
        period_share=shares,
        pixel_error=_finite(pixel.errors[number]),
        pixel_share=pixel_shares,
        location_map=None if found is None else found[0],
        location_map_share=None if found is None else found[1],
    )


def _shares(
    found: Attribution | None, number: int, drift: float | None, floor: float
) -> float | None:
    """The share of a piece; None where all there is to share is rounding."""
    if found is None or found.shares is None or drift is None or drift <= floor:
        return None
    return float(found.shares[number])


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else 0.0
