"""`holdfast audit --server`: the same output and exit codes as an audit on this machine."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import environment, holdfast, program
from services import Service, embedded

GATE = "gate: {assertions: {translation.consistency: [error, {min: 0.999999}]}}\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with embedded(tmp_path_factory.mktemp("service")) as running:
        yield running


def _numbers(path: Path) -> object:
    record = json.loads(path.read_text())
    return record["measurements"], record["cells"], record["plan"], record["findings"]


def test_the_numbers_are_those_of_an_audit_here(
    tmp_path: Path, service: Service, audited: Path, digits: Path
) -> None:
    model = [digits / "everywhere.onnx", "--data", digits / "probes.zip"]
    config = ["--config", audited / "holdfast.yaml", "-o", "there.json", "-o", "there.html"]
    done = holdfast("audit", *model, *config, "--server", service.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _numbers(tmp_path / "there.json") == _numbers(audited / "result.json")
    assert (tmp_path / "there.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "there.samples.parquet").read_bytes()[:4] == b"PAR1"
    here = (audited / "audit.out").read_text().splitlines()
    assert done.stdout.splitlines()[: len(here) - 3] == here[:-3]  # all but the names of files


def test_a_folder_is_sent_as_one_archive_and_only_once(
    tmp_path: Path, service: Service, digits: Path
) -> None:
    images = tmp_path / "images"
    subprocess.run(["python3", "-m", "zipfile", "-e", digits / "probes.zip", images], check=True)
    arguments = [digits / "gap.onnx", "--data", images, "--limit", 20, "--server", service.url]
    first = holdfast("audit", *arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "uploading images 100 %" in first.stderr
    again = holdfast("audit", *arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "uploading" not in again.stderr


def test_the_gate_decides_there_as_here(
    tmp_path: Path, service: Service, audited: Path, digits: Path
) -> None:
    (tmp_path / "holdfast.yaml").write_text((audited / "holdfast.yaml").read_text() + GATE)
    model = [digits / "everywhere.onnx", "--data", digits / "probes.zip"]
    there = holdfast("audit", *model, "--server", service.url, cwd=tmp_path)
    here = holdfast("audit", *model, cwd=tmp_path)
    full = holdfast("audit", *model, "--full", "--server", service.url, cwd=tmp_path)
    stored = holdfast("gate", audited / "result.json", cwd=tmp_path)
    for one, other in ((there, here), (full, stored)):
        assert one.returncode == other.returncode
        assert one.returncode in (1, 3)
        assert one.stdout.splitlines()[-1] == other.stdout.splitlines()[-1]
    # A gate that is decided ends the audit, there as here; the stored result had no gate.
    assert "stopped after" in there.stdout
    assert "stopped after" not in full.stdout
    soft = holdfast("audit", *model, "--server", service.url, "--soft-fail", cwd=tmp_path)
    assert soft.returncode == 0


def test_a_refused_model_is_told_in_the_words_of_the_service(
    tmp_path: Path, service: Service, digits: Path
) -> None:
    (tmp_path / "model.onnx").write_text("no model at all")
    arguments = ["model.onnx", "--data", digits / "probes.zip", "--server", service.url]
    done = holdfast("audit", *arguments, cwd=tmp_path)
    assert done.returncode == 4
    assert "error[unsupported_format]: This is no model format we read." in done.stderr
    assert "hint: Export with torch.onnx.export" in done.stderr


def test_without_waiting_it_prints_where_to_look(
    tmp_path: Path, service: Service, digits: Path
) -> None:
    arguments = [digits / "gap.onnx", "--data", digits / "probes.zip", "--limit", 20]
    done = holdfast("audit", *arguments, "--server", service.url, "--no-wait", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{service.url}/audits/")


def test_a_wait_that_takes_too_long_says_that_the_audit_goes_on(
    tmp_path: Path, service: Service, digits: Path
) -> None:
    arguments = [digits / "centered.onnx", "--data", digits / "probes.zip", "--timeout", "0.01s"]
    done = holdfast("audit", *arguments, "--server", service.url, cwd=tmp_path)
    assert done.returncode == 5
    assert "error[wait_timeout]" in done.stderr
    assert f"hint: Look at {service.url}/audits/" in done.stderr


def test_ctrl_c_leaves_the_audit_to_the_service(
    tmp_path: Path, service: Service, digits: Path
) -> None:
    # Long enough to be interrupted, on any machine.
    shifts = [[dx, dy] for dx in range(1, 21) for dy in range(1, 61)]
    (tmp_path / "holdfast.yaml").write_text(
        f"version: 1\nfamilies: {{translation: {{shifts_px: {shifts}}}}}\n"
    )
    command = program("audit", digits / "centered.onnx", "--data", digits / "probes.zip")
    with subprocess.Popen(
        [*command, "--seed", "5", "--server", service.url],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "waiting" in line or "worker" in line:
                break
        os.kill(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert f"The audit goes on: {service.url}/audits/" in rest
    assert "Traceback" not in rest


def test_doctor_asks_the_service(tmp_path: Path, service: Service) -> None:
    done = holdfast("doctor", "--server", service.url, "--data", service.data, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    said = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    for name in ("audit", "server", "sandbox", "storage", "database", "broker"):
        assert said[name] == "ok", done.stdout
    assert "in force: limits, no capabilities, no new privileges, Landlock ABI" in done.stdout


def test_doctor_exits_5_when_something_is_broken(tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    done = holdfast("doctor", "--server", url, cwd=tmp_path)
    assert done.returncode == 5
    assert "FAIL server" in done.stdout
    assert not (tmp_path / ".holdfast").exists()
