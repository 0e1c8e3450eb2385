"""`make demo ONCE=1`, without the installation: three verdicts and three reports."""

import json
import subprocess
import sys
from pathlib import Path
from socket import create_server

from commands import environment

DECISIONS = {"centered": "failed", "everywhere": "passed", "gap": "failed"}


def _demo(repo: Path, folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    options = ["--port", str(port), "--data", str(folder / "data"), "--out", str(folder / "out")]
    return subprocess.run(
        [sys.executable, "-m", "holdfast_cli.demo", *options, "--once"],
        cwd=repo,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_demo_tells_the_three_models_apart(tmp_path: Path, repo: Path, free_port: int) -> None:
    done = _demo(repo, tmp_path, free_port)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, decision in DECISIONS.items():
        assert f"{decision.upper():<13}{name}.onnx" in done.stdout
        assert str(tmp_path / "out" / f"{name}.html") in done.stdout
        assert (tmp_path / "out" / f"{name}.html").read_text().startswith("<!doctype html>")
        record = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert record["schema_version"] == "1"
    # an audit whose gate is soon decided may be over before anybody asked how far it is
    assert "everywhere.onnx: uploading everywhere.onnx 100 %" in done.stderr
    stages = ("moving the pictures", "writing the result")
    assert any(f".onnx: {stage}" in done.stderr for stage in stages)


def test_the_demo_says_when_its_port_is_taken(tmp_path: Path, repo: Path) -> None:
    with create_server(("127.0.0.1", 0)) as other:
        done = _demo(repo, tmp_path, other.getsockname()[1])
    assert done.returncode == 2
    assert "error[port_in_use]" in done.stderr
    assert not (tmp_path / "data").exists()
