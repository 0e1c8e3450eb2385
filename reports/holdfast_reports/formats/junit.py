"""JUnit XML: one suite per audit, one case per assertion.

A case fails exactly when the assertion keeps the gate from passing, so a test report and the exit
code never disagree. What only warns is a skipped case with the reason as its message: JUnit knows
no warning, and a failure would turn a gate red that passed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

from holdfast.records.policy import Decision, Judgement, Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.formats.issues import is_fault, judged, standing, subject
from holdfast_reports.parts.against import against, baseline_name, flips_of
from holdfast_reports.parts.bars import limit_words
from holdfast_reports.words import text

__all__ = ["render_junit"]

_CUT: Final = 1200


def render_junit(result: AuditResult, verdict: Verdict | None, *, name: str = "") -> str:
    """The audit as a test report.

    Args:
        result: what was seen.
        verdict: what was decided; None gives one skipped case that says so.
        name: what people call the model; may be hostile.
    """
    cases = [_case(result, verdict, judgement) for judgement in judged(verdict) if verdict]
    cases = cases or [_nothing_decided()]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": 0,
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    numbers = {key: str(value) for key, value in counts.items()}
    numbers["time"] = f"{result.provenance.duration_s:.3f}"
    suite = ET.Element("testsuite", {"name": _xml(subject(result, name)), **numbers})
    if started := _timestamp(result.provenance.started_at):
        suite.set("timestamp", started)
    suite.append(_properties(result, verdict))
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _remarks(result, verdict)
    numbers.pop("skipped")  # the schema has it at a suite only
    root = ET.Element("testsuites", {"name": "holdfast", **numbers})
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(result: AuditResult, verdict: Verdict, judgement: Judgement) -> ET.Element:
    family, dot, _ = judgement.id.partition("@")[0].partition(".")
    group = "findings" if is_fault(result, judgement) else family if dot else "model"
    case = ET.Element(
        "testcase", {"classname": _xml(group), "name": _xml(judgement.id), "time": "0.000"}
    )
    how, sentence = standing(verdict, judgement), _xml(judgement.sentence)
    if how == "blocks":
        failure = ET.SubElement(case, "failure", {"message": sentence, "type": judgement.decision})
        failure.text = "\n".join(filter(None, (sentence, _xml(flips_of(verdict, judgement)))))
    elif how != "holds":
        said = "warning" if judgement.decision is Decision.failed else "undecided"
        ET.SubElement(case, "skipped", {"message": f"{said}: {sentence}"})
    ET.SubElement(case, "system-out").text = _numbers(judgement)
    return case


def _nothing_decided() -> ET.Element:
    case = ET.Element("testcase", {"classname": "model", "name": "gate", "time": "0.000"})
    ET.SubElement(case, "skipped", {"message": "there was no policy, so nothing was decided"})
    return case


def _numbers(judgement: Judgement) -> str:
    def number(value: float | None) -> str:
        return "not measured" if value is None else f"{value!r}"

    lines = {
        "observed": number(judgement.value),
        "interval": f"[{number(judgement.low)}, {number(judgement.high)}]",
        "limit": limit_words(judgement) or "none",
        **_change(judgement, number),
        "n_images": str(judgement.n_images),
        "level": judgement.level,
        "decision": judgement.decision,
    }
    return "\n".join(f"{key}: {value}" for key, value in lines.items())


def _change(judgement: Judgement, number: Callable[[float | None], str]) -> dict[str, str]:
    """The paired change; empty without a baseline."""
    change = judgement.change
    if change is None:
        return {}
    interval = f"[{number(change.low)}, {number(change.high)}]"
    return {
        "baseline": number(change.baseline),
        "change": f"{number(change.difference)} {interval} on {change.n_images} images of both",
    }


def _properties(result: AuditResult, verdict: Verdict | None) -> ET.Element:
    origin = result.provenance
    values = {
        "model_sha256": origin.model_sha256,
        "probes_sha256": origin.probes_sha256,
        "plan_digest": origin.plan_digest,
        "engine_version": origin.engine_version,
        "n_images": str(result.probes.n_used),
        "decision": verdict.decision if verdict else "none",
    }
    if verdict:
        values["policy_digest"] = verdict.policy_digest
    if verdict and verdict.baseline:
        values["baseline"] = baseline_name(verdict.baseline)
        values["baseline_model_sha256"] = verdict.baseline.model_sha256
    properties = ET.Element("properties")
    for key, value in values.items():
        ET.SubElement(properties, "property", {"name": key, "value": _xml(value)})
    return properties


def _remarks(result: AuditResult, verdict: Verdict | None) -> str:
    lines = [_xml(verdict.sentence), _xml(against(verdict))] if verdict else []
    told = (*result.findings, *(verdict.baseline.findings if verdict and verdict.baseline else ()))
    lines += sorted(
        _xml(f"{found.severity} {found.id}: {found.sentence} {found.hint}") for found in told
    )
    return "\n".join(filter(None, lines))


def _timestamp(started_at: str) -> str:
    """ISO 8601 without a zone, which is what the readers' schema asks for; empty for no date."""
    try:
        return f"{datetime.fromisoformat(started_at):%Y-%m-%dT%H:%M:%S}"
    except ValueError:
        return ""


def _xml(foreign: str) -> str:
    """Text that XML can hold: `text` leaves no control characters and no lone surrogates."""
    return text(foreign, _CUT)
