"""A summary in GitHub's Markdown, short enough for a pull request or the page of a run."""

from typing import Final

from holdfast.records.comparison import FamilyLoss
from holdfast.records.policy import Decision, Judgement, Level, Verdict
from holdfast.records.result import AuditResult, Example
from holdfast_reports.formats.issues import Issue, findings_of, issues, judged, subject
from holdfast_reports.markup import code as _code
from holdfast_reports.markup import plain as _plain
from holdfast_reports.parts.against import baseline_name
from holdfast_reports.parts.banner import STATUS, WORD, banner
from holdfast_reports.parts.bars import limit_words
from holdfast_reports.parts.examples import examples
from holdfast_reports.parts.measures import value_words
from holdfast_reports.parts.reading import Reading
from holdfast_reports.parts.repeat import command, configuration
from holdfast_reports.parts.why import cause_line
from holdfast_reports.shapes import ExampleView
from holdfast_reports.words import count, percent, text, title

__all__ = ["render_markdown"]

_MARK: Final = {
    "passed": "\N{WHITE HEAVY CHECK MARK}",
    "failed": "\N{CROSS MARK}",
    "inconclusive": "\N{BLACK QUESTION MARK ORNAMENT}",
    "none": "\N{BAR CHART}",
}
_HEADLINES: Final = ("consistency", "worst_case", "drift", "accuracy_drop")
_MOST_ISSUES: Final = 10
_MOST_IMAGES: Final = 6
_CUT: Final = 300
_BASELINE_CUT: Final = 600
_ORDER: Final = [Decision.failed, Decision.inconclusive, Decision.passed]


