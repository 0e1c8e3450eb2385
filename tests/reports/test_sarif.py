"""SARIF, checked against the schema that OASIS published and the limits that GitHub adds."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from ci_outputs import HOSTILE, VERDICTS, hostile, shuffled, standings
from factories import audit_data, result_of
from holdfast.catalogue import find
from holdfast.gate import judge, read_policy
from holdfast_reports.formats.sarif import render_sarif
from results import finding
from schemas import published


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(
        published("sarif-2.1.0"), format_checker=jsonschema.FormatChecker()
    )


def _run(text: str, schema: jsonschema.Draft7Validator) -> dict[str, Any]:
    log = json.loads(text)
    schema.validate(log)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    prints = [result["partialFingerprints"]["holdfastRule/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        [place] = result["locations"]
        assert place["physicalLocation"]["region"]["startLine"] == 1
        assert result["message"]["text"]
    return dict(run)


def _levels(run: dict[str, Any]) -> dict[str, str]:
    return {result["ruleId"]: result["level"] for result in run["results"]}


def test_the_schema_refuses_what_is_no_sarif(schema: jsonschema.Draft7Validator) -> None:
    log = json.loads(render_sarif(*standings("failed")))
    log["runs"][0]["results"][0]["level"] = "grave"
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(log)


@pytest.mark.parametrize("kind", VERDICTS)
def test_every_verdict_is_valid(kind: str, schema: jsonschema.Draft7Validator) -> None:
    run = _run(render_sarif(*standings(kind), name="m.onnx", path="holdfast.yaml"), schema)
    assert run["properties"]["decision"] == kind
    blocks = "error" in _levels(run).values()
    assert blocks == (kind in ("failed", "inconclusive"))


def test_the_level_says_what_an_assertion_does_to_the_gate(
    schema: jsonschema.Draft7Validator,
) -> None:
    assert _levels(_run(render_sarif(*standings("failed")), schema)) == {
        "translation.consistency": "error",
        "scale.consistency": "error",  # undecided, and the gate does not pass with it
        "rotation.consistency": "warning",
        "flatten_head": "warning",
        "scale.drift": "note",
    }


def test_rules_come_from_the_catalogue(schema: jsonschema.Draft7Validator) -> None:
    run = _run(render_sarif(*standings("failed")), schema)
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    entry = find("translation.consistency")
    assert entry is not None
    assert "accuracy" in rules  # it holds, and still is a rule of this policy
    rule = rules["translation.consistency"]
    assert rule["shortDescription"]["text"] == "Consistency, translation"
    assert entry.question in rule["fullDescription"]["text"]
    assert entry.read in rule["help"]["text"]


def test_a_fault_is_reported_once(schema: jsonschema.Draft7Validator) -> None:
    data = audit_data()
    data["findings"] = [finding("constant", "error")]
    result = result_of(data)
    block = {"assertions": {"accuracy": ["error", {"min": 0.5}]}}
    run = _run(render_sarif(result, judge(result, read_policy(block))), schema)
    assert _levels(run) == {"constant": "error"}
    assert len(run["results"]) == 1


@pytest.mark.parametrize(
    "path", ["holdfast.yaml", "models/a b.onnx", "c:d", "é#?.yaml", "100%.yaml", "\x00\n"]
)
def test_the_location_is_a_relative_uri(path: str, schema: jsonschema.Draft7Validator) -> None:
    run = _run(render_sarif(*standings("failed"), path=path), schema)
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri) == path
    assert not set(uri) & set(":#? \n\0")


def test_fingerprints_stay_when_only_numbers_change(schema: jsonschema.Draft7Validator) -> None:
    result, _ = standings("none")
    limits = [{"min": 0.9}, {"min": 0.95}]
    seen = []
    for limit in limits:
        block = {"assertions": {"translation.consistency": ["error", limit]}}
        verdict = judge(result, read_policy(block))
        run = _run(render_sarif(result, verdict, name="m", path="p"), schema)
        seen.append([each["partialFingerprints"] for each in run["results"]])
    other = _run(render_sarif(result, verdict, name="other", path="p"), schema)
    assert seen[0] == seen[1]
    assert seen[0] != [each["partialFingerprints"] for each in other["results"]]


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for part in data.values() if isinstance(data, dict) else data:
            yield from _texts(part)


def _messages(data: Any) -> Iterator[str]:
    """Where SARIF reads `[text](target)` as a link."""
    if isinstance(data, dict | list):
        for part in data.values() if isinstance(data, dict) else data:
            yield from _messages(part)
    if isinstance(data, dict) and "text" in data:
        yield data["text"]


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_text(payload: str, schema: jsonschema.Draft7Validator) -> None:
    run = _run(render_sarif(*hostile(payload), name=payload, path=payload), schema)
    assert len(run["results"]) == 3
    assert all(words.isprintable() for words in _texts(run))
    assert len(list(_messages(run))) == 9  # three of each of two rules, one of each result
    assert not [words for words in _messages(run) if "](" in words]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_result_does_not_matter(seed: int) -> None:
    result, verdict = standings("failed")
    assert render_sarif(shuffled(result, seed), verdict) == render_sarif(result, verdict)
