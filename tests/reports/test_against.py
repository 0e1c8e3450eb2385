"""What every format tells about a baseline, also when its names are hostile."""

import json
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from ci_outputs import HOSTILE
from comparisons import change, comparison_with, family_change
from factories import audit_data, result_of
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.formats.github import render_annotations
from holdfast_reports.formats.gitlab import render_code_quality
from holdfast_reports.formats.junit import render_junit
from holdfast_reports.formats.markdown import render_markdown
from holdfast_reports.formats.sarif import render_sarif
from holdfast_reports.html import html_report
from results import finding
from schemas import published

NAME = "translation.consistency"
LOST = change(NAME, -0.2, -0.25, -0.15)


def _judged(
    limits: dict[str, float], *rows: dict[str, Any], branch: str = "main", **more: Any
) -> tuple[AuditResult, Verdict]:
    result = result_of(audit_data())
    sha256 = {"candidate_sha256": result.provenance.model_sha256}
    families = [family_change("translation", 0.001, 30), family_change("rotation", 0.9)]
    fields = {"families": families, **sha256, **more}
    block = {
        "assertions": {NAME: ["error", limits], "rotation.consistency": ["error", {"min": 0.999}]},
        "baseline": {"branch": branch},
    }
    comparison = comparison_with(*(rows or (LOST,)), **fields)
    return result, judge(result, read_policy(block), comparison, today=date(2026, 11, 26))


def _sarif(judged: tuple[AuditResult, Verdict]) -> dict[str, Any]:
    log = json.loads(render_sarif(*judged, name="m", path="holdfast.yaml"))
    jsonschema.Draft7Validator(published("sarif-2.1.0")).validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def test_every_format_names_family_loss_and_images() -> None:
    judged = _judged({"max_drop": 0.02})
    shown = [
        render_junit(*judged),
        json.dumps(_sarif(judged)),
        render_markdown(*judged).replace("&#45;", "-"),
        render_annotations(*judged),
        render_code_quality(*judged),
        html_report(*judged),
    ]
    for text in shown:
        assert "translation" in text
        assert "translation/0.png" in text.replace("&#47;", "/")
        assert any(loss in text for loss in ("0.2000 [0.1500, 0.2500]", "-0.200 [-0.250, -0.150]"))
        assert "main" in text or "Against the baseline" in text


@pytest.mark.parametrize(
    ("limits", "row", "state"),
    [
        # a loss is new by its nature
        ({"max_drop": 0.02}, LOST, "new"),
        # the baseline's value of 0.9 kept this limit
        ({"min": 0.89}, LOST, "new"),
        # and already broke this one
        ({"min": 0.95}, LOST, "unchanged"),
        ({"min": 0.95, "max_drop": 0.5}, LOST, "unchanged"),
    ],
)
def test_sarif_tells_whether_the_baseline_had_the_problem(
    limits: dict[str, float], row: dict[str, Any], state: str
) -> None:
    results = {each["ruleId"]: each for each in _sarif(_judged(limits, row))["results"]}
    assert results[NAME]["baselineState"] == state
    assert "baselineState" not in results["rotation.consistency"]  # not compared


def test_without_a_baseline_sarif_tells_no_state() -> None:
    result = result_of(audit_data())
    verdict = judge(result, read_policy({"assertions": {NAME: ["error", {"min": 0.999}]}}))
    run = _sarif((result, verdict))
    assert [each for each in run["results"] if "baselineState" in each] == []
    assert "baseline" not in run["properties"]
    assert "Against" not in render_markdown(result, verdict)
    assert "Against" not in html_report(result, verdict)


def test_the_identical_model_has_the_problems_of_the_baseline() -> None:
    result = result_of(audit_data())
    sha256 = result.provenance.model_sha256
    same = {"baseline_sha256": sha256, "candidate_sha256": sha256}
    judged = _judged({"max_drop": 0.0}, LOST, **same)
    run = _sarif(judged)
    assert {each["baselineState"] for each in run["results"]} == {"unchanged"}
    assert "No change: it is the model of the baseline." in render_markdown(*judged)


def test_forgetting_is_shown_by_all() -> None:
    judged = _judged({"max_drop": 0.02}, findings=[finding("forgetting", "warning")])
    for text in (
        render_junit(*judged),
        json.dumps(_sarif(judged)),
        render_markdown(*judged),
        render_annotations(*judged),
        render_code_quality(*judged),
    ):
        assert "orgetting" in text


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_names_stay_text(payload: str) -> None:
    family = family_change("translation", 0.001, 3) | {"flipped": [payload] * 3}
    judged = _judged(
        {"max_drop": 0.02},
        branch=payload,
        families=[family],
        findings=[finding(payload[:80], "warning")],
    )
    ET.fromstring(render_junit(*judged))  # noqa: S314 - ours
    _sarif(judged)
    json.loads(render_code_quality(*judged))
    lines = render_annotations(*judged).splitlines()
    assert lines
    assert all(line.startswith("::") for line in lines)
    markdown = render_markdown(*judged)
    assert "![x](y)" not in markdown
    for page in (markdown, html_report(*judged)):
        for raw in ("<script>alert", "\x1b", "\u202e", "</failure>"):
            assert raw not in page
