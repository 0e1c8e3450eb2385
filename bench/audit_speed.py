"""How close is an audit to the bare model? Rounds of bare model and audit in turn, median ratios.

Bare: the same number of forwards on a ready-made batch of the audit's size, same runtime, threads
and options. Audit: the whole child, from decoding to the written per-sample file; the start of the
interpreter is shown on its own.
"""

import argparse
import io
import os
import platform
import resource
import statistics
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
from nets import SIZES, export
from PIL import Image

from holdfast.audit.views import ViewRunner
from holdfast.geometry import Frame
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.runtimes.opening import Terms, open_model
from holdfast.sandbox.parent import run_audit

IMAGES = {"resnet18": 8, "mobilenet": 16, "small28": 1000}
THREADS = os.cpu_count() or 1


def probes(path: Path, channels: int, side: int, n: int) -> None:
    """JPEGs of 1/f-like noise, larger than the input where photographs would be."""
    rng = np.random.default_rng(0)
    height, width = (side, side) if channels == 1 else (375, 500)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(n):
            coarse = rng.integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
            image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
            out = io.BytesIO()
            image.convert("L" if channels == 1 else "RGB").save(out, "jpeg", quality=90)
            archive.writestr(f"{index:05d}.jpg", out.getvalue())


def bare_s(model: Path, shape: tuple[int, ...], forwards: int) -> float:
    """Seconds for `forwards` images through the model alone."""
    run = open_model(model.read_bytes(), "0" * 64, Terms(threads=THREADS))
    batch = np.random.default_rng(0).random(shape, np.float32)
    run(batch)
    began = time.perf_counter()
    for start in range(0, forwards, shape[0]):
        run(batch[: min(shape[0], forwards - start)])
    return time.perf_counter() - began


def audit_s(model: Path, data: Path, plan: AuditPlan) -> tuple[float, float, int]:
    """Seconds inside the child, seconds around it, and views."""
    began = time.perf_counter()
    output = run_audit(
        model,
        data,
        plan,
        mode="auto",
        limits=ChildLimits(threads=THREADS),
        on_progress=lambda _: None,
        cancelled=lambda: False,
    )
    around = time.perf_counter() - began
    return output.result.provenance.duration_s, around, output.result.samples.n_rows


def measure(name: str, rounds: int) -> None:
    """Print one line of figures for one net."""
    channels, side = SIZES[name]
    plan = read_record(AuditPlan, {"input": {"preset": "unit"}}, "invalid_plan")
    with tempfile.TemporaryDirectory() as folder:
        model, data = Path(folder) / "model.onnx", Path(folder) / "probes.zip"
        export(name, model)
        probes(data, channels, side, IMAGES[name])
        runner = ViewRunner(open_model(model.read_bytes(), "0" * 64), Frame((side, side), None), 0)
        shape = (runner.batch, channels, side, side)
        rows = []
        for _ in range(rounds):
            inside, around, views = audit_s(model, data, plan)
            rows.append((bare_s(model, shape, views), inside, around))
    bare, inside, around = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(b / i for b, i, _ in rows)
    low, high = min(b / i for b, i, _ in rows), max(b / i for b, i, _ in rows)
    print(
        f"| {name} | {views} | {1e3 * bare / views:.2f} | {1e3 * inside / views:.2f} "
        f"| {ratio:.2f} ({low:.2f} to {high:.2f}) | {around - inside:.1f} |"
    )


def main() -> None:
    """Measure all nets, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    libraries = ", ".join(f"{n} {version(n)}" for n in ("onnxruntime", "numpy", "torch"))
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"{when}, {THREADS} cores, Python {platform.python_version()}, {libraries}")
    print("| net | views | bare, ms a view | audit, ms a view | bare / audit | start, s |")
    print("|---|---|---|---|---|---|")
    for name in options.nets:
        measure(name, options.rounds)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"Largest memory of a child: {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