def render_markdown(result: AuditResult, verdict: Verdict | None, *, name: str = "") -> str:
    """Verdict, assertions with their intervals, the worst findings and images, how to repeat it.

    Args:
        result: what was seen.
        verdict: what was decided; None puts the headline numbers in the place of the assertions.
        name: what people call the model; may be hostile.
    """
    reading = Reading(result, verdict)
    top, called = banner(reading), subject(result, name)
    blocks = [
        f"## {_MARK[top.status]} Holdfast: {top.word}",
        # No line begins with foreign text, so none can begin a list or a heading.
        f"{_code(called)}: {_plain(f'{top.sentence} {top.alert or top.weakest}'.rstrip())}",
        _assertions(verdict) if verdict else _measurements(reading),
        _baseline(verdict),
        _why(result),
        _issues(result),
        _images(result),
        _repeat(result),
        _origin(result),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _assertions(verdict: Verdict) -> str:
    """What failed first, what is required before what only warns."""
    ranked = sorted(
        judged(verdict), key=lambda j: (_ORDER.index(j.decision), j.level is not Level.error, j.id)
    )
    head = "| verdict | assertion | observed [interval] | limit | images |"
    return "\n".join([head, "|---|---|---|---|---:|", *map(_assertion, ranked)])


def _assertion(judgement: Judgement) -> str:
    level = "" if judgement.level is Level.error else " (warn)"
    seen = _observed(judgement.id, judgement.value, judgement.low, judgement.high)
    cells = (
        f"{_MARK[STATUS[judgement.decision]]} {WORD[judgement.decision]}{level}",
        _code(text(judgement.id)),
        seen or _plain(title(text(judgement.sentence, _CUT))),
        _plain(limit_words(judgement)),
        f"{judgement.n_images:,}",
    )
    return f"| {' | '.join(cells)} |"


def _observed(name: str, value: float | None, low: float | None, high: float | None) -> str:
    """`0.610 [0.586, 0.631]`, in the words of the measurement's unit; empty if not measured."""
    if value is None or low is None or high is None:
        return ""
    one, start, end = (_plain(value_words(name, number)) for number in (value, low, high))
    return f"{one} [{start}, {end}]"


def _measurements(reading: Reading) -> str:
    lines = ["| measurement | observed [interval] | images |", "|---|---|---:|"]
    for found in sorted(reading.result.measurements, key=lambda item: item.id):
        if found.id == "accuracy" or found.id.rpartition(".")[2] in _HEADLINES:
            seen = _observed(found.id, found.value, found.low, found.high)
            said = seen or _plain(title(text(found.sentence, _CUT)))
            lines.append(f"| {_code(text(found.id))} | {said} | {found.n_images:,} |")
    return "\n".join(lines)


def _baseline(verdict: Verdict | None) -> str:
    """Every family against the baseline; what regressed stands in bold, with its images."""
    if verdict is None or verdict.baseline is None:
        return ""
    summary = verdict.baseline
    lines = [
        f"### Against {_code(baseline_name(summary))}",
        "",
        _plain(text(summary.sentence, _BASELINE_CUT)),
    ]
    if not summary.same_model and summary.families:
        head = "| family | consistency before and now | change [interval] | flip now, held before |"
        lines += ["", head, "|---|---|---|---|", *map(_loss, summary.families)]
    lines += [""] if summary.findings else []
    lines += [_issue(issue) for issue in findings_of(summary)]
    return "\n".join(lines)


def _loss(loss: FamilyLoss) -> str:
    name = f"**{loss.family}** regressed" if loss.regressed else loss.family
    shown = [_code(text(image)) for image in loss.flipped[:_MOST_IMAGES]]
    more = loss.n_flipped - len(shown)
    shown += [f"and {more:,} more"] if more > 0 else []
    change = f"{loss.difference:+.3f} [{loss.low:+.3f}, {loss.high:+.3f}]"
    return f"| {name} | {loss.baseline:.3f}, {loss.candidate:.3f} | {change} | {', '.join(shown)} |"


def _why(result: AuditResult) -> str:
    said = cause_line(result.causes)
    return f"**Why:** {_plain(said)}" if said else ""


def _issues(result: AuditResult) -> str:
    found = issues(result, None)
    if not found:
        return ""
    lines = [_issue(issue) for issue in found[:_MOST_ISSUES]]
    more = len(found) - _MOST_ISSUES
    lines += [f"- {more} more in the report"] if more > 0 else []
    return "\n".join(["### Findings", "", *lines])


def _issue(issue: Issue) -> str:
    said = f"{issue.message} {issue.hint}".rstrip()
    return f"- **{issue.severity}** {_code(issue.rule)}: {_plain(said)}"


def _images(result: AuditResult) -> str:
    """The images that lost most of the confidence in their first answer."""
    if not result.examples:
        return ""
    pairs = zip(result.examples, examples(result), strict=True)
    worst = [view for _, view in sorted(pairs, key=lambda pair: (_lost(pair[0]), str(pair[1])))]
    lines = ["| image | motion | unmoved | moved |", "|---|---|---|---|"]
    lines += [_image(view) for view in worst[:_MOST_IMAGES]]
    return "\n".join(["### Worst images", "", *lines])


def _lost(example: Example) -> float:
    return example.after.reference_probability - example.before.reference_probability


def _image(view: ExampleView) -> str:
    before, after = (
        f"{_code(seen.answer)} {_plain(seen.confidence)}" for seen in (view.before, view.after)
    )
    return f"| {_code(view.probe)} | {_plain(view.motion)} | {before} | {after} |"


def _repeat(result: AuditResult) -> str:
    # Every line of it begins with a key of ours, so none can close the fence.
    written = configuration(result.plan, result.sequential)
    return (
        "<details><summary>Run it again</summary>\n\n"
        f"```sh\n{command(result.plan)}\n```\n\n"
        f"```yaml\n{written}\n```\n\n</details>"
    )


def _origin(result: AuditResult) -> str:
    origin = result.provenance
    level = percent(result.plan.confidence)
    return (
        f"{count(result.probes.n_used, 'image')}, intervals at {level}; "
        f"model {_code(origin.model_sha256)}, plan {_code(origin.plan_digest)}, "
        f"Holdfast {_code(text(origin.engine_version))}"
    )
