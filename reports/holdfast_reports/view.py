"""Decide what a report says. Pure: the same result and verdict give the same view."""

from datetime import datetime
from typing import Final

from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.parts.against import against
from holdfast_reports.parts.assertions import assertions
from holdfast_reports.parts.banner import banner
from holdfast_reports.parts.evidence import evidence_sentence, stopped_sentence
from holdfast_reports.parts.examples import examples
from holdfast_reports.parts.families import families
from holdfast_reports.parts.findings import findings
from holdfast_reports.parts.groups import group_tables
from holdfast_reports.parts.headlines import headlines
from holdfast_reports.parts.measures import measure_cell, measures
from holdfast_reports.parts.others import other_families, other_measures
from holdfast_reports.parts.provenance import provenance
from holdfast_reports.parts.reading import Reading
from holdfast_reports.parts.skipped import skipped, skipped_note
from holdfast_reports.parts.why import why
from holdfast_reports.shapes import ReportView
from holdfast_reports.words import count, percent, text

__all__ = ["view"]

_SHORT_SHA: Final = 12


def view(result: AuditResult, verdict: Verdict | None, *, name: str = "") -> ReportView:
    """Word a result.

    Args:
        result: what was seen.
        verdict: what was decided, None for an audit without a policy.
        name: what people call the model; a result knows it by its digest only. May be hostile.
    """
    reading = Reading(result, verdict)
    top = banner(reading)
    subject = text(name) or f"Model {result.provenance.model_sha256[:_SHORT_SHA]}"
    return ReportView(
        page_title=f"{top.word}: {subject}",
        subject=subject,
        facts=_facts(result),
        banner=top,
        headlines=headlines(reading),
        assertions=assertions(reading),
        findings=findings(result),
        accuracy=measure_cell(reading, "accuracy"),
        measures=measures(reading),
        confidence=percent(result.plan.confidence),
        families=families(reading),
        others=other_families(reading),
        other_measures=other_measures(reading),
        groups=group_tables(reading),
        evidence=evidence_sentence(reading),
        against=against(verdict),
        stopped=stopped_sentence(reading),
        examples=examples(result),
        skipped=skipped(result),
        skipped_note=skipped_note(result),
        provenance=provenance(result),
        why=why(result),
    )


def _facts(result: AuditResult) -> tuple[str, ...]:
    card = result.model
    kind = card.format.upper().replace("_", " ")
    classes = () if card.n_classes is None else (count(card.n_classes, "class", "classes"),)
    return (
        f"{kind}, {count(card.n_parameters, 'parameter')}",
        *classes,
        _images(result),
        _day(result.provenance.started_at),
    )


def _images(result: AuditResult) -> str:
    seen, used = result.sequential, result.probes.n_used
    if seen is not None and seen.stopped:
        return f"{used:,} of {count(seen.n_planned, 'image')}"
    return count(used, "image")


def _day(started_at: str) -> str:
    """`24 November 2026`; what is no date is shown as it came."""
    try:
        day = datetime.fromisoformat(started_at)
    except ValueError:
        return text(started_at, 40)
    return f"{day.day} {day:%B %Y}"
