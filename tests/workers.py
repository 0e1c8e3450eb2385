"""Real workers in processes of their own, and a data folder with audits for them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from holdfast.archive import count_images
from holdfast_db import jobs, queries
from holdfast_db.assets import NewModel, NewProbeSet, add_model, add_probe_set
from holdfast_db.session import Database
from holdfast_db.store import FileStore
from holdfast_db.tables import AuditRow, ResultRow, ShardRow
from programs import running

__all__ = [
    "Files",
    "Place",
    "Worker",
    "children_of",
    "is_alive",
    "timeless",
    "wait_for",
    "working",
]

_START_S = 60
_TIMES = re.compile(rb'"(duration_s|started_at)":("[^"]*"|[0-9.e-]+)')


def timeless(result_json: bytes) -> bytes:
    """A result without what the clock says: what two audits of the same must have in common."""
    return _TIMES.sub(b"", result_json)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody asked for does not count."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> list[int]:
    """All living processes below one."""
    out = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    found = [int(child) for child in out.split()]
    return [each for child in found for each in (child, *children_of(child)) if is_alive(each)]


def wait_for(what: str, check: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait until `check` is true."""
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Files:
    """The bytes of a model and of an archive of images, a plan and a policy as JSON."""

    model: bytes
    probes: bytes
    plan: str
    policy: str | None = None


@dataclass(frozen=True)
class Place:
    """A data folder with its database and store."""

    data: Path
    db: Database
    store: FileStore

    def submit(self, files: Files, shard_images: int = jobs.SHARD_IMAGES) -> str:
        """Queue an audit, in parts of so many images when it has more; gives its id."""
        model, probes = (
            self.store.put([content], limit_bytes=len(content))
            for content in (files.model, files.probes)
        )
        with self.db.transaction() as session:
            model_row, _ = add_model(session, NewModel("a model", "onnx", model))
            images = count_images(self.store.path(probes.sha256))
            new_probes = NewProbeSet("probes", "zip", probes, images=images)
            probe_row, _ = add_probe_set(session, new_probes)
            new = jobs.NewAudit(model_row.id, probe_row.id, files.plan, files.policy)
            return jobs.submit(session, new, shard_images=shard_images)

    def audit(self, audit_id: str) -> AuditRow:
        """How the audit is."""
        with self.db.reading() as session:
            return session.get_one(AuditRow, audit_id)

    def shards(self, audit_id: str) -> list[ShardRow]:
        """Its shards, parts in order, a merge behind them."""
        with self.db.reading() as session:
            rows = queries.get_shards(session, audit_id)
        return sorted(rows, key=lambda row: (row.kind == "merge", row.place))

    def result(self, audit_id: str) -> bytes:
        """Its result.json, without times."""
        sha256 = self.audit(audit_id).result_sha256
        assert sha256 is not None
        return timeless(self.store.path(sha256).read_bytes())

    def shard(self, audit_id: str) -> ShardRow:
        """How its shard is."""
        with self.db.reading() as session:
            (row,) = queries.get_shards(session, audit_id)
            return row

    def n_results(self) -> int:
        """How many results there are."""
        with self.db.reading() as session:
            return session.query(ResultRow).count()

    def wait_until_measuring(self, audit_id: str) -> None:
        """Wait until a worker told progress; an audit that is over already was too short."""

        def is_measuring() -> bool:
            audit = self.audit(audit_id)
            assert audit.state in ("queued", "running"), f"too late, the audit is {audit.state}"
            return audit.state == "running" and audit.progress_done > 0

        wait_for("measurements", is_measuring)

    def wait(self, audit_id: str, *states: str, timeout_s: float = 60) -> AuditRow:
        """Wait until the audit is in one of these states."""
        wait_for(str(states), lambda: self.audit(audit_id).state in states, timeout_s)
        return self.audit(audit_id)


@final
class Worker:
    """A worker in a session of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Watch a started process."""
        self.process = process
        self.log = log

    def says(self, text: str) -> bool:
        """Whether the log holds this text."""
        return text in self.log.read_text(errors="replace")

    def kill_group(self) -> None:
        """SIGKILL to the main process and its pool at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def working(
    data: Path,
    name: str,
    env: Mapping[str, str] | None = None,
    *,
    ready: bool = True,
    within: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[Worker]:
    """Run a worker for the length of the block; `within` stands before its command."""
    log = data / f"{name}.log"
    around = {"HOLDFAST_DATA": str(data), "HOLDFAST_SOFT_SHUTDOWN_S": "0", **(env or {})}
    settings = [f"{key}={value}" for key, value in around.items()]
    program = [sys.executable, "-m", "holdfast_worker", "--name", f"{name}@test", *options]
    with running(["setsid", "env", *settings, *within, *program], log=log) as process:
        worker = Worker(process, log)
        if ready:
            wait_for(f"worker {name}", lambda: worker.says(f"{name}@test ready"), _START_S)
        yield worker
