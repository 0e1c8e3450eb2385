"""What `-o` writes: one table of suffixes, for audits and for stored results."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from commands import holdfast
from factories import audit_result
from holdfast.errors import HoldfastError
from holdfast_cli.actions import MAX_SUMMARY_BYTES, tell_actions
from holdfast_cli.compare import ComparisonFormat
from holdfast_cli.formats import COMPARISONS, FORMATS, Outcome, Output, format_of
from holdfast_cli.options import OutputFormat
from holdfast_cli.order import place_of
from holdfast_cli.outputs import check_outputs, write_outputs

GATE = "version: 1\ngate:\n  assertions:\n    translation.consistency: [error, {min: 0.9}]\n"


@pytest.fixture
def outcome() -> Outcome:
    return Outcome(
        result=audit_result(),
        result_json=b'{"a": 1}',
        verdict=None,
        report=lambda: b"<html>",
        samples=lambda: b"PAR1",
        name="m.onnx",
        place="holdfast.yaml",
    )


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_text(audit_result().model_dump_json())
    (tmp_path / "holdfast.yaml").write_text(GATE)
    return path


def _json(path: Path) -> object:
    return json.loads(path.read_text())


ENDINGS = {end: name for name, form in FORMATS.items() for end in form.endings}
CHECKS: dict[str, Callable[[Path], object]] = {
    ".html": Path.read_text,
    ".json": _json,
    ".xml": ET.parse,
    ".sarif": _json,
    ".md": Path.read_text,
    ".csv": lambda path: next(iter(csv.DictReader(path.read_text().splitlines()))),
    ".svg": ET.parse,
    ".badge.json": _json,
    ".codequality.json": _json,
    "gl-code-quality-report.json": _json,
}


def test_every_format_of_the_table_is_written(tmp_path: Path, outcome: Outcome) -> None:
    assert CHECKS.keys() == ENDINGS.keys()
    for end, read in CHECKS.items():
        path = tmp_path / f"out{end}"
        assert write_outputs(check_outputs([path]), outcome)[0] == path
        assert read(path)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.html", "html"),
        ("A.HTML", "html"),
        ("a.json", "json"),
        ("badge.json", "json"),
        ("a.badge.json", "shields"),
        ("a.codequality.json", "codequality"),
        ("gl-code-quality-report.json", "codequality"),
        ("out.d/a.sarif.md", "markdown"),
        ("a.pdf", None),
        ("html", None),
        (".html", None),
        ("a.html/", "html"),
        ("a", None),
    ],
)
def test_the_longest_suffix_decides(name: str, form: str | None) -> None:
    assert format_of(Path(name)) == form


def test_the_options_name_every_format() -> None:
    assert [each.value for each in OutputFormat] == list(FORMATS)
    assert [each.value for each in ComparisonFormat] == list(COMPARISONS)


def test_a_format_that_is_named_wins_over_the_suffix(tmp_path: Path, outcome: Outcome) -> None:
    paths = [tmp_path / name for name in ("a", "b.html", "c.json", "d.txt")]
    outputs = check_outputs(paths, ["junit", "markdown", "sarif", "json"])
    written = write_outputs(outputs, outcome)
    assert [path.name for path in written] == [
        *(path.name for path in paths),
        "d.samples.parquet",
    ]
    assert b"<testsuites" in paths[0].read_bytes()
    assert paths[1].read_bytes().startswith(b"#")
    assert json.loads(paths[2].read_bytes())["version"] == "2.1.0"
    assert paths[3].read_bytes() == b'{"a": 1}'


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "a", "-o", "b.html", "--format", "junit"], "1 for 2 files: give it once after"),
        (["-o", "a", "--format", "junit", "--format", "html"], "2 for 1 file"),
        (["--format", "junit"], "name the file to write with -o"),
        (["-o", "a", "--format", "junitt"], "'junitt' is not one of 'html'"),
        (["-o", "a.xml", "-o", "a.xml"], "a.xml stands twice"),
        (["-o", "a"], "or name the format with --format"),
    ],
)
def test_what_is_unknown_or_ambiguous_is_refused(
    tmp_path: Path, stored: Path, arguments: list[str], says: str
) -> None:
    done = holdfast("gate", stored, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert not [*tmp_path.glob("a*"), *tmp_path.glob("b*")]


def test_only_a_result_has_its_samples_beside_it(tmp_path: Path, outcome: Outcome) -> None:
    written = write_outputs(
        [Output(tmp_path / "a.badge.json", "shields"), Output(tmp_path / "b.json", "json")], outcome
    )
    assert [path.name for path in written] == ["a.badge.json", "b.json", "b.samples.parquet"]


def test_the_error_and_the_help_list_every_format(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="unsupported_output_format") as caught:
        check_outputs([tmp_path / "a.pdf"])
    named = set(re.findall(r"(?<!\S)(?:\.[a-z.]+[a-z]|gl-[a-z.-]+json)\b", caught.value.hint))
    assert named == ENDINGS.keys()
    shown = holdfast("audit", "--help", cwd=tmp_path).stdout
    assert not [end for end in ENDINGS if end.startswith(".") and end not in shown]
    assert not [name for name in FORMATS if name not in shown]


def test_gate_writes_what_it_decided(tmp_path: Path, stored: Path) -> None:
    done = holdfast("gate", stored, "-o", "j.xml", "-o", "s.sarif", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "wrote j.xml" in done.stdout
    assert ET.parse(tmp_path / "j.xml").getroot().get("failures") == "1"  # noqa: S314 - our own
    log = json.loads((tmp_path / "s.sarif").read_text())
    [place] = log["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "holdfast.yaml"


def test_gate_refuses_an_unknown_suffix_before_it_judges(tmp_path: Path, stored: Path) -> None:
    done = holdfast("gate", stored, "-o", "j.pdf", cwd=tmp_path)
    assert done.returncode == 2
    assert "FAILED" not in done.stdout


def test_report_writes_every_format_but_tells_no_runner(tmp_path: Path, stored: Path) -> None:
    outputs = [part for end in ENDINGS for part in ("-o", f"x{end}")]
    done = holdfast(
        "report", stored, *outputs, cwd=tmp_path, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="s.md"
    )
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / f"x{end}").stat().st_size for end in ENDINGS)
    assert (tmp_path / "x.json").read_bytes() == stored.read_bytes()
    assert not (tmp_path / "s.md").exists()
    assert "::error" not in done.stdout


def test_only_the_report_needs_its_extra(tmp_path: Path, stored: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('jinja2', 'altair', 'vl_convert'): sys.modules[name] = None\n"
    )
    outputs = [part for end in ENDINGS if end != ".html" for part in ("-o", f"x{end}")]
    done = holdfast("report", stored, *outputs, cwd=tmp_path, PYTHONPATH=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_runner_of_github_is_told(tmp_path: Path, stored: Path) -> None:
    (tmp_path / "summary.md").write_text("# Before\n")
    done = holdfast(
        "gate",
        stored,
        cwd=tmp_path,
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY="summary.md",
        GITHUB_OUTPUT="output",
    )
    assert done.returncode == 1
    assert "::error file=holdfast.yaml,line=4,title=Model 000000000000%3A " in done.stdout
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("# Before\n## ")
    assert "Holdfast: Failed" in summary
    assert (tmp_path / "output").read_text() == "decision=failed\npassed=false\n"


def test_a_runner_is_told_where_the_service_shows_it(tmp_path: Path, outcome: Outcome) -> None:
    told = replace(outcome, page="http://127.0.0.1:8000/audits/a")
    tell_actions(told, {"GITHUB_OUTPUT": str(tmp_path / "output")})
    wanted = "decision=none\npassed=true\nreport-url=http://127.0.0.1:8000/audits/a\n"
    assert (tmp_path / "output").read_text() == wanted


def test_elsewhere_nobody_is_told(tmp_path: Path, stored: Path) -> None:
    done = holdfast("gate", stored, cwd=tmp_path)
    assert "::" not in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "holdfast.yaml"}


def test_a_summary_never_grows_over_the_limit(tmp_path: Path, outcome: Outcome) -> None:
    summary = tmp_path / "summary.md"
    before = b"x" * (MAX_SUMMARY_BYTES - 300)
    for _ in range(3):
        summary.write_bytes(before)
        tell_actions(outcome, {"GITHUB_STEP_SUMMARY": str(summary)})
        assert len(before) < summary.stat().st_size <= MAX_SUMMARY_BYTES
    assert summary.read_text().endswith("The summary was cut; the report holds everything.\n")
    summary.write_bytes(b"x" * MAX_SUMMARY_BYTES)
    tell_actions(outcome, {"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.stat().st_size == MAX_SUMMARY_BYTES


def test_a_summary_that_cannot_be_written_changes_no_exit_code(
    tmp_path: Path, outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_actions(outcome, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert "cannot be written" in capsys.readouterr().err


def test_a_place_tells_no_folder_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert place_of(None, tmp_path / "in" / "models" / "m.onnx") == "models/m.onnx"
    assert place_of(None, Path("m.onnx")) == "m.onnx"
    assert place_of(None, tmp_path / "secret" / "m.onnx") == "m.onnx"
    assert place_of(None, Path("../secret/m.onnx")) == "m.onnx"
    Path("holdfast.yaml").touch()
    assert place_of(None, Path("m.onnx")) == "holdfast.yaml"
    assert place_of(Path("ci/gate.yaml"), Path("m.onnx")) == "ci/gate.yaml"
