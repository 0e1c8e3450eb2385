"""What changed against the baseline, in words."""

from typing import Final

from holdfast.records.comparison import BaselineSummary, FamilyLoss
from holdfast.records.families import Family
from holdfast.records.policy import Judgement, Verdict
from holdfast_reports.words import count, text

__all__ = ["against", "baseline_name", "change_words", "flipped", "flips_of", "regressed"]

_NAMES: Final = 5
_CUT: Final = 600
_SHORT_SHA: Final = 12


def baseline_name(summary: BaselineSummary) -> str:
    """Its branch or file, else the front of the digest of its model."""
    return text(summary.name) or summary.model_sha256[:_SHORT_SHA]


def against(verdict: Verdict | None) -> str:
    """One sentence about the baseline, with the images that flip now; empty without one."""
    summary = verdict.baseline if verdict else None
    if summary is None:
        return ""
    flips = [f"{loss.family}: {flipped(loss)}." for loss in summary.families if loss.regressed]
    said = f"Against {baseline_name(summary)}: {text(summary.sentence, _CUT)}"
    return " ".join([said, *flips])


def regressed(verdict: Verdict | None, judgement: Judgement) -> FamilyLoss | None:
    """The loss of the family that an assertion is about, where that family regressed."""
    summary = verdict.baseline if verdict else None
    family = judgement.id.partition("@")[0].partition(".")[0]
    if summary is None or family not in set(Family):
        return None
    found = (loss for loss in summary.families if loss.family == family and loss.regressed)
    return next(found, None)


def flips_of(verdict: Verdict | None, judgement: Judgement) -> str:
    """The regressed family of an assertion with its loss and its images; empty for none."""
    loss = regressed(verdict, judgement)
    if loss is None:
        return ""
    return (
        f"Against the baseline {loss.family} regressed: consistency {change_words(loss)}, "
        f"{flipped(loss)}."
    )


def change_words(loss: FamilyLoss) -> str:
    """`1.000 to 0.721, -0.279 [-0.323, -0.236]`."""
    return (
        f"{loss.baseline:.3f} to {loss.candidate:.3f}, "
        f"{loss.difference:+.3f} [{loss.low:+.3f}, {loss.high:+.3f}]"
    )


def flipped(loss: FamilyLoss) -> str:
    """How many images flip that held, the first of them by name."""
    if not loss.n_flipped:
        return "no image flips that held everywhere"
    names = ", ".join(text(name) for name in loss.flipped[:_NAMES])
    more = loss.n_flipped - min(len(loss.flipped), _NAMES)
    rest = f" and {more:,} more" if more else ""
    return f"{count(loss.n_flipped, 'image')} that held flip now ({names}{rest})"
