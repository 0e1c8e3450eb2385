"""Mutated models and archives of images, each through the real locked child.

Run: python bench/fuzz_intake.py --minutes 10

Every case is described by a seed and a number and sent the way a user's file is: a model is audited
on six images, some are inspected before, an archive is audited with a small model. An answer is
expected when it is a valid result or a refusal with a known code, in time. Unexpected is: an
exception of ours, `internal`, `protocol`, a crash by a signal, a child that outlives its limits, or
a payload that ran. Those are kept below --keep and can be played again: --replay NUMBER.
"""

import argparse
import collections
import concurrent.futures
import logging
import os
import platform
import random
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from _fuzz_mutations import mutated
from _fuzz_seeds import SIDE_PX, Seed, all_seeds, good_model, good_probes

from holdfast.errors import ERRORS, HoldfastError, Kind
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import inspect_model, run_audit

LIMITS = ChildLimits(memory_bytes=3 << 30, cpu_s=60, wall_s=90, stall_s=40, output_bytes=64 << 20)
# What the machinery says when something was not foreseen.
UNFORESEEN = {"internal", "protocol", "sandbox_unavailable", "model_crashed"}
INSPECTED = 4
"""Every fourth model is inspected before it is audited; both open it in the same way."""
SLOW_S = LIMITS.wall_s + 15
PLAN = {
    "input": {"preset": "unit", "crop": SIDE_PX},
    "families": {
        "translation": {"shifts_px": [[1, 0]]},
        "rotation": {"angles_deg": [10]},
        "scale": {"zooms": []},
    },
    "controls": 1,
}


@dataclass(frozen=True)
class Answer:
    """What one case got: a code, or `result`; `fault` when it was not expected."""

    number: int
    seed: str
    code: str
    fault: str = ""


class Log(logging.Handler):
    """Keeps what the child's side said in this thread."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.said.text = record.getMessage()

    def take(self) -> str:
        """What was said since the last time."""
        text, self.said.text = getattr(self.said, "text", ""), ""
        return text


class Fuzzer:
    """The seeds and what is needed to send a mutated one."""

    def __init__(self, seed: int, folder: Path, keep: Path) -> None:
        """Make the good files below `folder`; unexpected cases go to `keep`."""
        self.seed, self.folder, self.keep = seed, folder, keep
        # The same name in every run: it stands in some files, which must be the same in every run.
        self.marker = Path(tempfile.gettempdir()) / "holdfast-fuzz-marker"
        self.marker.unlink(missing_ok=True)
        self.seeds = all_seeds(self.marker)
        self.log = Log()
        logging.getLogger("holdfast").addHandler(self.log)
        (folder / "good.onnx").write_bytes(good_model())
        (folder / "good.zip").write_bytes(good_probes())

    def case(self, number: int) -> tuple[Seed, bytes]:
        """The bytes of case `number`, always the same."""
        rng = random.Random(f"{self.seed}:{number}")  # noqa: S311 - no secret
        chosen = self.seeds[number % len(self.seeds)]
        other = rng.choice(self.seeds).data
        return chosen, mutated(rng, chosen.kind, chosen.data, other)

    def run(self, number: int) -> Answer:
        """Send one case and judge its answer."""
        chosen, data = self.case(number)
        path = self.folder / f"case-{number}"
        path.write_bytes(data)
        began = time.monotonic()
        code, fault = self.answer(number, chosen, path)
        if time.monotonic() - began > SLOW_S:
            fault = fault or f"took {time.monotonic() - began:.0f} s"
        if self.marker.exists():
            fault = fault or "the payload ran"
            self.marker.unlink()
        path.unlink()
        if fault:
            self.keep.mkdir(parents=True, exist_ok=True)
            kept = self.keep / f"{self.seed}-{number}-{chosen.name}-{code}"
            kept.write_bytes(data)
            kept.with_name(kept.name + ".txt").write_text(fault)
        return Answer(number, chosen.name, code, fault)

    def answer(self, number: int, chosen: Seed, path: Path) -> tuple[str, str]:
        """The code, and the fault when it is not expected."""
        self.log.take()
        try:
            self.send(chosen, path, inspected=number % INSPECTED == 0)
        except HoldfastError as error:
            known = error.code in ERRORS and ERRORS[error.code].kind is Kind.refused
            if known and error.code not in UNFORESEEN and error.sentence and error.hint:
                return error.code, ""
            return error.code, f"{error.code}: {error.sentence}\n{self.log.take()}"
        except Exception:  # noqa: BLE001 - any of them is what we look for
            return "exception", traceback.format_exc()
        return "result", ""

    def send(self, chosen: Seed, path: Path, *, inspected: bool) -> None:
        """Inspect and audit; raises HoldfastError as for any user."""
        model = path if chosen.is_model else self.folder / "good.onnx"
        probes = self.folder / "good.zip" if chosen.is_model else path
        if chosen.is_model and inspected:
            inspect_model(model, mode="required", limits=LIMITS, architecture=chosen.architecture)
        plan = read_record(AuditPlan, {**PLAN, "architecture": chosen.architecture}, "invalid_plan")
        run_audit(
            model,
            probes,
            plan,
            mode="required",
            limits=LIMITS,
            on_progress=lambda _: None,
            cancelled=lambda: False,
        )


def fuzz(fuzzer: Fuzzer, minutes: float, jobs: int, first: int) -> list[Answer]:
    """Cases from `first` on until the time is over."""
    end = time.monotonic() + 60 * minutes
    answers: list[Answer] = []
    numbers = iter(range(first, 1 << 62))
    lock = threading.Lock()

    def work() -> None:
        while time.monotonic() < end:
            with lock:
                number = next(numbers)
            answer = fuzzer.run(number)
            with lock:
                answers.append(answer)
            if answer.fault:
                print(f"UNEXPECTED {answer.number} {answer.seed}: {answer.fault}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for task in [pool.submit(work) for _ in range(jobs)]:
            task.result()
    return answers


def report(answers: list[Answer]) -> None:
    """Which file got which answers, and the sum."""
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for answer in answers:
        table[answer.seed][answer.code] += 1
    for name, codes in table.items():
        said = ", ".join(f"{code} {n}" for code, n in codes.most_common())
        print(f"{name:20} {sum(codes.values()):5}  {said}")
    unexpected = sum(bool(answer.fault) for answer in answers)
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("onnxruntime", "onnx", "torch", "numpy", "pillow")
    )
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {libraries}")
    print(f"{len(answers)} mutated files, {unexpected} unexpected answers")


def main() -> None:
    """Parse the command line; exit with 1 when an answer was not expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("out/fuzz"))
    parser.add_argument("--replay", type=int)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-fuzz-") as folder:
        fuzzer = Fuzzer(chosen.seed, Path(folder), chosen.keep)
        if chosen.replay is not None:
            answers = [fuzzer.run(chosen.replay)]
            print(answers[0].fault)
        else:
            answers = fuzz(fuzzer, chosen.minutes, chosen.jobs, chosen.first)
        report(answers)
    raise SystemExit(any(answer.fault for answer in answers))


if __name__ == "__main__":
    main()
