"""Images that could not be used."""

import re
from typing import Final

from holdfast.errors import ERRORS
from holdfast.records.result import AuditResult
from holdfast_reports.shapes import Skipped
from holdfast_reports.words import count, text, title

__all__ = ["skipped", "skipped_note"]

_MAX_LISTED: Final = 50
_REMARK: Final = re.compile(r" \([^)]*\{[^)]*\)")


def skipped(result: AuditResult) -> tuple[Skipped, ...]:
    """The first of them, with the reason."""
    return tuple(
        Skipped(text(probe.probe), _reason(probe.code))
        for probe in result.probes.skipped[:_MAX_LISTED]
    )


def skipped_note(result: AuditResult) -> str:
    """How many were skipped and how many of them are listed; empty when none was."""
    n = len(result.probes.skipped)
    if n == 0:
        return ""
    listed = "" if n <= _MAX_LISTED else f" The first {_MAX_LISTED} are listed."
    return f"{n:,} of {count(result.probes.n_given, 'image')} could not be used.{listed}"


def _reason(code: str) -> str:
    """The sentence of an error code without its subject, which has a column of its own."""
    known = ERRORS.get(code)
    sentence = _REMARK.sub("", known.sentence).removeprefix("{name} ") if known else ""
    if not sentence or "{" in sentence:  # what the record does not hold cannot be filled in
        sentence = text(code).replace("_", " ")
    return title(sentence)
