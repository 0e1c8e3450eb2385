"""What came out of an audit, as its page shows it: the report's own words, in short."""

from dataclasses import dataclass

from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.shapes import AssertionView, Bar, Headline, Status
from holdfast_reports.view import view

__all__ = ["AssertionLine", "BarLine", "LimitLine", "NumberLine", "OutcomeLine", "outcome_line"]


@dataclass(frozen=True)
class BarLine:
    """An interval, its estimate and the limits on a track from 0 to 100."""

    value: str
    low: str
    width: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class LimitLine:
    """What the policy asks of one family."""

    status: Status
    words: str


@dataclass(frozen=True)
class NumberLine:
    """One of the three numbers; not measured: `number` is empty and `sentence` says why."""

    title: str
    number: str
    sentence: str
    detail: str
    scope: str
    bar: BarLine | None
    limits: tuple[LimitLine, ...]


@dataclass(frozen=True)
class AssertionLine:
    """One row of the policy."""

    status: Status
    word: str
    title: str
    id: str
    required: bool
    limit: str
    seen: str


@dataclass(frozen=True)
class OutcomeLine:
    """The verdict, the numbers and the policy."""

    status: Status
    heading: str
    sentences: tuple[str, ...]
    numbers: tuple[NumberLine, ...]
    assertions: tuple[AssertionLine, ...]


def outcome_line(result: AuditResult, verdict: Verdict | None, name: str) -> OutcomeLine:
    """Word one outcome. The template sees only this, so that a change in the report is noticed."""
    said = view(result, verdict, name=name)
    banner = said.banner
    sentences = (banner.alert, banner.sentence, banner.weakest, said.stopped)
    return OutcomeLine(
        status=banner.status,
        heading=banner.word if banner.status == "none" else f"Gate {banner.word.lower()}",
        sentences=tuple(sentence for sentence in sentences if sentence),
        numbers=tuple(_number(headline) for headline in said.headlines),
        assertions=tuple(_assertion(assertion) for assertion in said.assertions),
    )


def _number(headline: Headline) -> NumberLine:
    return NumberLine(
        title=headline.title,
        number=headline.number,
        sentence=headline.sentence,
        detail=headline.detail,
        scope=headline.scope,
        bar=_bar(headline.bar) if headline.bar else None,
        limits=tuple(LimitLine(limit.status, limit.words) for limit in headline.limits),
    )


def _bar(bar: Bar) -> BarLine:
    return BarLine(value=bar.value, low=bar.low, width=bar.width, limits=bar.limits)


def _assertion(assertion: AssertionView) -> AssertionLine:
    return AssertionLine(
        status=assertion.status,
        word=assertion.word.lower(),
        title=assertion.title,
        id=assertion.id,
        required=assertion.required,
        limit=assertion.limit,
        seen=assertion.observed or assertion.sentence,
    )
