"""How much sooner is an audit done by two one-core workers than by one?

Each worker is bound to a core of its own; database and broker are files. The audit has the default
cells and is cut into parts as the service cuts it. One and two workers take turns; the ratio is
that of the medians. Target: 1.8 on 2,000 images. Needs two idle cores, and a quarter of an hour.
"""

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from _audits import FEW_CELLS, plan_of, probes
from _nets import SIZES, export

from holdfast.records.base import canonical_json
from holdfast_db import jobs
from holdfast_db.session import Database
from holdfast_db.store import FileStore
from programs import running
from workers import Files, Place, working

TARGET = 1.8
LIMIT_S = 3600


def main() -> int:
    """Print seconds and ratio; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=tuple(SIZES), default="mobilenet")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--few", action="store_true", help="four cells per image: ten times faster")
    parser.add_argument("--shard-images", type=int, default=jobs.SHARD_IMAGES)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:  # noqa: PLR2004 - that is what is measured
        print("this needs two cores")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder), given.net, given.images, FEW_CELLS if given.few else {})
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(given.rounds):
            for n, times in seconds.items():
                place = Path(folder) / f"round-{turn}-{n}"
                times.append(_timed(place, files, cores[:n], given.shard_images))
                print(f"{n} worker(s): {times[-1]:.1f} s", flush=True)
    ratio = statistics.median(seconds[1]) / statistics.median(seconds[2])
    where = f"{platform.machine()}, {len(cores)} cores, load {os.getloadavg()[0]:.1f} at the end"
    versions = f"Python {platform.python_version()}, onnxruntime {version('onnxruntime')}"
    audit = f"{given.net}, {given.images} images, {'few' if given.few else 'the default'} cells"
    print(f"{audit}, parts of {given.shard_images}: {ratio:.2f} times")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {where}, {versions}")
    return 0 if ratio >= TARGET else 1


def _files(folder: Path, net: str, images: int, families: dict[str, Any]) -> Files:
    channels, side = SIZES[net]
    export(net, folder / "net.onnx")
    probes(folder / "probes.zip", channels, side, images)
    plan = plan_of(families).model_copy(update={"full": True})
    content = ((folder / name).read_bytes() for name in ("net.onnx", "probes.zip"))
    return Files(*content, canonical_json(plan).decode())


def _timed(data: Path, files: Files, cores: list[int], shard_images: int) -> float:
    """Seconds from the submission to the result."""
    data.mkdir()
    url = f"sqlite:///{data}/holdfast.db"
    db = Database(url)
    db.migrate()
    place = Place(data, db, FileStore(data))
    env = {"HOLDFAST_RECONCILE_S": "0.5", "HOLDFAST_DATABASE_URL": url}
    with contextlib.ExitStack() as opened:
        settings = [f"{name}={value}" for name, value in {**env, "HOLDFAST_DATA": data}.items()]
        scheduler = ["env", *settings, sys.executable, "-m", "holdfast_worker.scheduler"]
        opened.enter_context(running(scheduler, log=data / "scheduler.log"))
        for core in cores:
            bound = ["taskset", "--cpu-list", str(core)]
            opened.enter_context(working(data, f"core{core}", env, within=bound))
        began = time.monotonic()
        audit = place.wait(place.submit(files, shard_images), "done", "failed", timeout_s=LIMIT_S)
        seconds = time.monotonic() - began
    db.close()
    if audit.state != "done":
        raise SystemExit(f"the audit failed: {audit.error_code}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
