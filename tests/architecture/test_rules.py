"""Rules that neither ruff nor import-linter can see."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import ERRORS
from sources import PACKAGES, REPO, modules, python_files, tracked

STARTS_CODE_BY_NAME = {"import_module", "__import__", "run_module", "run_path"}
# In pieces, so that this file does not hold what it forbids.
HOMES = "|".join(["wo" + "rk", "fa" + "rm", "ro" + "ot"])
HOSTS = "|".join(
    ["py" + r"pi\.org", "python" + "hosted", r"registry\.npm" + "js", "deb" + r"\.debian"]
)
FORBIDDEN = re.compile(rf"(/(?:{HOMES})/|\bfa" + rf"rm-(?:bench|studio)\b|{HOSTS})")


def _calls(module: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module) if isinstance(node, ast.Call))


def _name(call: ast.Call) -> str:
    called = call.func
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def test_only_the_sandbox_starts_code_by_name() -> None:
    """An import by name is invisible to import-linter."""
    sandbox = REPO / "engine" / "holdfast" / "sandbox"
    assert not [
        f"{path.relative_to(REPO)}:{call.lineno}"
        for path, module in modules()
        if not path.is_relative_to(sandbox)
        for call in _calls(module)
        if _name(call) in STARTS_CODE_BY_NAME
    ]


def test_only_the_session_commits() -> None:
    """One request or task is one transaction, and its end is in one place."""
    session = REPO / "db" / "holdfast_db" / "session.py"
    assert not [
        f"{path.relative_to(REPO)}:{call.lineno}"
        for path, module in modules()
        if path != session
        for call in _calls(module)
        if _name(call) in {"commit", "rollback"} and not _is_file_writer(call)
    ]


def _is_file_writer(call: ast.Call) -> bool:
    """`writer.commit()` of the blob store puts a file in its place; it is no transaction."""
    target = call.func
    return (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "writer"
    )


def test_every_code_that_is_raised_has_its_text() -> None:
    raised = {
        (str(path.relative_to(REPO)), call.args[0].value)
        for path, module in modules()
        for call in _calls(module)
        if _name(call) == "HoldfastError" and call.args and isinstance(call.args[0], ast.Constant)
    }
    assert raised
    assert not {(path, code) for path, code in raised if code not in ERRORS}


def test_every_error_code_is_documented() -> None:
    page = (REPO / "docs" / "reference" / "errors.md").read_text()
    assert not [code for code in ERRORS if f"`{code}`" not in page]


def test_no_file_names_a_machine_or_a_registry() -> None:
    """A checkout must work on any machine and with any mirror."""
    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(REPO)}:{number}"
            for number, line in enumerate(lines, 1)
            if FORBIDDEN.search(line)
        ]
    assert not found


def test_whoever_imports_onnxruntime_has_silenced_it_first() -> None:
    """It would report its use to its vendor; each place that starts it says no."""
    importers = {
        path.relative_to(REPO) for path in _importers("onnxruntime", python_files(*PACKAGES))
    }
    assert importers == {Path("engine/holdfast/runtimes/onnx_session.py")}  # only the child has it
    assert (
        '"ORT_DISABLE_TELEMETRY": "1"' in (REPO / "engine/holdfast/sandbox/process.py").read_text()
    )
    assert "export ORT_DISABLE_TELEMETRY := 1" in (REPO / "Makefile").read_text()
    for path in _importers("onnxruntime", python_files("bench", "examples", "docs")):
        text = path.read_text()
        assert "ORT_DISABLE_TELEMETRY" in text.partition("import onnxruntime")[0], path


def _importers(library: str, paths: list[Path]) -> Iterator[Path]:
    pattern = re.compile(rf"^\s*(?:import|from) {library}\b", re.MULTILINE)
    return (path for path in paths if pattern.search(path.read_text()))
