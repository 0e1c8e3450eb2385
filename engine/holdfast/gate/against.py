"""What a verdict tells about its baseline: families that regressed, and images that flipped."""

from typing import Final

from holdfast.records.comparison import BaselineSummary, Comparison, FamilyChange, FamilyLoss
from holdfast.records.policy import BaselineRule

__all__ = ["summary_of"]

_NAMES: Final = 20


def summary_of(comparison: Comparison, rule: BaselineRule) -> BaselineSummary:
    """The part of a comparison that every report shows.

    A family regressed when its flips changed significantly (modified Obuchowski test, adjusted by
    Holm over the families at one minus the confidence) and its consistency fell. Source: the
    project's science reference, sections 4.5 and 4.6.
    """
    alpha = 1.0 - comparison.confidence
    by_id = {row.id: row for row in comparison.measurements}
    losses = []
    for family in comparison.families:
        row = by_id.get(f"{family.family}.consistency")
        if row is None:
            continue
        losses.append(
            FamilyLoss(
                family=family.family,
                regressed=row.difference < 0 and family.p_adjusted <= alpha,
                baseline=row.baseline,
                candidate=row.candidate,
                difference=row.difference,
                low=row.low,
                high=row.high,
                p_adjusted=family.p_adjusted,
                flipped=family.flipped[:_NAMES],
                n_flipped=family.n_flipped,
            )
        )
    return BaselineSummary(
        name=rule.branch or rule.file or "",
        model_sha256=comparison.baseline_sha256,
        n_images=comparison.n_images,
        same_model=comparison.same_model,
        families=tuple(losses),
        findings=comparison.findings,
        sentence=_sentence(comparison, losses),
    )


def _sentence(comparison: Comparison, losses: list[FamilyLoss]) -> str:
    if comparison.same_model:
        return "No change: it is the model of the baseline."
    told = [_told(loss) for loss in losses if loss.regressed]
    if told:
        return f"Regressed: {'; '.join(told)}."
    changed = [row.family for row in comparison.families if _has_changed(row)]
    if changed:
        return f"No family regressed; {', '.join(changed)} changed within what chance can do."
    return "No change: the answers are those of the baseline."


def _has_changed(row: FamilyChange) -> bool:
    return bool(row.lost or row.gained)


def _told(loss: FamilyLoss) -> str:
    return (
        f"{loss.family} lost {-loss.difference:.4f} [{-loss.high:.4f}, {-loss.low:.4f}] of its "
        f"consistency, {loss.n_flipped} images flip that held"
    )
