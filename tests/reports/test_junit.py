"""JUnit XML, read back by a parser and checked against the structure that CI systems expect."""

import re
from xml.etree import ElementTree as ET

import pytest

from ci_outputs import HOSTILE, VERDICTS, hostile, shuffled, standings
from factories import audit_data, result_of
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Decision, Level
from holdfast_reports.formats.junit import render_junit
from results import finding

# The `junit-10.xsd` of the Jenkins xUnit plugin: what may stand in what, and in which order.
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "properties": ["property"],
    "testcase": ["skipped", "failure", "error", "system-out", "system-err"],
    "property": [],
    "failure": [],
    "skipped": [],
    "system-out": [],
}
NEEDED = {
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "skipped": {"message"},
}


def _suite(text: str) -> ET.Element:
    root = ET.fromstring(text)  # noqa: S314 - we wrote it
    assert root.tag == "testsuites"
    for element in root.iter():
        order = [CHILDREN[element.tag].index(child.tag) for child in element]
        assert order == sorted(order)
        assert NEEDED.get(element.tag, set()) <= element.attrib.keys()
    [suite] = root
    cases = suite.findall("testcase")
    for name, found in (
        ("tests", cases),
        ("failures", suite.findall("testcase/failure")),
        ("skipped", suite.findall("testcase/skipped")),
        ("errors", suite.findall("testcase/error")),
    ):
        assert suite.attrib[name] == str(len(found))
        assert root.get(name, str(len(found))) == str(len(found))
    return suite


def _case(suite: ET.Element, name: str) -> ET.Element:
    [case] = [case for case in suite.findall("testcase") if case.get("name") == name]
    return case


def _child(element: ET.Element, tag: str) -> ET.Element:
    found = element.find(tag)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", VERDICTS)
def test_the_suite_fails_exactly_when_the_gate_does_not_pass(kind: str) -> None:
    suite = _suite(render_junit(*standings(kind), name="m.onnx"))
    assert suite.get("name") == "m.onnx"
    assert (suite.get("failures") != "0") == (kind in ("failed", "inconclusive"))


def test_each_assertion_is_a_case_of_its_family() -> None:
    suite = _suite(render_junit(*standings("failed")))
    assert [(case.get("classname"), case.get("name")) for case in suite.findall("testcase")] == [
        ("model", "accuracy"),
        ("rotation", "rotation.consistency"),
        ("scale", "scale.consistency"),
        ("scale", "scale.drift"),
        ("translation", "translation.consistency"),
    ]


def test_a_failure_says_what_was_seen_and_what_was_asked() -> None:
    case = _case(_suite(render_junit(*standings("failed"))), "translation.consistency")
    failure = _child(case, "failure")
    assert failure.get("type") == "failed"
    assert failure.get("message") == (
        "observed 0.6100 [0.5860, 0.6310] on 200 images breaks min 0.9"
    )
    assert _child(case, "system-out").text == (
        "observed: 0.61\ninterval: [0.586, 0.631]\nlimit: at least 0.9\nn_images: 200\n"
        "level: error\ndecision: failed"
    )


def test_what_warns_is_skipped_with_its_reason() -> None:
    suite = _suite(render_junit(*standings("failed")))
    broken = _child(_case(suite, "rotation.consistency"), "skipped").attrib["message"]
    undecided = _child(_case(suite, "scale.drift"), "skipped").attrib["message"]
    assert broken.startswith("warning: observed 0.9050")
    assert undecided.startswith("undecided: observed 0.0280")


def test_an_undecided_assertion_is_a_failure_of_its_own_type() -> None:
    suite = _suite(render_junit(*standings("inconclusive")))
    assert _child(_case(suite, "scale.consistency"), "failure").get("type") == "inconclusive"


def test_an_undecided_assertion_that_the_policy_passes_is_skipped() -> None:
    result, _ = standings("none")
    block = {"assertions": {"scale.consistency": ["error", {"min": 0.97}]}}
    verdict = judge(result, read_policy(block | {"on_inconclusive": "pass"}))
    assert verdict.decision is Decision.passed
    suite = _suite(render_junit(result, verdict))
    assert suite.get("failures") == "0"
    _child(_case(suite, "scale.consistency"), "skipped")


def test_a_fault_of_the_model_is_a_failed_case() -> None:
    data = audit_data()
    data["findings"] = [finding("constant", "error")]
    result = result_of(data)
    block = {"assertions": {"accuracy": ["error", {"min": 0.5}]}}
    suite = _suite(render_junit(result, judge(result, read_policy(block))))
    assert _case(suite, "constant").get("classname") == "findings"
    _child(_case(suite, "constant"), "failure")


def test_without_a_policy_one_skipped_case_says_so() -> None:
    suite = _suite(render_junit(*standings("none")))
    assert suite.get("tests") == suite.get("skipped") == "1"


def test_the_properties_tell_which_audit_it_was() -> None:
    result, verdict = standings("failed")
    suite = _suite(render_junit(result, verdict))
    values = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert values["model_sha256"] == result.provenance.model_sha256
    assert values["plan_digest"] == result.provenance.plan_digest
    assert values["engine_version"] == result.provenance.engine_version
    assert values["decision"] == "failed"


def test_the_time_is_iso_8601_without_a_zone() -> None:
    suite = _suite(render_junit(*standings("failed")))
    assert suite.get("timestamp") == "2026-01-01T00:00:00"
    assert re.fullmatch(r"\d+\.\d{3}", suite.attrib["time"])


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_text(payload: str) -> None:
    result, verdict = hostile(payload)
    suite = _suite(render_junit(result, verdict, name=payload))
    assert suite.get("tests") == "2"
    assert suite.get("failures") == str(
        sum(j.level is Level.error and j.decision is Decision.failed for j in verdict.judgements)
    )
    if payload.isprintable():
        assert suite.get("name") == payload
        assert _child(_case(suite, payload[:80]), "failure").get("message") == payload


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_result_does_not_matter(seed: int) -> None:
    result, verdict = standings("failed")
    assert render_junit(shuffled(result, seed), verdict) == render_junit(result, verdict)
