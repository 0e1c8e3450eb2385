"""The exit codes of `service.md` §7, each by the real command in a process of its own."""

import json
from pathlib import Path

import pytest

from commands import holdfast
from holdfast.errors import Kind
from holdfast.records.policy import Decision
from holdfast_cli.exits import EXIT

HOLDS = "rotation.drift: [error, {max: 0.9}]"
BREAKS = "rotation.drift: [error, {min: 0.9}]"
# No image decides on its own: an interval around the observed value always holds the limit.
OPEN = "translation.consistency: [error, {{min: {value}}}]"


def _gate(folder: Path, audited: Path, assertions: str, *options: str) -> int:
    text = f"version: 1\ngate:\n  assertions:\n    {assertions}\n"
    (folder / "gate.yaml").write_text(text)
    result = audited / "result.json"
    done = holdfast("gate", result, "--config", "gate.yaml", *options, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.returncode


def _open(audited: Path) -> str:
    measurements = json.loads((audited / "result.json").read_text())["measurements"]
    found = next(item for item in measurements if item["id"] == "translation.consistency")
    return OPEN.format(value=found["value"])


def test_the_table_has_a_code_for_every_outcome() -> None:
    assert set(EXIT) == {*Kind, *Decision}
    assert sorted(EXIT.values()) == [0, 1, 2, 3, 4, 5]


def test_0_the_gate_passed(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, HOLDS) == 0


def test_1_the_gate_failed(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, BREAKS) == 1


def test_1_outweighs_3(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, f"{BREAKS}\n    {_open(audited)}") == 1


def test_2_an_unknown_option(tmp_path: Path) -> None:
    assert holdfast("audit", "--no-such-option", cwd=tmp_path).returncode == 2


def test_2_a_wrong_configuration(tmp_path: Path, digits: Path) -> None:
    (tmp_path / "holdfast.yaml").write_text("version: 1\ndaata: {}\n")
    done = holdfast("audit", digits / "gap.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert "error[invalid_config]: holdfast.yaml:2: daata" in done.stderr


def test_2_no_model_anywhere(tmp_path: Path) -> None:
    assert holdfast("audit", "--data", tmp_path, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("missing", ["model", "images"])
def test_2_a_path_that_is_not_there(
    tmp_path: Path, digits: Path, missing: str, free_port: int
) -> None:
    """Before anything is read or sent: no service is asked."""
    paths = {"model": digits / "gap.onnx", "images": digits / "probes.zip", missing: Path("none")}
    options = ["--data", paths["images"], "--server", f"http://127.0.0.1:{free_port}"]
    done = holdfast("audit", paths["model"], *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "error[file_not_found]: none does not exist" in done.stderr


def test_2_an_unknown_assertion(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, "translation.consistancy: [error, {min: 0.9}]") == 2


def test_3_too_little_evidence(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, _open(audited)) == 3


def test_3_no_measurement(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, "scale.drift: [error, {max: 0.5}]") == 3


@pytest.mark.parametrize(("choice", "code"), [("pass", 0), ("fail", 1)])
def test_inconclusive_can_be_told_what_it_is(
    tmp_path: Path, audited: Path, choice: str, code: int
) -> None:
    assert _gate(tmp_path, audited, _open(audited), "--inconclusive", choice) == code


def test_a_warning_changes_nothing_unless_it_is_asked_to(tmp_path: Path, audited: Path) -> None:
    warning = BREAKS.replace("error", "warn")
    assert _gate(tmp_path, audited, warning) == 0
    assert _gate(tmp_path, audited, warning, "--fail-on", "warn") == 1


def test_soft_fail_silences_a_verdict_and_no_error(tmp_path: Path, audited: Path) -> None:
    assert _gate(tmp_path, audited, BREAKS, "--soft-fail") == 0
    assert _gate(tmp_path, audited, "nonsense: [error, {min: 0.9}]", "--soft-fail") == 2


def test_4_a_text_file_as_model(tmp_path: Path, digits: Path) -> None:
    (tmp_path / "model.onnx").write_text("no model at all")
    done = holdfast("audit", "model.onnx", "--data", digits / "probes.zip", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.count("error[unsupported_format]") == 1
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_4_an_empty_folder_of_images(tmp_path: Path, digits: Path) -> None:
    (tmp_path / "images").mkdir()
    done = holdfast("audit", digits / "gap.onnx", "--data", "images", cwd=tmp_path)
    assert done.returncode == 4
    assert "error[empty_archive]" in done.stderr


def test_5_a_service_that_is_not_there(tmp_path: Path, digits: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    options = ["--data", digits / "probes.zip", "--server", url]
    done = holdfast("audit", digits / "gap.onnx", *options, cwd=tmp_path)
    assert done.returncode == 5
    assert "error[unreachable]" in done.stderr
