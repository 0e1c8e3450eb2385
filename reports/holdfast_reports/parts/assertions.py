"""The policy, row by row: what had to hold, what was seen, and the sentence that decided."""

from typing import Final

from holdfast.catalogue import find
from holdfast.records.causes import CauseLabel
from holdfast.records.policy import Decision, Judgement, Level
from holdfast_reports.parts.banner import STATUS, WORD
from holdfast_reports.parts.bars import bar, limit_words
from holdfast_reports.parts.evidence import evidence_of
from holdfast_reports.parts.measures import interval_words, value_words
from holdfast_reports.parts.reading import Numbers, Reading
from holdfast_reports.parts.why import CAUSE_WORDS
from holdfast_reports.shapes import AssertionView
from holdfast_reports.words import text, title, whose

__all__ = ["assertion_title", "assertions"]

_ORDER: Final = [Decision.failed, Decision.inconclusive, Decision.passed]
_SENTENCE_CUT: Final = 600


def assertions(reading: Reading) -> tuple[AssertionView, ...]:
    """All judgements: what failed first, what is required before what only warns."""
    judgements = reading.verdict.judgements if reading.verdict else ()
    ranked = sorted(
        judgements, key=lambda j: (_ORDER.index(j.decision), j.level is not Level.error, j.id)
    )
    return tuple(_assertion(reading, judgement) for judgement in ranked)


def assertion_title(measurement_id: str) -> str:
    """`Worst case, translation`; an id outside the catalogue is a finding's and reads as words."""
    entry = find(measurement_id)
    if entry is None:
        return _finding_title(text(measurement_id))
    family, dot, _ = entry.id.partition(".")
    whole = f"{entry.title}, {family}" if dot else entry.title
    return whole + whose(measurement_id)


def _finding_title(finding_id: str) -> str:
    """`Near chance`; `Resampling, rotation` of a family; a cause as the report calls it."""
    subject, _, name = finding_id.rpartition(".")
    if subject == "cause" and name.upper() in set(CauseLabel):
        return f"Cause: {CAUSE_WORDS[CauseLabel(name.upper())].lower()}"
    words = name.replace("_", " ").capitalize()
    return f"{words}, {subject}" if subject else words


def _assertion(reading: Reading, judgement: Judgement) -> AssertionView:
    entry, numbers = find(judgement.id), _numbers(judgement)
    observed = ""
    if numbers:
        value = value_words(judgement.id, numbers.value)
        observed = f"{value} ({interval_words(judgement.id, numbers.low, numbers.high)})"
    return AssertionView(
        status=STATUS[judgement.decision],
        word=WORD[judgement.decision],
        title=assertion_title(judgement.id),
        id=text(judgement.id),
        question=entry.question if entry else "",
        required=judgement.level is Level.error,
        limit=limit_words(judgement),
        observed=observed,
        bar=bar(numbers, judgement) if numbers else None,
        sentence=title(text(judgement.sentence, _SENTENCE_CUT)),
        evidence=evidence_of(reading, judgement),
    )


def _numbers(judgement: Judgement) -> Numbers | None:
    value, low, high = judgement.value, judgement.low, judgement.high
    if value is None or low is None or high is None:
        return None
    return Numbers(value, low, high, judgement.n_images)
