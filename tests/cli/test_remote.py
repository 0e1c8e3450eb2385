"""`holdfast audit --server`: the same output and exit codes as an audit on this machine."""

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from commands import environment, holdfast, program
from services import Service, embedded, wait_for

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
        # where the tests run in the background they ignore it, and so would the command
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            # whatever is the first thing to be seen of it
            if any(word in line for word in ("waiting", "worker", "opening", "finding", "moving")):
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
    for name in ("audit", "server", "sandbox", "storage", "database", "broker", "worker", "token"):
        assert said[name] == "ok", done.stdout
    assert said["gpu"] == "-", done.stdout
    assert "HOLDFAST_SANDBOX_GPU=experimental turns it on" in done.stdout
    assert "in force: limits, no capabilities, no new privileges, Landlock ABI" in done.stdout
    assert "s ago (1 at a time)" in done.stdout


def test_doctor_exits_5_when_something_is_broken(tmp_path: Path, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    done = holdfast("doctor", "--server", url, cwd=tmp_path)
    assert done.returncode == 5
    assert "FAIL server" in done.stdout
    assert not (tmp_path / ".holdfast").exists()


@pytest.fixture(scope="module")
def base_python(tmp_path_factory: pytest.TempPathFactory, repo: Path) -> Path:
    """Python of an environment with our wheel and what `pip install holdfast` alone brings."""
    folder = tmp_path_factory.mktemp("base")
    wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(wheel, cwd=repo, check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as packed:
        packed.extractall(site)
    for name in _needed("holdfast", ""):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
            if top != "__pycache__":
                (site / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
    return folder / "venv" / "bin" / "python"


def _needed(name: str, extra: str) -> set[NormalizedName]:
    """The distributions that one needs here, and what these need, without `name` itself."""
    wanted = [
        requirement
        for requirement in map(Requirement, importlib.metadata.requires(name) or ())
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    ]
    found = {canonicalize_name(requirement.name) for requirement in wanted}
    return found.union(*(_needed(each, "") for each in found))


def test_the_base_install_gates_on_a_service(
    tmp_path: Path, service: Service, audited: Path, digits: Path, base_python: Path
) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(base_python), "-I", "-m", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )

    for absent in ("numpy", "onnxruntime", "jinja2", "fastapi"):
        assert "No module named" in run(absent).stderr
    model = [digits / "everywhere.onnx", "--data", digits / "probes.zip", "--server", service.url]
    short = (audited / "holdfast.yaml").read_text()
    gate = "gate: {assertions: {translation.consistency: [error, {min: 0.2}]}}\n"
    (tmp_path / "holdfast.yaml").write_text(short + gate)
    outputs = ["-o", "junit.xml", "-o", "summary.md", "-o", "out.sarif", "-o", "result.json"]
    done = run("holdfast_cli", "audit", *model, *outputs)
    assert (done.returncode, "PASSED" in done.stdout) == (0, True), done.stdout + done.stderr
    assert f"on the service: {service.url}/audits/" in done.stderr
    assert "<testcase" in (tmp_path / "junit.xml").read_text()
    (tmp_path / "holdfast.yaml").write_text(short + gate.replace("0.2", "0.999999"))
    again = run("holdfast_cli", "gate", "result.json")
    assert again.returncode in (1, 3), again.stdout + again.stderr
    here = run("holdfast_cli", "audit", *model[:3])
    assert (here.returncode, "error[missing_extra]" in here.stderr) == (2, True)


def test_a_stored_audit_of_the_service_is_judged_again(
    tmp_path: Path, service: Service, audited: Path, digits: Path
) -> None:
    (tmp_path / "holdfast.yaml").write_text((audited / "holdfast.yaml").read_text() + GATE)
    model = [digits / "everywhere.onnx", "--data", digits / "probes.zip"]
    first = holdfast("audit", *model, "--server", service.url, "--no-wait", cwd=tmp_path)
    audit_id = first.stdout.strip().rpartition("/")[2]
    wait_for(
        "the audit to end",
        lambda: httpx.get(f"{service.url}/v1/audits/{audit_id}").json()["state"] == "done",
    )
    done = holdfast("gate", audit_id, "--server", service.url, "-o", "junit.xml", cwd=tmp_path)
    assert done.returncode in (1, 3), done.stderr
    assert "translation.consistency: observed " in done.stdout
    unknown = holdfast("gate", "nothing.json", "--server", service.url, cwd=tmp_path)
    assert (unknown.returncode, "error[file_not_found]" in unknown.stderr) == (2, True)
