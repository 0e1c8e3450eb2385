"""How a worker starts: not without its sandbox, and never as an orphan."""

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.sandbox.selftest import SelfTest
from holdfast_db.queries import list_workers
from holdfast_worker.lifecycle import check_gpu, checked_sandbox
from holdfast_worker.settings import WorkerSettings
from workers import Place, wait_for, working

_PR_CAPBSET_DROP, _CAP_SYS_RESOURCE = 24, 24
_WORKER = [sys.executable, "-m", "holdfast_worker", "--name", "one@test"]


def _cannot_sandbox() -> None:
    """In the new process: so few open files that the child cannot set its own limit."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_RESOURCE, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))


def test_without_a_sandbox_no_worker_starts(place: Place) -> None:
    run = subprocess.run(
        _WORKER,
        env={**os.environ, "HOLDFAST_DATA": str(place.data)},
        preexec_fn=_cannot_sandbox,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 78
    assert "the sandbox does not hold" in run.stderr


def test_a_sandbox_with_a_gap_stops_only_who_requires_it(tmp_path: Path) -> None:
    broken = SelfTest(ok=False, why="landlock: not offered by this kernel")
    for mode in ("auto", "container"):
        settings = WorkerSettings.model_validate({"data": tmp_path, "sandbox": mode})
        assert checked_sandbox(settings, lambda **_: broken) == broken
    settings = WorkerSettings.model_validate({"data": tmp_path})
    assert settings.sandbox == "required"
    with pytest.raises(SystemExit) as stop:
        checked_sandbox(settings, lambda **_: broken)
    assert stop.value.code == 78


def test_a_worker_for_a_gpu_needs_the_operators_leave(place: Place) -> None:
    run = subprocess.run(
        [*_WORKER, "--queue", "gpu"],
        env={**os.environ, "HOLDFAST_DATA": str(place.data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 78
    assert "HOLDFAST_SANDBOX_GPU=experimental" in run.stderr


def test_a_worker_for_a_gpu_needs_one_and_the_rules_for_it(tmp_path: Path) -> None:
    asked: list[bool] = []

    def test(*, gpu: bool) -> SelfTest:
        asked.append(gpu)
        return SelfTest(ok=True, why="")

    words = {"data": tmp_path, "queue": "gpu", "sandbox_gpu": "experimental"}
    settings = WorkerSettings.model_validate(words)
    with pytest.raises(SystemExit) as stop:
        check_gpu(settings, list)
    assert stop.value.code == 78
    check_gpu(settings, lambda: ["/dev/nvidia0"])
    with pytest.raises(SystemExit):
        check_gpu(settings.model_copy(update={"sandbox_gpu": ""}), lambda: ["/dev/nvidia0"])
    checked_sandbox(settings, test)
    on_cpu = WorkerSettings.model_validate({"data": tmp_path})
    check_gpu(on_cpu, list)
    checked_sandbox(on_cpu, test)
    assert asked == [True, False]


_PROCESS = """
import os, sys
from holdfast_worker.orphans import die_with_main, remember_main
if sys.argv[1] == "orphan":
    os.environ["HOLDFAST_WORKER_MAIN_PID"] = "999999999"
elif sys.argv[1] == "child":
    os.environ["HOLDFAST_WORKER_MAIN_PID"] = str(os.getppid())
die_with_main()
print("alive")
"""


@pytest.mark.parametrize(("who", "alive"), [("orphan", False), ("child", True), ("alone", True)])
def test_a_process_whose_main_is_gone_ends_at_once(who: str, alive: bool) -> None:  # noqa: FBT001
    run = subprocess.run(
        [sys.executable, "-c", _PROCESS, who], capture_output=True, text=True, check=False
    )
    assert (run.stdout == "alive\n") == alive
    assert (run.returncode == 0) == alive


def test_the_options_are_told() -> None:
    help_text = subprocess.run([*_WORKER[:3], "--help"], capture_output=True, text=True, check=True)
    for option in ("--queue", "--concurrency", "--name", "--nice", "--loglevel"):
        assert option in help_text.stdout


def _rows(place: Place) -> list[tuple[object, ...]]:
    with place.db.reading() as session:
        return [(row.hostname, row.queues, row.slots, row.gpu) for row in list_workers(session)]


def test_a_worker_says_how_much_it_does_at_a_time(place: Place) -> None:
    with working(place.data, "big", options=["--concurrency", "2"]):
        wait_for("its row", lambda: bool(_rows(place)), 10)
        assert _rows(place) == [("big@test", ["cpu"], 2, None)]
