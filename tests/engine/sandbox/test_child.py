"""What ends a child, what it is called then, and that nothing of it stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import toys
from auditing import LIMITS, plan_of, run
from children import child_pids, command_of, soon, stand_in
from holdfast.errors import HoldfastError
from holdfast.records.job import ChildLimits, Progress
from holdfast.sandbox.parent import inspect_model
from toy_probes import flat, noise

pytestmark = pytest.mark.usefixtures("_no_child_is_left")
ENDLESS = toys.endless_loop()


@pytest.fixture
def _no_child_is_left() -> Iterator[None]:
    before = child_pids()
    yield
    assert child_pids() == before


@pytest.fixture
def probes(tmp_path: Path) -> Path:
    return flat(tmp_path / "probes.zip", noise(4, 8, 8))


def _limits(**bounds: float) -> ChildLimits:
    return LIMITS.model_copy(update=bounds)


def _refusal(
    model: bytes,
    probes: Path,
    limits: ChildLimits = LIMITS,
    on_progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> HoldfastError:
    with pytest.raises(HoldfastError) as raised:
        run(
            model,
            probes,
            plan_of(),
            limits=limits,
            on_progress=on_progress,
            cancelled=cancelled,
        )
    return raised.value


@pytest.mark.parametrize(
    ("bounds", "setting"),
    [
        ({"stall_s": 1.5}, "1.5 s (HOLDFAST_CHILD_STALL_S)"),
        ({"wall_s": 1.5}, "1.5 s (HOLDFAST_CHILD_WALL_S)"),
        ({"cpu_s": 2}, "2 s (HOLDFAST_CHILD_CPU_S)"),
    ],
)
def test_a_model_that_never_answers_meets_the_time_limit_that_is_named(
    probes: Path, bounds: dict[str, float], setting: str
) -> None:
    began = time.monotonic()
    error = _refusal(ENDLESS, probes, _limits(**bounds))
    assert error.code == "time_limit"
    assert setting in error.sentence
    assert time.monotonic() - began < 8


def test_a_model_that_wants_4_tb_meets_the_memory_limit_that_is_named(probes: Path) -> None:
    error = _refusal(toys.memory_bomb(), probes, _limits(memory_bytes=3 << 30))
    assert error.code == "memory_limit"
    assert f"{3 << 30} bytes of memory (HOLDFAST_CHILD_MEMORY_BYTES)" in error.sentence


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGSEGV, "model_crashed", "SIGSEGV"),
        (signal.SIGABRT, "model_crashed", "SIGABRT"),
        (signal.SIGBUS, "model_crashed", "SIGBUS"),
        (40, "model_crashed", "signal 40"),
        (signal.SIGKILL, "memory_limit", "HOLDFAST_CHILD_MEMORY_BYTES"),
        (signal.SIGXCPU, "time_limit", "HOLDFAST_CHILD_CPU_S"),
    ],
)
def test_every_death_has_its_name(probes: Path, number: int, code: str, said: str) -> None:
    def kill(progress: Progress) -> None:
        if progress.stage == "probing":
            (child,) = child_pids()
            os.kill(child, number)

    error = _refusal(ENDLESS, probes, on_progress=kill)
    assert error.code == code
    assert said in error.sentence


def test_cancelling_ends_the_child_within_two_seconds(probes: Path) -> None:
    stages: list[str] = []
    asked: list[float] = []

    def cancelled() -> bool:
        if "probing" in stages and not asked:
            asked.append(time.monotonic())
        return bool(asked)

    error = _refusal(
        ENDLESS, probes, on_progress=lambda p: stages.append(p.stage), cancelled=cancelled
    )
    assert error.code == "cancelled"
    assert time.monotonic() - asked[0] < 2


@pytest.mark.parametrize("where", ["on_progress", "cancelled"])
def test_an_interrupt_from_the_keyboard_leaves_no_child(probes: Path, where: str) -> None:
    def interrupt(*_: object) -> Any:
        assert soon(lambda: bool(child_pids()))  # its command line comes a moment after its start
        raise KeyboardInterrupt

    calls: dict[str, Any] = {where: interrupt}
    with pytest.raises(KeyboardInterrupt):
        run(ENDLESS, probes, plan_of(), **calls)


PARENT = """
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
sys.path.insert(0, sys.argv[1])
from auditing import plan_of, run
def tell(progress):
    if progress.stage == "probing":
        print("probing", flush=True)
