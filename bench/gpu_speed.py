"""How close is an audit on a GPU to the bare model there?

PyTorch (.pt2): bare is as many forwards on ready tensors that lie on the GPU, in batches of the
audit's size; views are made on the GPU. ONNX Runtime: bare is the same on ready arrays, as many at
a time as an audit has lanes; views are made by the CPU's threads. Holdfast: from the first decoded
image to the written per-sample file, in the locked child. All take turns in one run; a ratio is the
median over rounds. Needs CUDA and HOLDFAST_SANDBOX_GPU=experimental.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import torch
from _audits import THREADS, opened, plan_of, probes, run
from _nets import SIZES, export, export_pt2

from holdfast.audit.views import ViewRunner
from holdfast.geometry import Frame
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.sandbox.gpu import gpu_names


def bare_s(model: ModelUnderTest, side: int, forwards: int) -> float:
    """Seconds for so many images through the model alone, in ready batches."""
    runner = ViewRunner(model, Frame((side, side), None), 0, lanes=THREADS)
    shape = (runner.batch, model.card.channels, side, side)
    array = np.random.default_rng(0).random(shape, np.float32)
    device = model.on_device
    there = None if device is None else device.put(array)

    def forward(size: int) -> None:
        if device is not None and there is not None:
            device.scores(there[:size])
        else:
            model(array[:size])

    forward(runner.batch)
    sizes = [min(runner.batch, forwards - start) for start in range(0, forwards, runner.batch)]
    began = time.perf_counter()
    with ThreadPoolExecutor(runner.lanes) as pool:
        list(pool.map(forward, sizes))
    return time.perf_counter() - began


def measure(name: str, suffix: str, n: int, rounds: int) -> str:
    """One row of the table."""
    channels, side = SIZES[name]
    with tempfile.TemporaryDirectory() as folder:
        model, data = Path(folder) / f"model.{suffix}", Path(folder) / "probes.zip"
        (export_pt2 if suffix == "pt2" else export)(name, model)
        probes(data, channels, side, n)
        bare_model = opened(model, threads=1, device="gpu")
        audits, bares, starts = [], [], []
        for _ in range(rounds):
            output, around = run(model, data, plan_of(), "gpu")
            audits.append(output.result.provenance.duration_s)
            starts.append(around - audits[-1])
            views = output.result.samples.n_rows
            bares.append(bare_s(bare_model, side, views))
        rates = [statistics.median(views / seconds for seconds in each) for each in (bares, audits)]
        ratio = statistics.median(b / a for b, a in zip(bares, audits, strict=True))
        return (
            f"| {name}.{suffix} | {n:,} | {views:,} | {rates[0]:,.0f} | {rates[1]:,.0f} "
            f"| {ratio:.2f} | {statistics.median(starts):.1f} |"
        )


def main() -> None:
    """Measure the nets and formats that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="+", help="for example resnet18.pt2 or small28.onnx")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    libraries = ", ".join(f"{each} {version(each)}" for each in ("torch", "numpy"))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {', '.join(gpu_names())}, {THREADS} cores, "
        f"Python {platform.python_version()}, {libraries}, CUDA {torch.version.cuda}"
    )
    print("| net | images | views | bare, views/s | Holdfast, views/s | of bare | start, s |")
    print("|---|---|---|---|---|---|---|")
    for each in options.nets:
        name, _, suffix = each.partition(".")
        print(measure(name, suffix, options.images, options.rounds), flush=True)


if __name__ == "__main__":
    main()
