"""How close is an audit to the bare model, and how far from IBM ART and Foolbox?

Bare: as many forwards on ready batches of the audit's size, same runtime, threads and options; the
faster of two ways, one batch at a time on all threads and one batch per thread.
Holdfast: from the first decoded image to the written per-sample file, in the locked child; the
child's start, the loading of the model and the digest of the images are shown on their own.
ART, Foolbox: their grid searches on the same session, on ready arrays. All take turns in one run;
a ratio is the median over rounds.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import torch
from _audits import FEW_CELLS, THREADS, bare_s, batch_of, opened, plan_of, probes, run
from _nets import SIZES, export
from _peers import PEER_IMAGES, PEER_PACKAGES, art_s, foolbox_s

IMAGES = {"resnet18": 200, "mobilenet": 200, "small28": 4000}
MEMORY_IMAGES = {"resnet18": 160, "mobilenet": 160, "small28": 4000}
OF_BARE = {"resnet18": 0.95, "mobilenet": 0.85, "small28": 0.5}
TIMES_ART, TIMES_FOOLBOX = 5.0, 1.0
PACKAGES = ("onnxruntime", "numpy", "opencv-python-headless", "pillow", "torch", *PEER_PACKAGES)


@dataclass(frozen=True)
class Round:
    """Milliseconds per evaluation of one round, and the seconds before an audit's first image."""

    together: float
    lanes: float
    holdfast: float
    art: float
    foolbox: float
    start_s: float

    @property
    def bare(self) -> float:
        """The faster of the two ways to run the bare model."""
        return min(self.together, self.lanes)


@contextmanager
def bench_files(name: str, n: int) -> Iterator[tuple[Path, Path]]:
    """A net and its probes for a while."""
    channels, side = SIZES[name]
    with tempfile.TemporaryDirectory() as folder:
        model, data = Path(folder) / "model.onnx", Path(folder) / "probes.zip"
        export(name, model)
        probes(data, channels, side, n)
        yield model, data


def measure(name: str, rounds: int, n_images: int) -> tuple[list[Round], int]:
    """All contenders in turn, `rounds` times; and how many views an audit has."""
    channels, side = SIZES[name]
    images = np.random.default_rng(1).random((PEER_IMAGES[name], channels, side, side), np.float32)
    rows: list[Round] = []
    with bench_files(name, n_images) as (model, data):
        session, lane = opened(model), opened(model, threads=1)
        shape = (batch_of(session, side), channels, side, side)
        for _ in range(rounds):
            output, around = run(model, data, plan_of())
            inside = output.result.provenance.duration_s
            views = output.result.samples.n_rows
            art, art_views = art_s(name, session, images)
            fool, fool_views = foolbox_s(name, session, images)
            rows.append(
                Round(
                    together=1e3 * bare_s(session, shape, views) / views,
                    lanes=1e3 * bare_s(lane, shape, views, THREADS) / views,
                    holdfast=1e3 * inside / views,
                    art=1e3 * art / art_views,
                    foolbox=1e3 * fool / fool_views,
                    start_s=around - inside,
                )
            )
    return rows, views


def peak_mib(name: str, n: int) -> float:
    """Largest memory of the child of one audit with few cells, measured in a process of its own."""
    command = [sys.executable, __file__, "--peak", name, str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this file
    return float(done.stdout)


def print_peak(name: str, n: int) -> None:
    """Print it; the audit's child is the only child of this process."""
    with bench_files(name, n) as (model, data):
        run(model, data, plan_of(FEW_CELLS))
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def middle(rows: list[Round], pick: Callable[[Round], float]) -> str:
    """Median with the range over rounds."""
    seen = [pick(row) for row in rows]
    return f"{statistics.median(seen):.2f} ({min(seen):.2f} to {max(seen):.2f})"


def judged(rows: list[Round], pick: Callable[[Round], float], target: float) -> str:
    """A ratio, its target, and whether the median meets it."""
    met = statistics.median(pick(row) for row in rows) >= target
    return f"{middle(rows, pick)}; at least {target:g}: {'met' if met else 'missed'}"


def speed_table(names: list[str], rounds: int, n_images: int | None) -> Iterator[str]:
    """Two tables: milliseconds, and ratios against their targets."""
    measured = {name: measure(name, rounds, n_images or IMAGES[name]) for name in names}
    yield "| net | views | bare, together | bare, lanes | Holdfast | ART | Foolbox | start, s |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, (rows, views) in measured.items():
        mid = [
            statistics.median(getattr(row, field) for row in rows)
            for field in ("together", "lanes", "holdfast", "art", "foolbox", "start_s")
        ]
        cells = " | ".join(f"{value:.3g}" for value in mid)
        yield f"| {name} | {views} | {cells} |"
    yield ""
    yield "| net | speed of the bare model | times as fast as ART | times as fast as Foolbox |"
    yield "|---|---|---|---|"
    for name, (rows, _) in measured.items():
        of_bare = judged(rows, lambda row: row.bare / row.holdfast, OF_BARE[name])
        art = judged(rows, lambda row: row.art / row.holdfast, TIMES_ART)
        foolbox = judged(rows, lambda row: row.foolbox / row.holdfast, TIMES_FOOLBOX)
        yield f"| {name} | {of_bare} | {art} | {foolbox} |"


def memory_table(names: list[str]) -> Iterator[str]:
    """Peak memory of the child, also for twice the probes."""
    yield "| net | probes | peak, MiB | twice the probes, MiB |"
    yield "|---|---|---|---|"
    for name in names:
        n = MEMORY_IMAGES[name]
        yield f"| {name} | {n} | {peak_mib(name, n):.0f} | {peak_mib(name, 2 * n):.0f} |"


def machine() -> str:
    """Date, processor and versions, to stand beside every figure."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    libraries = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    busy = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {cpu}, {THREADS} cores; Python "
        f"{platform.python_version()}, {libraries}. Load of the machine before the run: {busy:.1f}."
    )


def main() -> None:
    """Measure all nets, or those named; print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, help="so many in place of 64, 128 and 4,000")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument("--peak", nargs=2, metavar=("NET", "PROBES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print_peak(options.peak[0], int(options.peak[1]))
        return
    torch.set_num_threads(THREADS)
    print(machine(), end="\n\n")
    print(f"Milliseconds per evaluation, median of {options.rounds} rounds:", end="\n\n")
    for line in speed_table(options.nets, options.rounds, options.images):
        print(line, flush=True)
    if not options.no_memory:
        print()
        for line in memory_table(options.nets):
            print(line, flush=True)


if __name__ == "__main__":
    main()
