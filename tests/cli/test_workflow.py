"""The workflow of docs/ci.md, pasted: its steps run as a runner of GitHub would run them."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import environment, program

TABLE = """\
[tool.holdfast]
version = 1
model = {path = "model.onnx", input = {preset = "unit"}}
data = {path = "probes.zip", limit = 80}
audit = {controls = 0}
families = {rotation = "off", scale = "off", translation = {shifts_px = [[5, 0], [-5, 3]]}}

[tool.holdfast.gate]
assertions.translation.consistency = ["error", {max_drop = 0.05}]
"""
OUTPUTS = {"report.html", "junit.xml", "results.sarif"}


@dataclass(frozen=True)
class Runner:
    """A checkout, and the shell steps of the workflow."""

    folder: Path
    steps: list[dict[str, Any]]

    def run(self, event: str) -> tuple[int, str]:
        """Run the steps of one event up to the first that fails; its exit code and all output."""
        told = ""
        settings = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "step.md"}
        base = {"pull_request": {"GITHUB_HEAD_REF": "change"}, "push": {"GITHUB_REF_NAME": "main"}}
        for step in self.steps:
            if step.get("if", event).removeprefix("github.event_name == ").strip("'") != event:
                continue
            done = subprocess.run(
                ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder,
                env=environment(**settings, **base[event], PATH=f"{self.folder}/bin:/usr/bin:/bin"),
                capture_output=True,
                text=True,
                check=False,
            )
            told += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, told
        return 0, told


@pytest.fixture
def runner(repo: Path, tmp_path: Path, digits: Path) -> Runner:
    page = (repo / "docs" / "ci.md").read_text()
    (text,) = re.findall(r"```yaml\n(name: robustness\n.*?)```", page, re.DOTALL)
    steps = yaml.safe_load(text)["jobs"]["holdfast"]["steps"]
    (tmp_path / "pyproject.toml").write_text(TABLE)
    shutil.copy(digits / "probes.zip", tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    words = " ".join(f"'{word}'" for word in program())
    # The tests' own installation stands in for the one of the step before.
    for name, line in {"holdfast": f'exec {words} "$@"', "pip": '[ "$1" = install ]'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    return Runner(tmp_path, [step for step in steps if "run" in step])


def test_a_push_keeps_the_baseline_and_a_worse_pull_request_fails(
    runner: Runner, digits: Path
) -> None:
    model = runner.folder / "model.onnx"
    shutil.copy(digits / "everywhere.onnx", model)
    code, told = runner.run("push")
    assert code == 0, told
    assert "kept as the baseline of main" in told
    code, told = runner.run("pull_request")
    assert code == 0, told
    assert "No change" in told
    shutil.copy(digits / "centered.onnx", model)
    code, told = runner.run("pull_request")
    assert code == 1, told
    assert "::error file=pyproject.toml,line=9,title=" in told
    assert "translation lost" in told
    assert {path.name for path in (runner.folder / "out").iterdir()} == OUTPUTS
    assert "translation** regressed" in (runner.folder / "step.md").read_text()


def test_the_first_pull_request_has_no_baseline_and_does_not_pass(
    runner: Runner, digits: Path
) -> None:
    shutil.copy(digits / "everywhere.onnx", runner.folder / "model.onnx")
    code, told = runner.run("pull_request")
    assert code == 3, told
    assert "there is no baseline main" in told
