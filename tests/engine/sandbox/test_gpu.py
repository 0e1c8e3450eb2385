"""The rules for a child on a GPU, as far as a machine without one can show them."""

import json
import mmap
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import torch_nets as nets
import toys
from auditing import LIMITS, plan_of, run
from children import child_pids, stand_in
from holdfast.audit.report import Origin
from holdfast.errors import HoldfastError
from holdfast.records.base import canonical_json
from holdfast.records.job import AuditJob, ChildLimits, Progress
from holdfast.records.part import AuditPart
from holdfast.sandbox.duty import _level
from holdfast.sandbox.files import input_file, memory_file
from holdfast.sandbox.gpu import (
    NOTE,
    VARIABLE,
    device_files,
    driver_files,
    gpu_names,
    resident_bytes,
)
from holdfast.sandbox.lock import LockLevel
from holdfast.sandbox.parent import checked_audit, run_audit
from holdfast.sandbox.selftest import selftest
from holdfast.sandbox.shards import Asked, run_merge, run_part
from holdfast_reports.html import html_report
from inprocess import run_here
from toy_probes import flat, noise

SAID = "There is no GPU to compute on"


@pytest.fixture
def probes(tmp_path: Path) -> Path:
    return flat(tmp_path / "probes.zip", noise(4, 8, 8))


@pytest.fixture
def _enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "experimental")


def _refusal(probes: Path, model: bytes | None = None, **given: Any) -> HoldfastError:
    path = probes.with_name("m")
    path.write_bytes(model or toys.mean_pixel(size=(8, 8)))
    words: dict[str, Any] = {"mode": "required", "limits": LIMITS, "device": "gpu"}
    heard: dict[str, Any] = {"on_progress": lambda _: None, "cancelled": lambda: False}
    with pytest.raises(HoldfastError) as raised:
        run_audit(path, probes, plan_of(), **{**words, **heard, **given})
    return raised.value


def test_the_rules_hold_here_and_say_what_they_are() -> None:
    seen = selftest(gpu=True)
    assert (seen.ok, seen.why) == (True, "")
    assert "limits, but of memory" in seen.layers
    assert "experimental" in seen.layers
    assert seen.layers.endswith(NOTE)
    assert NOTE not in selftest().layers


def test_only_the_devices_that_cuda_uses_are_given(tmp_path: Path) -> None:
    used = ("nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-caps")
    for name in (*used, "nvidia-modeset", "nvidia", "nvidia0.bak", "nvme0", "sda", "null"):
        (tmp_path / name).touch()
    assert device_files(str(tmp_path)) == sorted(f"{tmp_path}/{name}" for name in used)
    assert device_files(str(tmp_path / "nowhere")) == []


