"""A pull request in a repository of its own: the base becomes the baseline, a worse model fails."""

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from commands import holdfast
from schemas import published

CONFIG = """\
version: 1
model: {path: model.onnx, input: {preset: unit}}
data: {path: probes.zip, limit: 80}
audit: {controls: 0}
families:
  translation: {shifts_px: [[5, 0], [-5, 3], [0, -6]]}
  rotation: {angles_deg: [5]}
  scale: off
gate:
  assertions:
    translation.consistency: [error, {max_drop: 0.05}]
    accuracy:                [error, {min: 0.8, max_drop: 0.1}]
  baseline: {branch: main}
"""
OUTPUTS = ("result.json", "junit.xml", "out.sarif", "summary.md", "gl.codequality.json")


def _git(folder: Path, *arguments: str) -> None:
    name = ["-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    """The base branch passed and keeps its baseline; a branch for the change is checked out."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    _git(folder, "init")
    (folder / "holdfast.yaml").write_text(CONFIG)
    shutil.copy(digits / "probes.zip", folder)
    shutil.copy(digits / "everywhere.onnx", folder / "model.onnx")
    done = holdfast("audit", "--save-baseline", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "kept as the baseline of main" in done.stdout
    (folder / ".holdfast" / "holdfast.db").write_text("of a service")
    _git(folder, "add", ".")
    _git(folder, "commit", "-m", "base")
    _git(folder, "switch", "-c", "change")
    return folder


@pytest.fixture(scope="module")
def worse(repository: Path, digits: Path) -> tuple[Path, int, str]:
    """The pull request that swaps in a model trained at the centre only."""
    shutil.copy(digits / "centered.onnx", repository / "model.onnx")
    _git(repository, "commit", "-am", "a smaller training set")
    outputs = [word for name in OUTPUTS for word in ("-o", name)]
    done = holdfast(
        "audit",
        *outputs,
        cwd=repository,
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=repository / "step.md",
    )
    return repository, done.returncode, done.stdout


def test_the_repository_holds_the_baseline_and_nothing_of_a_service(repository: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", ".holdfast"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.split()
    kept = ".holdfast/baselines/main/model.onnx"
    names = [f"{kept}/result.json", f"{kept}/result.samples.parquet"]
    assert listed == [".holdfast/.gitignore", *names]


def test_the_worse_model_fails_and_the_screen_says_what_regressed(
    worse: tuple[Path, int, str],
) -> None:
    _, code, shown = worse
    assert code == 1
    assert "failed translation.consistency: worse by " in shown
    assert "baseline main: Regressed: translation lost " in shown
    assert "  translation flips: " in shown


def test_junit_read_back_names_family_drop_and_images(worse: tuple[Path, int, str]) -> None:
    cases = {
        case.get("name"): case
        for case in ET.parse(worse[0] / "junit.xml").getroot().iter("testcase")  # noqa: S314 - ours
    }
    failed = cases["translation.consistency"]
    assert failed.get("classname") == "translation"
    failure = failed.find("failure")
    assert failure is not None
    assert "worse by" in (failure.get("message") or "")
    assert "breaks max_drop 0.05" in (failure.get("message") or "")
    assert "translation regressed: consistency" in (failure.text or "")
    assert ".png" in (failure.text or "")
    assert "change: -0." in (failed.findtext("system-out") or "")
    assert cases["accuracy"].find("failure") is None


def test_sarif_is_valid_and_tells_that_the_problem_is_new(worse: tuple[Path, int, str]) -> None:
    log = json.loads((worse[0] / "out.sarif").read_text())
    jsonschema.Draft7Validator(published("sarif-2.1.0")).validate(log)
    run = log["runs"][0]
    (result,) = [each for each in run["results"] if each["ruleId"] == "translation.consistency"]
    assert result["baselineState"] == "new"
    assert "translation regressed: consistency 0.996 to " in result["message"]["text"]
    (lost,) = run["properties"]["baseline"]["regressed"]
    assert lost["family"] == "translation"
    assert lost["high"] < -0.05
    assert lost["n_flipped"] >= len(lost["flipped"]) > 0


def test_the_summary_of_the_step_and_the_annotations_name_them_too(
    worse: tuple[Path, int, str],
) -> None:
    folder, _, shown = worse
    summary = (folder / "step.md").read_text()
    assert "### Against <code>main</code>" in summary
    assert "| **translation** regressed | 0.996, " in summary
    assert ".png" in summary
    assert (folder / "summary.md").read_text() == summary
    (line,) = [line for line in shown.splitlines() if line.startswith("::error")]
    assert "translation regressed" in line
    quality = json.loads((folder / "gl.codequality.json").read_text())
    assert any("translation regressed" in each["description"] for each in quality)


def test_the_stored_result_is_judged_the_same_again(worse: tuple[Path, int, str]) -> None:
    folder, code, shown = worse
    again = holdfast("gate", "result.json", cwd=folder)
    assert again.returncode == code
    verdict = [line for line in shown.splitlines() if line.startswith("  failed")]
    assert [line for line in again.stdout.splitlines() if line.startswith("  failed")] == verdict
    named = ".holdfast/baselines/main/model.onnx/result.json"
    by_path = holdfast("gate", "result.json", "--baseline", named, cwd=folder)
    assert (by_path.returncode, f"baseline {named}: " in by_path.stdout) == (1, True)


def test_the_identical_model_is_no_change(
    worse: tuple[Path, int, str], digits: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    shutil.copytree(worse[0], folder)
    shutil.copy(digits / "everywhere.onnx", folder / "model.onnx")
    done = holdfast("audit", "-o", "junit.xml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "baseline main: No change: it is the model of the baseline." in done.stdout


def test_a_baseline_of_other_lists_is_refused_with_the_reason(
    worse: tuple[Path, int, str], audited: Path
) -> None:
    named = audited / "result.json"
    done = holdfast("gate", "result.json", "--baseline", named, cwd=worse[0])
    assert done.returncode == 2
    assert "error[not_comparable]" in done.stderr
    assert "the lists of transforms differ" in done.stderr


def test_a_missing_baseline_does_not_pass(worse: tuple[Path, int, str]) -> None:
    done = holdfast("gate", "result.json", "--baseline", "release", cwd=worse[0])
    assert done.returncode == 3
    assert "there is no baseline release: no .holdfast/baselines/release/" in done.stderr
    assert "there is no baseline to compare with (max_drop 0.05)" in done.stdout
