"""The verdict on top, in one word and one sentence."""

from typing import Final

from holdfast.records.families import MAIN_FAMILIES
from holdfast.records.policy import Decision
from holdfast.records.result import FindingSeverity
from holdfast_reports.parts.reading import Reading
from holdfast_reports.shapes import Banner, Status
from holdfast_reports.words import MOVED, of_100, text, title

__all__ = ["STATUS", "WORD", "banner"]

STATUS: Final[dict[Decision, Status]] = {
    Decision.passed: "passed",
    Decision.failed: "failed",
    Decision.inconclusive: "inconclusive",
}
WORD: Final = {
    Decision.passed: "Passed",
    Decision.failed: "Failed",
    Decision.inconclusive: "Inconclusive",
}
_SENTENCE_CUT: Final = 600


def banner(reading: Reading) -> Banner:
    """What was decided; what to look at first; what makes every number doubtful."""
    alert, verdict = _alert(reading), reading.verdict
    weakest = "" if alert else _weakest(reading)
    if verdict is None:
        nothing = (
            "There was no policy, so nothing was decided. The numbers below stand for themselves."
        )
        return Banner("none", "Measured, not judged", nothing, weakest, alert)
    return Banner(
        status=STATUS[verdict.decision],
        word=WORD[verdict.decision],
        sentence=title(text(verdict.sentence, _SENTENCE_CUT)),
        weakest=weakest,
        alert=alert,
    )


def _alert(reading: Reading) -> str:
    """A finding of severity `error`: it outweighs whatever the numbers say."""
    grave = (f for f in reading.result.findings if f.severity is FindingSeverity.error)
    found = next(grave, None)
    return title(text(found.sentence, _SENTENCE_CUT)) if found else ""


def _weakest(reading: Reading) -> str:
    seen = [
        (numbers.value, family)
        for family in MAIN_FAMILIES
        if (numbers := reading.numbers(f"{family}.consistency")) is not None
    ]
    if not seen:
        return ""
    value, family = min(seen)
    if value == 1:
        return "No motion that was tried changed any answer."
    return (
        f"Weakest under {family}: {of_100(value)} of 100 {MOVED[family][0]} pictures "
        "keep their answer."
    )