run(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), plan_of(), on_progress=tell)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_parent_that_dies_takes_its_child_along(
    probes: Path, repo: Path, number: signal.Signals
) -> None:
    model = probes.with_name("endless.onnx")
    model.write_bytes(ENDLESS)
    parent = subprocess.Popen(
        [sys.executable, "-B", "-c", PARENT, str(repo / "tests"), str(model), str(probes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"probing\n"
    (child,) = child_pids(parent.pid)
    assert "holdfast.sandbox.child" in command_of(child)
    parent.send_signal(number)
    parent.wait(10)
    parent.stdout.close()
    assert soon(lambda: "holdfast.sandbox.child" not in command_of(child))


def test_the_child_sees_nothing_of_the_parents_environment(
    probes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    told = tmp_path / "told"
    code = f"import os\nopen({str(told)!r}, 'w').write(repr(dict(os.environ)))"
    monkeypatch.setattr(sys, "executable", str(stand_in(tmp_path, code)))
    assert _refusal(toys.linear(channels=1), probes).code == "model_crashed"
    seen = told.read_text()
    assert "'ORT_DISABLE_TELEMETRY': '1'" in seen
    assert "hunter2" not in seen
    assert "AWS" not in seen
    assert "CUDA" not in seen


def test_progress_counts_the_views_and_never_goes_back(probes: Path) -> None:
    seen: list[Progress] = []
    plan = plan_of(shifts_px=[[1, 0], [0, 1]], angles_deg=[5])
    run(toys.linear(channels=1), probes, plan, on_progress=seen.append)
    stages = [progress.stage for progress in seen]
    assert list(dict.fromkeys(stages)) == ["loading", "probing", "measuring", "writing"]
    done = [progress.done for progress in seen if progress.stage == "measuring"]
    assert done == sorted(done)
    assert (seen[-1].done, seen[-1].total) == (16, 16)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (b"", "empty_file"),
        (b"hello\n" * 50, "invalid_onnx"),
        (b"\x80\x04K\x01.", "pickle_refused"),
        (toys.rank2_input(), "unsupported_input"),
        (toys.nan_output(), "nonfinite_output"),
        (toys.random_operator(), "nondeterministic"),
        (toys.map_output(), "unsupported_output"),
        (toys.mean_pixel(size=("h", "w")), "input_size_needed"),
    ],
)
def test_a_refusal_of_the_child_arrives_with_its_code(
    probes: Path, model: bytes, code: str
) -> None:
    assert _refusal(model, probes).code == code


def test_a_file_that_is_not_there_is_named(tmp_path: Path, probes: Path) -> None:
    with pytest.raises(HoldfastError, match="file_not_found"):
        run(tmp_path / "nowhere.onnx", probes, plan_of())
    with pytest.raises(HoldfastError, match="file_not_found"):
        run(toys.mean_pixel(), tmp_path / "nowhere.zip", plan_of())


def test_a_model_can_be_inspected_without_data(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(ENDLESS)
    card = inspect_model(tmp_path / "m", mode="required", limits=LIMITS)
    assert (card.height_px, card.channels, card.n_nodes) == (8, 1, 6)
    (tmp_path / "m").write_bytes(toys.sequence_input())
    with pytest.raises(HoldfastError, match="unsupported_input"):
        inspect_model(tmp_path / "m", mode="required", limits=LIMITS)


def test_samples_over_their_limit_meet_an_error_that_names_it(digits: Path) -> None:
    small = LIMITS.model_copy(update={"output_bytes": 1 << 16})
    plan = plan_of(shifts_px=[[dx, dy] for dx in range(-4, 5) for dy in range(1, 5)])
    with pytest.raises(HoldfastError) as raised:
        run(digits / "gap.onnx", digits / "probes.zip", plan, limits=small)
    assert raised.value.code == "output_limit"
    assert "HOLDFAST_CHILD_OUTPUT_BYTES" in raised.value.sentence
