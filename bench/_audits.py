"""What is measured: the bare model, and a whole audit in its child."""

import io
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from holdfast.audit.views import ViewRunner
from holdfast.geometry import Frame
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits, Device
from holdfast.records.plan import AuditPlan
from holdfast.runtimes.opening import Terms, open_model
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.sandbox.parent import AuditOutput, run_audit

__all__ = ["FEW_CELLS", "THREADS", "bare_s", "batch_of", "opened", "plan_of", "probes", "run"]

THREADS = os.cpu_count() or 1
FEW_CELLS: dict[str, Any] = {
    "translation": {"shifts_px": [[1, 0], [-2, 2]]},
    "rotation": {"angles_deg": [5]},
    "scale": {"zooms": [0.9]},
}


def probes(path: Path, channels: int, side: int, n: int) -> None:
    """JPEGs of smooth noise, larger than the input where photographs would be."""
    rng = np.random.default_rng(0)
    height, width = (side, side) if channels == 1 else (375, 500)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(n):
            coarse = rng.integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
            image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
            out = io.BytesIO()
            image.convert("L" if channels == 1 else "RGB").save(out, "jpeg", quality=90)
            archive.writestr(f"{index:05d}.jpg", out.getvalue())


def plan_of(families: dict[str, Any] | None = None) -> AuditPlan:
    """The default cells, or the given ones."""
    asked = {"input": {"preset": "unit"}, "families": families or {}}
    return read_record(AuditPlan, asked, "invalid_plan")


def opened(model: Path, threads: int = THREADS, device: Device = "cpu") -> ModelUnderTest:
    """The model on so many threads of the runtime's own; an audit gives each lane one."""
    terms = Terms(threads=threads, device=device, gpu_memory_bytes=ChildLimits().gpu_memory_bytes)
    return open_model(model.read_bytes(), "0" * 64, terms)


def batch_of(model: ModelUnderTest, side: int) -> int:
    """How many views an audit feeds at a time."""
    return ViewRunner(model, Frame((side, side), None), 0).batch


def bare_s(model: ModelUnderTest, shape: tuple[int, ...], forwards: int, lanes: int = 1) -> float:
    """Seconds for `forwards` images through the model alone, in ready batches of `shape`.

    `lanes` batches are on their way at a time.
    """
    batch = np.random.default_rng(0).random(shape, np.float32)
    model(batch)
    sizes = [min(shape[0], forwards - start) for start in range(0, forwards, shape[0])]
    began = time.perf_counter()
    with ThreadPoolExecutor(lanes) as pool:
        for _ in pool.map(lambda size: model(batch[:size]), sizes):
            pass
    return time.perf_counter() - began


def run(
    model: Path, data: Path, plan: AuditPlan, device: Device = "cpu"
) -> tuple[AuditOutput, float]:
    """One audit in the locked child, and the seconds around it."""
    began = time.perf_counter()
    output = run_audit(
        model,
        data,
        plan,
        mode="auto",
        limits=ChildLimits(threads=THREADS),
        on_progress=lambda _: None,
        cancelled=lambda: False,
        device=device,
    )
    return output, time.perf_counter() - began
