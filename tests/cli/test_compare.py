"""`holdfast compare`, from the outside: what it prints, what it writes, how it ends."""

import json
from pathlib import Path

import pytest

from commands import holdfast


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("results")
    (folder / "holdfast.yaml").write_text(
        "version: 1\nmodel: {input: {preset: unit}}\ndata: {limit: 40}\naudit: {controls: 0}\n"
        "families:\n  translation: {shifts_px: [[3, 0], [-3, 2]]}\n  rotation: off\n  scale: off\n"
    )
    for name in ("everywhere", "centered"):
        answer = holdfast(
            *("audit", digits / f"{name}.onnx", "--data", digits / "probes.zip"),
            *("-o", f"{name}.json"),
            cwd=folder,
        )
        assert answer.returncode == 0, answer.stderr
    return folder


def test_a_comparison_is_written_as_page_summary_and_json(results: Path) -> None:
    names = ("out.html", "out.md", "out.txt")
    forms = ("html", "markdown", "json")
    outputs = [word for name in names for word in ("-o", name)]
    formats = [word for form in forms for word in ("--format", form)]
    pair = ("everywhere.json", "centered.json")
    for arguments in (outputs[:4], outputs + formats):
        answer = holdfast("compare", *pair, *arguments, cwd=results)
        assert answer.returncode == 1, answer.stderr
        assert (results / "out.html").read_text().startswith("<!doctype html>")
        summary = (results / "out.md").read_text()
        assert summary.startswith("## Holdfast: Something was lost")
        assert "centered.json" in summary
        (results / "out.html").unlink()
    assert json.loads((results / "out.txt").read_text())["decision"] == "failed"
    answer = holdfast("compare", *pair, "-o", "out.xml", cwd=results)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Use .html, .json, .md (markdown); or name" in answer.stderr


def test_no_name_is_cut_where_there_is_no_terminal(results: Path) -> None:
    answer = holdfast("compare", "centered.json", "centered.json", cwd=results, COLUMNS="80")
    assert "translation.robust_accuracy" in answer.stdout
    assert "no change" in answer.stdout


def test_a_loss_fails_and_names_what_was_lost(results: Path) -> None:
    answer = holdfast(
        "compare", "everywhere.json", "centered.json", "-o", "comparison.json", cwd=results
    )
    assert answer.returncode == 1, answer.stderr
    assert "failed: translation.consistency" in answer.stdout.replace("\n", " ")
    assert "lost their worst case: " in answer.stdout
    line = next(row for row in answer.stdout.splitlines() if row.startswith("translation: "))
    assert "answers lost" in line
    assert "flip now, held before: " in line
    written = json.loads((results / "comparison.json").read_text())
    assert (written["decision"], written["n_images"]) == ("failed", 40)
    assert len(written["cells"]) == 2
    (family,) = written["families"]
    assert family["n_flipped"] == len(family["flipped"]) == written["n_flipped"]
    assert written["findings"] == []  # near shifts were lost, so nothing was forgotten far away


def test_the_same_model_is_no_change(results: Path) -> None:
    answer = holdfast("compare", "centered.json", "centered.json", cwd=results)
    assert answer.returncode == 0, answer.stderr
    assert "passed: No change: it is the same model." in answer.stdout


def test_too_few_images_do_not_pass(results: Path) -> None:
    answer = holdfast(
        "compare", "centered.json", "everywhere.json", "--margin", "0.001", cwd=results
    )
    assert answer.returncode == 3, answer.stdout


def test_results_of_other_images_are_refused(results: Path, digits: Path) -> None:
    answer = holdfast(
        *("audit", digits / "centered.onnx", "--data", digits / "probes.zip", "--limit", "30"),
        *("--seed", "4", "-o", "other.json"),
        cwd=results,
    )
    assert answer.returncode == 0, answer.stderr
    answer = holdfast("compare", "centered.json", "other.json", cwd=results)
    assert answer.returncode == 2
    assert "error[not_comparable]" in answer.stderr
    assert "hint: " in answer.stderr
