"""What we offer to CI systems is valid for them, and its shell does what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from commands import holdfast
from holdfast_cli.formats import FORMATS, format_of
from schemas import published

# Writes down how it was called, one JSON list a line.
STUB = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
sys.exit(int(os.environ.get("STUB_EXIT", "0")))
"""
ODD = "a b'$(touch owned)`touch owned`;*\"--x"


def _yaml(path: Path) -> Any:
    # YAML 1.1 reads the key `on` as True; CI systems do not.
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - texts only


def _check(kind: str, document: Any) -> None:
    jsonschema.Draft7Validator(published(kind)).validate(document)


def _run(
    script: str, folder: Path, shell: list[str], *, stubs: tuple[str, ...], **variables: str
) -> tuple[int, list[list[str]]]:
    """Run `script` with `stubs` for programs; answer its exit code and what they were called with.

    PATH holds nothing else than the stubs and the shell, so that no real program is found.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in stubs:
        (programs / name).write_text(STUB.format(python=sys.executable))
        (programs / name).chmod(0o755)
    calls = folder / "calls"
    calls.write_text("")
    environ = {"PATH": str(programs), "CALLS": str(calls), **variables}
    done = subprocess.run(
        [*shell, "-c", script], cwd=folder, env=environ, check=False, capture_output=True, text=True
    )
    assert "not found" not in done.stderr
    return done.returncode, [json.loads(line) for line in calls.read_text().splitlines()]


BASH = ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail"]


@pytest.fixture
def action(repo: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        (repo / "deploy" / "github-action" / "action.yml").read_text()
    )
    return loaded


def _steps(action: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in action["runs"]["steps"]}


def _audit(
    action: dict[str, Any], folder: Path, exit_code: int = 0, **inputs: str
) -> tuple[int, list[str]]:
    step = _steps(action)["Audit"]
    variables = {}
    for name, value in step["env"].items():
        found = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
        assert found
        declared = action["inputs"][found[1]]["default"]
        variables[name] = inputs.get(found[1].replace("-", "_"), declared)
    code, [call] = _run(
        step["run"], folder, BASH, stubs=("holdfast",), STUB_EXIT=str(exit_code), **variables
    )
    return code, call


def test_the_action_is_valid(action: dict[str, Any]) -> None:
    _check("GitHub Action", action)
    assert action["inputs"].keys() == {
        *("config", "model", "data", "server", "baseline", "extra-args"),
    }
    used = re.findall(r"steps\.(\w+)\.outputs\.([\w-]+)", json.dumps(action["outputs"]))
    assert used == [("audit", "decision"), ("audit", "passed"), ("audit", "report-url")]
    assert _steps(action)["Audit"]["id"] == "audit"


def test_no_input_stands_in_a_script(action: dict[str, Any]) -> None:
    assert not [step for step in action["runs"]["steps"] if "${{" in step.get("run", "")]


def test_the_action_installs_only_where_nothing_is(action: dict[str, Any], tmp_path: Path) -> None:
    script = _steps(action)["Install Holdfast"]["run"]
    assert _run(script, tmp_path, BASH, stubs=("python",)) == (
        0,
        [["python", "-m", "pip", "install", "--quiet", "holdfast[audit]"]],
    )
    assert _run(script, tmp_path, BASH, stubs=("python", "holdfast")) == (0, [])


def test_the_action_runs_with_nothing_given(action: dict[str, Any], tmp_path: Path) -> None:
    code, call = _audit(action, tmp_path)
    assert code == 0
    assert call[:2] == ["holdfast", "audit"]
    assert {*call[2::2]} == {"-o"}
    assert [format_of(Path(name)) for name in call[3::2]] == ["html", "json", "junit", "sarif"]


def test_every_input_reaches_the_command(action: dict[str, Any], tmp_path: Path) -> None:
    extra = "--limit 10\n  --fail-on warn *"
    _, call = _audit(
        action,
        tmp_path,
        config="c.yaml",
        model="m",
        data="d",
        server="s",
        baseline="b",
        extra_args=extra,
    )
    assert call[2:10] == [
        *("--config", "c.yaml", "--data", "d", "--server", "s", "--baseline", "b"),
    ]
    assert call[10:15] == ["--limit", "10", "--fail-on", "warn", "*"]
    assert call[-2:] == ["--", "m"]


def test_an_input_is_no_command(action: dict[str, Any], tmp_path: Path) -> None:
    extra = "$(touch owned) `touch owned`; |"
    _, call = _audit(
        action,
        tmp_path,
        0,
        **dict.fromkeys(("config", "model", "data", "server", "baseline"), ODD),
        extra_args=extra,
    )
    assert call.count(ODD) == 5
    assert call[10:16] == ["$(touch", "owned)", "`touch", "owned`;", "|", "-o"]
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("exit_code", [1, 3, 5])
def test_the_exit_code_is_that_of_the_command(
    action: dict[str, Any], tmp_path: Path, exit_code: int
) -> None:
    assert _audit(action, tmp_path, exit_code)[0] == exit_code
    assert _steps(action)["Keep the report"]["if"] == "always()"


@pytest.mark.parametrize("shell", [BASH, ["/bin/sh", "-e"]])
def test_the_job_for_gitlab(repo: Path, tmp_path: Path, shell: list[str]) -> None:
    template = _yaml(repo / "deploy" / "gitlab" / "holdfast.gitlab-ci.yml")
    _check("gitlab-ci", template)
    job = template[".holdfast"]
    script = "\n".join([*job["before_script"], *job["script"]])
    variables = job["variables"] | {"AUDIT_ARGS": "--limit 10"}
    code, calls = _run(script, tmp_path, shell, stubs=("holdfast",), **variables)
    assert code == 0
    [call] = calls
    assert call[:6] == ["holdfast", "audit", "--config", "holdfast.yaml", "--limit", "10"]
    assert job["artifacts"]["reports"].keys() == {"junit", "codequality"}
    written = set(call[call.index("-o") + 1 :: 2])
    assert set(job["artifacts"]["reports"].values()) <= written
    assert {Path(name).parent.name for name in written} == {"holdfast-out"}


def test_the_hook_of_pre_commit(repo: Path) -> None:
    hooks = yaml.safe_load((repo / ".pre-commit-hooks.yaml").read_text())
    _check(".pre-commit-hooks.yml", hooks)
    [hook] = hooks
    fires = re.compile(hook["files"])
    assert all(
        map(
            fires.search,
            ["holdfast.yaml", "ci/holdfast.yaml", "pyproject.toml", "a/m.onnx", "m.pt2"],
        )
    )
    assert not any(map(fires.search, ["unholdfast.yaml", "README.md", "m.onnx.txt"]))


@pytest.fixture
def snippets(repo: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (repo / "docs" / "ci.md").read_text(), re.DOTALL)


def test_the_snippets_of_the_page_are_valid(snippets: list[str], repo: Path) -> None:
    workflow, step, gitlab, hooks = (
        yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - texts only
        for text in snippets
    )
    _check("GitHub Workflow", workflow)
    _check("gitlab-ci", gitlab)
    [used] = step
    assert (repo / re.sub(r"^OWNER/holdfast/|@.*", "", used["uses"]) / "action.yml").is_file()
    declared = _yaml(repo / "deploy" / "github-action" / "action.yml")["inputs"]
    assert used["with"].keys() <= declared.keys()
    assert hooks["repos"][0]["hooks"][0]["id"] == "holdfast-audit"


def test_every_command_of_the_page_is_one(repo: Path, tmp_path: Path) -> None:
    page = (repo / "docs" / "ci.md").read_text()
    commands = re.findall(r"holdfast audit (--.*)", page)
    assert len(commands) >= 3
    known = holdfast("audit", "--help", cwd=tmp_path).stdout
    for command in commands:
        options = re.findall(r"(?<!\S)(--?[a-z-]+)", command)
        assert [option for option in options if option not in known] == []
        names = re.findall(r"-o (\S+)", command)
        assert names
        assert None not in [format_of(Path(name)) for name in names]


def test_the_page_tells_about_every_suffix(repo: Path) -> None:
    page = (repo / "docs" / "ci.md").read_text()
    endings = {end for form in FORMATS.values() for end in form.endings}
    assert set(re.findall(r"`((?:\.|gl-)[a-z.-]+)`", page)) >= endings
    assert set(re.findall(r"`([a-z]+)`", page)) >= FORMATS.keys()
