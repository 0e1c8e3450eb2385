"""A comparison of two audits: as a page of its own and as Markdown."""

from dataclasses import dataclass
from typing import Final

from holdfast.records.comparison import Comparison, MeasurementChange
from holdfast_reports.html import set_page
from holdfast_reports.markup import code, plain
from holdfast_reports.parts.assertions import assertion_title
from holdfast_reports.parts.measures import value_words
from holdfast_reports.shapes import Table
from holdfast_reports.words import count, difference, percent, short_p, text, title

__all__ = ["ComparisonView", "comparison_html", "comparison_view", "render_comparison_markdown"]

_MOST_IMAGES: Final = 50
_MOST_CELLS: Final = 40
_SURE: Final = 0.05
_WORDS: Final = {
    "passed": "Nothing lost",
    "failed": "Something was lost",
    "inconclusive": "Not decided",
}
_HEAD: Final = ("measurement", "before", "after", "better by", "decision", "images")


@dataclass(frozen=True)
class ComparisonView:
    """A comparison, worded; names are cleaned but not escaped."""

    baseline: str
    candidate: str
    status: str
    word: str
    sentence: str
    facts: tuple[str, ...]
    findings: tuple[str, ...]
    measurements: Table
    families: Table
    cells: Table
    images: tuple[str, ...]
    images_note: str


def comparison_view(found: Comparison, baseline: str, candidate: str) -> ComparisonView:
    """Word a comparison.

    Args:
        found: what changed.
        baseline: what people call the older audit; may be hostile.
        candidate: what people call the newer one; may be hostile.
    """
    shown = found.flipped[:_MOST_IMAGES]
    more = found.n_flipped - len(shown)
    return ComparisonView(
        baseline=text(baseline, 120),
        candidate=text(candidate, 120),
        status=found.decision,
        word=_WORDS[found.decision],
        sentence=text(found.sentence, 400),
        facts=(
            f"{count(found.n_images, 'image')} in both",
            f"up to {found.margin:g} may be lost",
            f"{percent(found.confidence)} intervals",
        ),
        findings=tuple(title(text(each.sentence, 400)) for each in found.findings),
        measurements=_measurements(found),
        families=_families(found),
        cells=_cells(found),
        images=tuple(text(name) for name in shown),
        images_note=f"and {count(more, 'more image', 'more images')}" if more > 0 else "",
    )


def comparison_html(found: Comparison, baseline: str, candidate: str) -> str:
    """A self-contained page, in the style of the report."""
    return set_page("comparison.html.j2", view=comparison_view(found, baseline, candidate))


def render_comparison_markdown(found: Comparison, baseline: str, candidate: str) -> str:
    """A summary in GitHub's Markdown."""
    view = comparison_view(found, baseline, candidate)
    blocks = [
        f"## Holdfast: {view.word}",
        f"From {code(view.baseline)} to {code(view.candidate)}: {plain(view.sentence)}",
        "\n".join(f"- {plain(finding)}" for finding in view.findings),
        _rows(view.measurements),
        _rows(view.families),
        _named(view),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _measurements(found: Comparison) -> Table:
    same = found.baseline_sha256 == found.candidate_sha256
    return Table(
        caption="Measurements",
        columns=_HEAD,
        rows=tuple(_measurement(each, same=same) for each in found.measurements),
        folded=False,
        note="Paired image by image; a negative number is a loss, also of what should be small.",
    )


def _measurement(change: MeasurementChange, *, same: bool) -> tuple[str, ...]:
    low, high = difference(change.low), difference(change.high)
    return (
        assertion_title(change.id),
        value_words(change.id, change.baseline),
        value_words(change.id, change.candidate),
        f"{difference(change.difference)} [{low}, {high}]",
        "no change" if same else change.decision,
        f"{change.n_images:,}",
    )


def _families(found: Comparison) -> Table:
    rows = tuple(
        (each.family.value, f"{each.lost:,}", f"{each.gained:,}", short_p(each.p_adjusted))
        for each in found.families
    )
    return Table(
        caption="Families",
        columns=("family", "answers lost", "answers gained", "p, adjusted"),
        rows=rows,
        folded=False,
        note="Modified Obuchowski test over the images; Holm over the families.",
    )


def _cells(found: Comparison) -> Table:
    ranked = sorted(found.cells, key=lambda cell: (cell.p_value, cell.family.value, cell.cell))
    sure = [cell for cell in ranked if cell.p_value < _SURE][:_MOST_CELLS]
    rows = tuple(
        (
            f"{cell.family.value}: {text(cell.cell)}",
            f"{cell.lost:,}",
            f"{cell.gained:,}",
            f"{difference(cell.difference)} [{difference(cell.low)}, {difference(cell.high)}]",
            short_p(cell.p_value),
        )
        for cell in sure
    )
    return Table(
        caption="Motions whose answers changed most",
        columns=("motion", "lost", "gained", "difference", "p"),
        rows=rows,
        folded=True,
        note="McNemar's mid-p below 0.05, not adjusted: a place to look, no proof.",
    )


def _rows(table: Table) -> str:
    if not table.rows:
        return ""
    lines = [f"| {' | '.join(table.columns)} |", "|---" * len(table.columns) + "|"]
    lines += [f"| {' | '.join(map(plain, row))} |" for row in table.rows]
    return "\n".join(lines)


def _named(view: ComparisonView) -> str:
    if not view.images:
        return ""
    names = ", ".join(code(name) for name in view.images)
    return f"Lost their worst case: {names} {view.images_note}".rstrip()
