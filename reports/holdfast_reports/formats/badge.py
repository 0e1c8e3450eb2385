"""The verdict as a badge: a drawing of our own, and what shields.io needs to draw one."""

import json
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from holdfast.records.policy import Decision, Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.formats.issues import subject
from holdfast_reports.words import text

__all__ = ["Badge", "badge_json", "badge_svg", "render_badge_json", "render_badge_svg"]

_LABEL: Final = "holdfast"
_NONE: Final = "not judged"
_COLOURS: Final = {  # white on each has a contrast of at least 4.5 (WCAG 2.2, 1.4.3)
    Decision.passed: "#1a7f37",
    Decision.failed: "#c62828",
    Decision.inconclusive: "#8a5a00",
    None: "#57606a",
}
_NAMED: Final = {
    Decision.passed: "brightgreen",
    Decision.failed: "red",
    Decision.inconclusive: "orange",
    None: "lightgrey",
}
_NARROW: Final = "fijlrt "
_NARROW_PX, _LETTER_PX = 4.0, 6.6  # about Verdana at 11 px; textLength does the rest
_PAD_PX: Final = 6
_HEIGHT_PX: Final = 20


@dataclass(frozen=True)
class Badge:
    """What a badge says: `label` may be hostile; `seen` is a number beside the decision."""

    label: str = _LABEL
    decision: Decision | None = None
    seen: str = ""

    @property
    def message(self) -> str:
        """The right half."""
        return " ".join(part for part in (self.seen, self.decision or _NONE) if part)


def render_badge_svg(result: AuditResult, verdict: Verdict | None, *, name: str = "") -> str:
    """A badge that needs no font, script or network of the page it stands on.

    Args:
        result: what was seen.
        verdict: what was decided, None for an audit without a policy.
        name: what people call the model, for the title; may be hostile.
    """
    badge = Badge(decision=verdict.decision if verdict else None)
    return badge_svg(badge, title=subject(result, name))


def badge_svg(badge: Badge, *, title: str = "") -> str:
    """Draw a badge; `title` is who it is about, the label when left out."""
    label, message = text(badge.label), badge.message
    left, right = _width_px(label), _width_px(message)
    said = escape(label, {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT_PX}" '
        f'role="img" aria-label="{said}: {message}">\n'
        f"<title>{escape(title) or said}: {message}</title>\n"
        f'<rect width="{left + right}" height="{_HEIGHT_PX}" rx="3" fill="#3d444d"/>\n'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" '
        f'fill="{_COLOURS[badge.decision]}"/>\n'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" '
        f'font-size="11">\n{_word(said, left / 2, left)}\n'
        f"{_word(message, left + right / 2, right)}\n</g>\n</svg>\n"
    )


def render_badge_json(verdict: Verdict | None) -> str:
    """The endpoint form of shields.io, version 1; an undecided gate is no error of the badge."""
    return badge_json(Badge(decision=verdict.decision if verdict else None))


def badge_json(badge: Badge) -> str:
    """A badge in the endpoint form of shields.io, version 1."""
    shield = {
        "schemaVersion": 1,
        "label": text(badge.label),
        "message": badge.message,
        "color": _NAMED[badge.decision],
    }
    return json.dumps(shield) + "\n"


def _width_px(words: str) -> int:
    letters_px = sum(_NARROW_PX if letter in _NARROW else _LETTER_PX for letter in words)
    return round(letters_px) + 2 * _PAD_PX


def _word(words: str, middle_px: float, width_px: int) -> str:
    """A word that is as wide as planned in whatever font the reader has."""
    length = width_px - 2 * _PAD_PX
    return f'<text x="{middle_px:g}" y="14" textLength="{length}">{words}</text>'