def test_of_the_driver_only_its_own_files_and_its_gpus_slots_are_given(tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    always = ["/proc/driver/nvidia", "/proc/devices", "/proc/sys/vm/mmap_min_addr"]
    assert driver_files(str(tmp_path)) == [*always, "/sys/bus/pci/devices/0000:01:00.0"]
    assert driver_files(str(tmp_path / "nowhere")) == always


def test_the_driver_tells_the_names(tmp_path: Path) -> None:
    slot = tmp_path / "0000:01:00.0"
    slot.mkdir()
    (slot / "information").write_text("Model: \t\t NVIDIA H100 80GB\nIRQ: 4\n")
    assert gpu_names(str(tmp_path)) == ["NVIDIA H100 80GB"]
    assert gpu_names(str(tmp_path / "nowhere")) == []


def test_why_a_socket_for_packets_is_allowed_and_one_for_datagrams_is_not(tmp_path: Path) -> None:
    """Unlocked, the latter reaches a socket that it was never connected to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.bind(str(tmp_path / "s"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"out", str(tmp_path / "s"))
        assert stranger.recv(9) == b"out"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.bind(str(tmp_path / "t"))
        stranger.listen()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
            with pytest.raises(OSError, match="not connected"):
                packets.sendto(b"out", str(tmp_path / "t"))
            with pytest.raises(OSError, match="not connected"):
                packets.sendmsg([b"out"], [], 0, str(tmp_path / "t"))


def test_without_the_operators_leave_no_child_starts(
    probes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")
    for value in ("", "1", "yes"):
        monkeypatch.setenv(VARIABLE, value)
        error = _refusal(probes)
        assert error.code == "gpu_not_enabled"
        assert f"{VARIABLE}=experimental" in error.hint


@pytest.mark.usefixtures("_enabled")
@pytest.mark.parametrize("kind", ["onnx", "pt2", "script"])
def test_a_runtime_without_cuda_is_never_replaced_by_the_cpu(probes: Path, kind: str) -> None:
    model = None
    if kind != "onnx":
        net = nets.build("cnn")
        model = nets.pt2(net, batch=2) if kind == "pt2" else nets.script(net)
        probes = flat(probes, noise(4, 32, 32, 3))
    error = _refusal(probes, model)
    assert error.code == "gpu_not_available"
    assert error.sentence.startswith(SAID)
    assert "onnxruntime-gpu" in error.hint


@pytest.mark.usefixtures("_enabled")
def test_parts_and_their_merge_run_there_too(probes: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.write_bytes(toys.mean_pixel(size=(8, 8)))
    asked = Asked(model, probes, plan_of(), device="gpu")
    words: dict[str, Any] = {"mode": "required", "limits": LIMITS}
    heard: dict[str, Any] = {"on_progress": lambda _: None, "cancelled": lambda: False}
    with pytest.raises(HoldfastError, match="gpu_not_available"):
        run_part(asked, (0, 4), **words, **heard)
    on_cpu = Asked(model, probes, plan_of())
    part = run_part(on_cpu, (0, 4), **words, **heard)
    assert AuditPart.model_validate_json(part.part_json).origin
    (tmp_path / "part").write_bytes(part.part_json)
    (tmp_path / "samples").write_bytes(part.samples)
    with pytest.raises(HoldfastError, match="gpu_not_available"):
        run_merge(asked, [(tmp_path / "part", tmp_path / "samples")], **words, **heard)


@pytest.mark.usefixtures("_enabled")
def test_the_child_has_the_limits_and_the_environment_of_a_gpu(
    probes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    seen: dict[str, str] = {}

    def look(_: Progress) -> None:
        (child,) = child_pids()
        for name in ("limits", "oom_score_adj"):
            seen[name] = Path(f"/proc/{child}/{name}").read_text()

    _refusal(probes, on_progress=look)
    assert re.search(r"Max address space +unlimited", seen["limits"])
    assert re.search(rf"Max cpu time +{LIMITS.cpu_s} ", seen["limits"])
    assert seen["oom_score_adj"].strip() == "1000"
    told = tmp_path / "told"
    code = f"open({str(told)!r}, 'w').write(json.dumps(dict(os.environ)))"
    monkeypatch.setattr(sys, "executable", str(stand_in(tmp_path, HEAD + code)))
    _refusal(probes)
    given = json.loads(told.read_text())
    assert (given["CUDA_VISIBLE_DEVICES"], given["NVIDIA_TF32_OVERRIDE"]) == ("1", "0")
    assert "AWS_SECRET_ACCESS_KEY" not in given


def test_a_child_on_the_cpu_has_its_limit_and_no_mark(probes: Path) -> None:
    seen: dict[str, str] = {}

    def look(_: Progress) -> None:
        (child,) = child_pids()
        seen["limits"] = Path(f"/proc/{child}/limits").read_text()

    result = run(toys.linear(channels=1), probes, plan_of(), on_progress=look).result
    assert re.search(rf"Max address space +{LIMITS.memory_bytes} ", seen["limits"])
    assert (result.provenance.device, result.provenance.sandbox.gpu) == ("cpu", False)
    assert "sandbox_gpu" not in [finding.id for finding in result.findings]


HEAD = """
import json, os, sys, time
with os.fdopen(int(sys.argv[-1]), "rb") as file:
    job = json.load(file)
def say(**words):
    os.write(job["reply_fd"], json.dumps(words).encode() + b"\\n")
"""


@pytest.mark.usefixtures("_enabled")
@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("held = b'x' * (600 << 20); time.sleep(60)", "HOLDFAST_CHILD_MEMORY_BYTES"),
        ("say(error='memory_limit')", "HOLDFAST_CHILD_GPU_MEMORY_BYTES"),
    ],
)
def test_memory_is_watched_and_the_limit_that_was_met_is_named(
    probes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, setting: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(stand_in(tmp_path, HEAD + code)))
    error = _refusal(probes, limits=ChildLimits(memory_bytes=400 << 20, stall_s=20.0))
    assert error.code == "memory_limit"
    assert f"({setting})" in error.sentence
    assert not child_pids()


def test_what_a_process_holds_is_seen_and_what_it_only_reserves_is_not() -> None:
    before = resident_bytes(os.getpid())
    with mmap.mmap(-1, 1 << 30):
        assert resident_bytes(os.getpid()) - before < 50 << 20
    held = bytearray(b"x") * (200 << 20)
    assert 150 << 20 < resident_bytes(os.getpid()) - before < 260 << 20
    assert len(held)
    assert resident_bytes(1 << 30) == 0


def test_a_child_cannot_say_that_it_computed_elsewhere(probes: Path, tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.write_bytes(toys.linear(channels=1))
    output = run(model, probes, plan_of())
    told = output.result.provenance
    with memory_file("r") as fd, input_file(model) as model_fd, input_file(probes) as probes_fd:
        job = AuditJob(
            mode="required",
            limits=LIMITS,
            parent_pid=os.getpid(),
            model_fd=model_fd,
            model_sha256=told.model_sha256,
            probes_fd=probes_fd,
            probes_sha256=told.probes_sha256,
            result_fd=fd,
            samples_fd=fd,
            plan=plan_of(),
        )
        assert checked_audit(job, output.result_json, output.samples) == output
        on_gpu = job.model_copy(update={"device": "gpu"})
        with pytest.raises(HoldfastError, match="protocol"):
            checked_audit(on_gpu, output.result_json, output.samples)
        for true, false in (
            (b'"device":"cpu"', b'"device":"gpu"'),
            (b'"gpu":false', b'"gpu":true'),
        ):
            assert output.result_json.count(true) == 1
            lie = output.result_json.replace(true, false)
            with pytest.raises(HoldfastError, match="protocol"):
                checked_audit(job, lie, output.samples)


def test_a_result_says_that_the_rules_were_those_for_a_gpu(
    probes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = _level(LockLevel("required", gpu=True, landlock_abi=7, seccomp=True))
    monkeypatch.setattr("inprocess._NO_SANDBOX", level)
    monkeypatch.setattr("inprocess.Origin", lambda **given: Origin(**given, device="gpu"))
    result = run_here(toys.linear(channels=1), probes, plan_of()).result
    sandbox = result.provenance.sandbox
    assert (sandbox.gpu, sandbox.note, result.provenance.device) == (True, NOTE, "gpu")
    (finding,) = [each for each in result.findings if each.id == "sandbox_gpu"]
    assert finding.hint == NOTE
    assert NOTE.encode() in canonical_json(result)
    assert f"Experimental rules for a GPU. {NOTE}" in html_report(result, None)
