"""The self-test passes here, and what it means when a layer is missing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import toys
from auditing import LIMITS, plan_of, run
from children import stand_in
from holdfast.errors import HoldfastError
from holdfast.sandbox.parent import run_audit
from holdfast.sandbox.selftest import selftest
from toy_probes import flat, noise

RUN_AS_MAIN = """
import runpy, sys
at = sys.argv.index("-m") + 1
module = sys.argv[at]
sys.argv[1:] = sys.argv[at + 1 :]
runpy.run_module(module, run_name="__main__")
"""
NO_LANDLOCK = """
from holdfast.sandbox import landlock
landlock.restrict = lambda grants: 0
"""


def _selftest_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> str:
    monkeypatch.setattr(sys, "executable", str(stand_in(tmp_path, code + RUN_AS_MAIN)))
    seen = selftest()
    assert seen.ok == (not seen.why)
    return seen.why


def test_the_sandbox_is_in_force_here() -> None:
    seen = selftest()
    assert (seen.ok, seen.why) == (True, "")
    layers = r"limits, no capabilities, no new privileges, Landlock ABI \d+, seccomp"
    assert re.fullmatch(layers, seen.layers)


def test_the_stand_in_for_the_interpreter_changes_nothing_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _selftest_with(tmp_path, monkeypatch, "") == ""


def test_a_layer_that_is_missing_is_not_said_to_be_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = _selftest_with(tmp_path, monkeypatch, NO_LANDLOCK)
    assert "landlock: not offered by this kernel" in why
    assert "reading a user's file was possible" in why
    assert "Landlock" not in selftest().layers


def test_a_program_that_can_be_started_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_filter = "from holdfast.sandbox import seccomp\nseccomp.install = lambda gpu: None\n"
    why = _selftest_with(tmp_path, monkeypatch, no_filter + NO_LANDLOCK)
    assert "starting a program was possible" in why


def _audit_with(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: Any,
) -> dict[str, Any]:
    program = stand_in(tmp_path, NO_LANDLOCK + RUN_AS_MAIN)
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "m.onnx").write_bytes(toys.mean_pixel())
    probes = flat(tmp_path / "p.zip", noise(4, 32, 32))
    output = run_audit(
        tmp_path / "m.onnx",
        probes,
        plan_of(),
        mode=mode,
        limits=LIMITS,
        on_progress=lambda _: None,
        cancelled=lambda: False,
    )
    seen: dict[str, Any] = json.loads(output.result_json)
    return seen


def test_mode_required_refuses_to_go_on_without_a_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HoldfastError) as raised:
        _audit_with(tmp_path, monkeypatch, "required")
    assert raised.value.code == "sandbox_unavailable"
    assert "landlock" in raised.value.sentence


@pytest.mark.parametrize("mode", ["auto", "container"])
def test_the_other_modes_go_on_and_the_result_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    seen = _audit_with(tmp_path, monkeypatch, mode)
    level = seen["provenance"]["sandbox"]
    assert (level["mode"], level["in_force"], level["landlock_abi"]) == (mode, False, 0)
    assert level["missing"] == ["landlock: not offered by this kernel"]
    assert level["seccomp"]
    assert "sandbox_not_in_force" in [finding["id"] for finding in seen["findings"]]


def test_a_result_of_a_locked_child_says_which_layers_were_in_force(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(4, 32, 32))
    level = run(toys.mean_pixel(), probes, plan_of()).result.provenance.sandbox
    assert (level.mode, level.in_force, level.missing) == ("required", True, ())
    assert level.landlock_abi >= 1
    assert level.seccomp
    assert level.no_new_privs
    assert level.capabilities_dropped


HEAVY = {"numpy", "pydantic", "onnx", "onnxruntime", "PIL", "cv2", "scipy", "pyarrow", "yaml"}
TELL_MODULES = """
import json, sys, threading
from holdfast.sandbox import child
def tell(*_, **__):
    seen = {"modules": sorted(sys.modules), "threads": threading.active_count()}
    sys.stdout.write(json.dumps(seen)); sys.stdout.flush(); raise SystemExit
child.lock = tell
child._main()
"""


def test_nothing_heavy_is_imported_before_the_lock() -> None:
    job = os.memfd_create("job")
    limits = {"memory_bytes": 1 << 32, "cpu_s": 9, "output_bytes": 1 << 20}
    words = {"mode": "auto", "parent_pid": os.getpid(), "reply_fd": -1, "limits": limits}
    os.write(job, json.dumps(words).encode())
    os.lseek(job, 0, os.SEEK_SET)
    told = subprocess.run(
        [sys.executable, "-IB", "-c", TELL_MODULES, str(job)],
        pass_fds=[job],
        capture_output=True,
        check=True,
    )
    os.close(job)
    seen = json.loads(told.stdout)
    assert "holdfast.sandbox.lock" in seen["modules"]
    assert not {name.partition(".")[0] for name in seen["modules"]} & HEAVY
    assert seen["threads"] == 1
