"""`--device`: what it needs, what it says when there is no GPU, and what `auto` does."""

import json
from pathlib import Path
from typing import Any

import pytest

import toys
from auditing import LIMITS, plan_of
from commands import holdfast
from holdfast_cli.cache import Cache
from holdfast_cli.local import device_for, measure_here
from holdfast_cli.options import DeviceName
from holdfast_cli.order import Order
from holdfast_cli.remote import Place, asked_of
from toy_probes import flat, noise

_ON: dict[str, Any] = {"HOLDFAST_SANDBOX_GPU": "experimental"}
NOTE = "GPU audits of untrusted models: dedicated host or VM"


@pytest.fixture
def command(tmp_path: Path) -> list[object]:
    (tmp_path / "m.onnx").write_bytes(toys.linear(channels=1))
    probes = flat(tmp_path / "p.zip", noise(4, 8, 8), [0, 1] * 2)
    return ["audit", tmp_path / "m.onnx", "--data", probes, "--input", "unit", "--no-cache"]


@pytest.mark.parametrize(
    ("settings", "code", "exit_code"), [({}, "gpu_not_enabled", 2), (_ON, "gpu_not_available", 5)]
)
def test_a_gpu_that_may_not_be_used_or_is_not_there_is_said(
    tmp_path: Path, command: list[object], settings: dict[str, Any], code: str, exit_code: int
) -> None:
    done = holdfast(*command, "--device", "gpu", cwd=tmp_path, **settings)
    assert done.returncode == exit_code
    assert f"error[{code}]: " in done.stderr
    assert "hint: " in done.stderr


@pytest.mark.parametrize("settings", [{}, _ON])
def test_auto_is_the_cpu_where_there_is_no_gpu(
    tmp_path: Path, command: list[object], settings: dict[str, Any]
) -> None:
    asked = [*command, "--device", "auto", "-o", "r.json"]
    done = holdfast(*asked, cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    provenance = json.loads((tmp_path / "r.json").read_text())["provenance"]
    assert (provenance["device"], provenance["sandbox"]["gpu"]) == ("cpu", False)


def test_auto_passes_over_a_gpu_of_no_use_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The driver's devices are there, but no runtime that could use them."""
    for name, value in _ON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("holdfast_cli.local.device_files", lambda: ["/dev/nvidia0"])
    (tmp_path / "m.onnx").write_bytes(toys.linear(channels=1))
    probes = flat(tmp_path / "p.zip", noise(4, 8, 8))
    order = Order(tmp_path / "m.onnx", probes, plan_of(), None, device=DeviceName.auto)
    assert device_for(order.device) == "gpu"
    cache = Cache(tmp_path / "cache")
    output = measure_here(order, "auto", LIMITS, cache)
    assert output.result.provenance.device == "cpu"
    assert "The audit runs on the CPU." in capsys.readouterr().err
    (entry,) = (tmp_path / "cache").iterdir()
    assert entry.is_dir()


@pytest.mark.parametrize("device", DeviceName)
def test_a_service_is_asked_for_the_same(tmp_path: Path, device: DeviceName) -> None:
    order = Order(tmp_path / "m.onnx", tmp_path / "p.zip", plan_of(), None, device=device)
    assert asked_of(order, Place())["device"] == device.value


@pytest.mark.parametrize(
    ("asked", "enabled", "devices", "device"),
    [
        ("cpu", True, True, "cpu"),
        ("gpu", False, False, "gpu"),
        ("auto", True, True, "gpu"),
        ("auto", True, False, "cpu"),
        ("auto", False, True, "cpu"),
    ],
)
def test_what_auto_means_here(
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    enabled: bool,  # noqa: FBT001 - a column of the table
    devices: bool,  # noqa: FBT001 - as above
    device: str,
) -> None:
    monkeypatch.setenv("HOLDFAST_SANDBOX_GPU", "experimental" if enabled else "")
    found = ["/dev/nvidia0"] if devices else []
    monkeypatch.setattr("holdfast_cli.local.device_files", lambda: found)
    assert device_for(DeviceName(asked)) == device


def test_doctor_tells_that_the_rules_hold_and_that_no_gpu_is_there(tmp_path: Path) -> None:
    done = holdfast("doctor", cwd=tmp_path, **_ON)
    (line,) = [each for each in done.stdout.splitlines() if each.split()[1] == "gpu"]
    assert line.startswith("FAIL")
    assert "no NVIDIA device is here; in force: limits, but of memory" in line
    assert NOTE in line
