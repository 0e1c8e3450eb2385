"""Lists for code-hosting sites: GitHub annotations, GitLab Code Quality, the cells as CSV."""

import csv
import io
import json
import re

import pytest

from ci_outputs import HOSTILE, VERDICTS, hostile, shuffled, standings
from factories import audit_data, deep_data, result_of
from holdfast_reports.formats.cells import COLUMNS, render_cells_csv
from holdfast_reports.formats.github import render_annotations
from holdfast_reports.formats.gitlab import render_code_quality
from holdfast_reports.parts.assertions import assertion_title
from results import finding

COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^:,\n]*,?)*)::([^\r\n]*)")


def _commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """As the runner reads them: split at the signs, then the escapes undone, `%25` last."""

    def undone(value: str) -> str:
        for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(code, sign)
        return value

    read = []
    for line in text.splitlines():
        found = COMMAND.fullmatch(line)
        assert found, line
        pairs = (pair.split("=", 1) for pair in found[2].split(","))
        read.append((found[1], {key: undone(value) for key, value in pairs}, undone(found[3])))
    return read


def test_annotations_say_what_blocks_and_what_warns() -> None:
    found = _commands(render_annotations(*standings("failed"), name="m.onnx", path="a:b,c.yaml"))
    assert [(kind, values["title"]) for kind, values, _ in found] == [
        ("error", "m.onnx: Consistency, scale"),
        ("error", "m.onnx: Consistency, translation"),
        ("warning", "m.onnx: Flatten head"),
        ("warning", "m.onnx: Consistency, rotation"),
        ("notice", "m.onnx: Drift, scale"),
    ]
    assert all(values["file"] == "a:b,c.yaml" and values["line"] == "1" for _, values, _ in found)
    assert found[1][2] == "Observed 0.6100 [0.5860, 0.6310] on 200 images breaks min 0.9."


def test_no_more_annotations_than_the_runner_shows() -> None:
    data = audit_data()
    data["findings"] = [finding(f"odd_{n}", "warning") for n in range(25)]
    found = _commands(render_annotations(result_of(data), None))
    assert [kind for kind, _, _ in found] == ["warning"] * 10


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_hostile_text_starts_no_command(payload: str) -> None:
    text = render_annotations(*hostile(payload), name=payload, path=payload)
    found = _commands(text)
    assert [kind for kind, _, _ in found] == ["error", "error", "warning"]
    if payload.isprintable():
        assert all(values["file"] == payload for _, values, _ in found)
    assert {values["line"] for _, values, _ in found} == {"1"}


def test_nothing_to_say_is_nothing() -> None:
    data = audit_data() | {"findings": []}
    assert render_annotations(result_of(data), None) == ""
    assert json.loads(render_code_quality(result_of(data), None)) == []


@pytest.mark.parametrize("payload", ["m.onnx", *HOSTILE])
@pytest.mark.parametrize("kind", [*VERDICTS, "hostile"])
def test_code_quality_has_what_gitlab_needs(kind: str, payload: str) -> None:
    audit = hostile(payload) if kind == "hostile" else standings(kind)
    report = json.loads(render_code_quality(*audit, name=payload, path="holdfast.yaml"))
    assert len({entry["fingerprint"] for entry in report}) == len(report) >= 1
    for entry in report:
        assert entry["description"].isprintable()
        assert entry["check_name"]
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert entry["location"] == {"path": "holdfast.yaml", "lines": {"begin": 1}}
    blocks = any(entry["severity"] == "critical" for entry in report)
    assert blocks == (kind in ("failed", "inconclusive", "hostile"))


def test_every_cell_is_a_row_with_all_its_digits() -> None:
    result = result_of(deep_data())
    rows = list(csv.DictReader(io.StringIO(render_cells_csv(result))))
    assert len(rows) == len(result.cells)
    assert [*rows[0]] == list(COLUMNS)
    seen = sorted(float(row["consistency"]) for row in rows)
    assert seen == sorted(cell.consistency for cell in result.cells)
    turned = next(row for row in rows if row["angle_deg"] == "-15.0")
    assert turned["family"] == "rotation"
    assert turned["dx_px"] == turned["exact"] == turned["occlusion_flip_rate"] == ""
    assert float(turned["blur_flip_rate"]) == 0.02
    joint = next(row for row in rows if row["family"] == "spatial")
    assert (joint["dx_px"], joint["dy_px"], joint["angle_deg"]) == ("1.26", "-3.0", "12.34")


def test_rows_follow_the_motion() -> None:
    rows = list(csv.DictReader(io.StringIO(render_cells_csv(result_of(deep_data())))))
    angles = [float(row["angle_deg"]) for row in rows if row["family"] == "rotation"]
    assert angles == sorted(angles)
    assert rows[0]["family"] == "translation"


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_result_does_not_matter(seed: int) -> None:
    data = audit_data()
    data["findings"] += [finding(f"odd_{n}", "warning") for n in range(5)]
    result, (_, verdict) = result_of(data), standings("failed")
    other = shuffled(result, seed)
    assert render_annotations(other, verdict) == render_annotations(result, verdict)
    assert render_code_quality(other, verdict) == render_code_quality(result, verdict)
    assert render_cells_csv(other) == render_cells_csv(result)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ("cause.head", "Cause: position-bound head"),
        ("cause.nobody", "Nobody, cause"),
        ("rotation.content_loss", "Content loss, rotation"),
        ("near_chance", "Near chance"),
        ("translation.worst_case", "Worst case, translation"),
    ],
)
def test_what_a_finding_is_called(finding: str, words: str) -> None:
    assert assertion_title(finding) == words
