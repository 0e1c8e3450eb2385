"""What a fresh interpreter loads: edges that import-linter cannot see."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands import environment, holdfast

RUNTIMES = {"torch", "onnxruntime", "onnx"}
NUMBERS = {"numpy", "scipy", "PIL", "pyarrow", "cv2"}
SERVER = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "celery", "kombu", "redis"}


def _loaded(statement: str, folder: Path) -> set[str]:
    """The libraries in `sys.modules` after `statement`."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment(HOLDFAST_DATA=folder / "data"),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_the_api_loads_no_model_runtime_and_no_numbers(tmp_path: Path) -> None:
    assert not _loaded("import holdfast_api.asgi", tmp_path) & (RUNTIMES | NUMBERS)


def test_the_worker_loads_no_model_runtime(tmp_path: Path) -> None:
    assert not _loaded("import holdfast_worker.app", tmp_path) & RUNTIMES


@pytest.mark.parametrize("command", [[], ["audit"], ["serve"], ["doctor"], ["gate"]])
def test_help_of_the_command_line_is_light(command: list[str], tmp_path: Path) -> None:
    statement = (
        "from holdfast_cli.main import app\n"
        f"try: app({[*command, '--help']!r})\n"
        "except SystemExit: pass"
    )
    heavy = RUNTIMES | NUMBERS | SERVER | {"httpx", "jinja2", "altair", "holdfast_db"}
    assert not _loaded(statement, tmp_path) & heavy


@pytest.mark.parametrize("root", ["holdfast", "holdfast.errors"])
def test_the_root_of_the_engine_loads_no_library(root: str, tmp_path: Path) -> None:
    assert not _loaded(f"import {root}", tmp_path) & (RUNTIMES | NUMBERS | {"pydantic"})


def test_an_onnx_audit_never_loads_torch(digits: Path, tmp_path: Path) -> None:
    statement = (
        "import holdfast.audit, holdfast.sandbox.duty\n"
        "from holdfast.runtimes.opening import open_model\n"
        f"open_model(open({str(digits / 'gap.onnx')!r}, 'rb').read(), '0')"
    )
    loaded = _loaded(statement, tmp_path)
    assert "onnxruntime" in loaded
    assert "torch" not in loaded


def test_a_base_install_judges_a_stored_result(audited: Path, tmp_path: Path) -> None:
    """The gate needs no extra: here is an interpreter in which none can be imported."""
    blocked = sorted(RUNTIMES | NUMBERS | SERVER | {"jinja2", "altair", "pydantic_settings"})
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\n"
    )
    gate = "version: 1\ngate: {assertions: {accuracy: [error, {min: 0.1}]}}\n"
    (tmp_path / "holdfast.yaml").write_text(gate)
    done = holdfast("gate", audited / "result.json", cwd=tmp_path, PYTHONPATH=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASSED result.json")
