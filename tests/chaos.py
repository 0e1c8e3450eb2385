"""Many audits while everything is killed and started again: what is asked comes out once, unharmed.

A storm owns an API, a scheduler, two workers and, at scale, a Redis and a PostgreSQL. It submits
audits over HTTP and at random times kills one of them, or a process of a worker's pool, or empties
Redis. In the end every audit has one result, equal to that of an audit in peace.
"""

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import redis as redis_client
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

import toy_probes
import toys
from auditing import LIMITS, plan_of
from holdfast.archive import count_images
from holdfast.gate import read_policy
from holdfast.records.base import canonical_json
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import run_audit
from holdfast_db.assets import NewModel, NewProbeSet, add_model, add_probe_set
from holdfast_db.session import Database
from holdfast_db.store import FileStore
from holdfast_db.tables import AuditRow, ResultRow, ShardRow
from mortals import Program
from programs import free_loopback_port
from servers import (
    POSTGRES_USER,
    folder_of,
    new_cluster,
    postgres_command,
    redis_command,
)
from workers import timeless

__all__ = ["Report", "storm"]

_SIZE = 16
_OPEN = 24
_TICK_S = 0.1
_PATIENCE_S = 20.0
_HURRY = {
    "HOLDFAST_LEASE_S": "4",
    "HOLDFAST_RECONCILE_S": "0.5",
    "HOLDFAST_RING_STALE_S": "4",
    "HOLDFAST_MAX_ATTEMPTS": "1000",
    "HOLDFAST_CHILD_THREADS": "1",
    "HOLDFAST_SHARD_IMAGES": "64",
    "HOLDFAST_SOFT_SHUTDOWN_S": "0",
    "HOLDFAST_MIN_FREE_BYTES": "0",
    "ORT_DISABLE_TELEMETRY": "1",
}


@dataclass
class Report:
    """What happened: kills by kind, seconds, audits that are done, and what is wrong."""

    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    done: int = 0
    shards: int = 0
    attempts: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Errand:
    """One kind of audit: the body that asks for it, and the result it has in peace."""

    body: dict[str, Any]
    expected: bytes


@dataclass
class Storm:
    """A service under attack."""

    data: Path
    db: Database
    store: FileStore
    url: str
    programs: dict[str, Program]
    redis_url: str | None
    random: random.Random
    report: Report = field(default_factory=Report)
    asked: dict[str, Errand] = field(default_factory=dict)

    def rage(self, errands: Sequence[Errand], *, every_s: float, limit_s: float) -> None:
        """Ask for everything, kill at random, until all is done or the time is over.

        Between two kills a shard gets done, unless that takes very long: on a machine on which
        workers start slowly nothing would ever come out.
        """
        began = time.monotonic()
        strike, known = began + self.random.expovariate(1 / every_s), 0
        waiting = list(enumerate(errands))[::-1]
        while time.monotonic() - began < limit_s:
            n_open, n_done = self._count()
            if waiting and n_open < _OPEN and self._ask(*waiting[-1]):
                waiting.pop()
            now = time.monotonic()
            if now > strike + _PATIENCE_S or (now > strike and n_done > known):
                self._strike()
                strike, known = now + self.random.expovariate(1 / every_s), n_done
            self._raise_the_dead()
            if not waiting and self._count()[0] == 0:  # again: one may just have been asked for
                break
            time.sleep(_TICK_S)
        self.report.seconds = time.monotonic() - began

    def _ask(self, number: int, errand: Errand) -> bool:
        """Submit over HTTP; an answer that was lost is looked for in the database."""
        tag = f"errand-{number}"
        with contextlib.suppress(httpx.HTTPError, SQLAlchemyError):
            if not self._is_there(tag):
                body = {**errand.body, "commit": tag, "fresh": True}
                answer = httpx.post(f"{self.url}/v1/audits", json=body, timeout=20)
                if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                    raise ValueError(answer.text)
                answer.raise_for_status()
            self.asked[tag] = errand
            return True
        return False

    def _is_there(self, tag: str) -> bool:
        with self.db.reading() as session:
            found = select(func.count()).select_from(AuditRow).where(AuditRow.commit == tag)
            return bool(session.execute(found).scalar_one())

    def _count(self) -> tuple[int, int]:
        """Open audits and shards that are done; while nobody can tell, many and none."""
        with contextlib.suppress(SQLAlchemyError), self.db.reading() as session:
            is_open = AuditRow.state.in_(("queued", "running"))
            audits = select(func.count()).select_from(AuditRow).where(is_open)
            done = select(func.count()).select_from(ShardRow).where(ShardRow.state == "done")
            return session.scalar(audits) or 0, session.scalar(done) or 0
        return _OPEN, 0

    def _strike(self) -> None:
        names = [name for name, program in self.programs.items() if program.is_up()]
        kinds = [*names, "pool process", "pool process", "pool process"]
        if self.redis_url is not None:
            kinds.append("FLUSHDB")
        kind = self.random.choice(kinds)
        if kind == "FLUSHDB":
            self._flush()
        elif kind == "pool process":
            self._kill_in_pool()
        else:
            program = self.programs[kind]
            program.kill()
            program.due = time.monotonic() + self.random.uniform(0.0, 2.0)
            self.report.kills[kind.rstrip("0123456789 ")] += 1

    def _flush(self) -> None:
        with contextlib.suppress(redis_client.RedisError):
            redis_client.Redis.from_url(self.redis_url or "").flushdb()
            self.report.kills["FLUSHDB"] += 1

    def _kill_in_pool(self) -> None:
        workers = [program for name, program in self.programs.items() if "worker" in name]
        pids = [pid for worker in workers for pid in worker.pool()]
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(pids), signal.SIGKILL)
                self.report.kills["pool process"] += 1

    def _raise_the_dead(self) -> None:
        now = time.monotonic()
        for program in self.programs.values():
            if not program.is_up() and now >= program.due:
                program.start()
                program.due = now + 1.0  # a server may refuse a first time

    def judge(self, n: int) -> None:
        """Look at what came out."""
        report = self.report
        with self.db.reading() as session:
            rows = list(session.scalars(select(AuditRow)))
            results = session.execute(select(func.count()).select_from(ResultRow)).scalar_one()
            counted = select(func.count(), func.sum(ShardRow.attempt))
            report.shards, report.attempts = map(int, session.execute(counted).one())
        tags = Counter(str(row.commit) for row in rows)
        report.wrong += [f"{tag} exists {k} times" for tag, k in tags.items() if k != 1]
        report.wrong += [f"{tag} is lost" for tag in self.asked if tag not in tags]
        if (len(self.asked), results) != (n, n):
            report.wrong.append(f"{n} wanted, {len(self.asked)} asked, {results} results")
        for row in rows:
            report.wrong += self._faults(row)
        report.done = sum(row.state == "done" for row in rows)

    def _faults(self, row: AuditRow) -> Iterator[str]:
        if (row.state, row.finalized) != ("done", 1):
            yield f"{row.commit}: {row.state} ({row.error_code}), finalized {row.finalized} times"
        elif row.result_sha256 is None or not self.store.exists(row.result_sha256):
            yield f"{row.commit}: no result in the store"
        else:
            told = timeless(self.store.path(row.result_sha256).read_bytes())
            if told != self.asked[str(row.commit)].expected:
                yield f"{row.commit}: another result than in peace"


def storm(
    *,
    audits: int,
    seed: int,
    backend: str,
    every_s: float = 3.0,
    limit_s: float = 1800.0,
) -> Report:
    """Run one storm.

    Args:
        audits: how many are asked for; one in four is cut into parts, half of those sequential.
        seed: of what is killed when. What the kills meet depends on the machine.
        backend: `sqlite` (with the filesystem broker) or `postgres` (with Redis).
        every_s: mean seconds between two kills.
        limit_s: give up after so long.
    """
    with contextlib.ExitStack() as opened:
        storming = _prepared(opened, backend, seed)
        errands = _errands(storming, opened.enter_context(folder_of(None)))
        for program in storming.programs.values():
            if not program.is_up():
                program.start()
        kinds = ("parts", "soon", *("whole",) * 6)
        wanted = [errands[kinds[number % len(kinds)]] for number in range(audits)]
        storming.rage(wanted, every_s=every_s, limit_s=limit_s)
        _until(storming, "the database", lambda: bool(storming.db.ping()))
        storming.judge(audits)
        return storming.report


def _prepared(opened: contextlib.ExitStack, backend: str, seed: int) -> Storm:
    folder = opened.enter_context(folder_of(None))
    data, port = folder / "data", free_loopback_port()
    data.mkdir()
    env = {**_HURRY, "HOLDFAST_DATA": str(data)}
    programs: dict[str, Program] = {}
    url: str = f"sqlite:///{data}/holdfast.db"
    redis_url: str | None = None
    if backend == "postgres":
        url, redis_url = _servers(opened, programs, folder)
        env["HOLDFAST_BROKER_URL"] = redis_url
    env["HOLDFAST_DATABASE_URL"] = url
    _add_ours(programs, env, folder, port)
    for program in programs.values():
        opened.callback(program.kill)
    db = Database(url)
    opened.callback(db.close)
    storming = Storm(
        data,
        db,
        FileStore(data),
        f"http://127.0.0.1:{port}",
        programs,
        redis_url,
        random.Random(seed),  # noqa: S311 - to repeat a storm
    )
    for name in ("PostgreSQL", "Redis"):
        if name in programs:
            programs[name].start()
    _until(storming, "the database", lambda: bool(db.ping()))
    db.migrate()
    return storming


def _add_ours(
    programs: dict[str, Program], env: Mapping[str, str], folder: Path, port: int
) -> None:
    uvicorn = ["-m", "uvicorn", "holdfast_api.asgi:app", "--host", "127.0.0.1", "--port", str(port)]
    commands = {
        "API": uvicorn,
        "scheduler": ["-m", "holdfast_worker.scheduler"],
        "worker 1": ["-m", "holdfast_worker", "--name", "one@storm"],
        "worker 2": ["-m", "holdfast_worker", "--name", "two@storm"],
    }
    for name, command in commands.items():
        log = folder / f"{name}.log"
        programs[name] = Program(name, [sys.executable, *command], env, log)


def _servers(
    opened: contextlib.ExitStack, programs: dict[str, Program], folder: Path
) -> tuple[str, str]:
    port, redis_port = free_loopback_port(), free_loopback_port()
    cluster = opened.enter_context(folder_of(POSTGRES_USER))
    new_cluster(cluster)
    command = postgres_command(cluster, port)
    log = folder / "PostgreSQL.log"
    programs["PostgreSQL"] = Program("PostgreSQL", command, {}, log, user=POSTGRES_USER)
    command = redis_command(folder, redis_port)
    programs["Redis"] = Program("Redis", command, {}, folder / "Redis.log")
    url = f"postgresql+psycopg://holdfast@127.0.0.1:{port}/postgres"
    return url, f"redis://127.0.0.1:{redis_port}/0"


def _until(storming: Storm, what: str, check: Callable[[], bool], limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with contextlib.suppress(SQLAlchemyError, httpx.HTTPError):
            if check():
                return
        storming._raise_the_dead()
        time.sleep(_TICK_S)
    raise TimeoutError(f"waited {limit_s:g} s for {what}")


def _errands(storming: Storm, folder: Path) -> dict[str, Errand]:
    """Three kinds of audits, each done once in peace."""
    flips, steady = toy_probes.stripes(_SIZE), np.full((_SIZE, _SIZE), 255, np.uint8)
    rolls = {"circular": {"shifts_px": [[1, 0], [3, 0]]}}
    images = [flips if place % 5 == 0 else steady for place in range(192)]
    many = toy_probes.flat(folder / "many.zip", images)
    few = toy_probes.flat(folder / "few.zip", images[:8])
    model = folder / "m.onnx"
    model.write_bytes(toys.subsample(2, size=_SIZE))
    policy = {"assertions": {"circular.consistency": ["error", {"min": 0.9}]}}
    full, soon = plan_of(families=rolls, full=True, limit=130), plan_of(families=rolls)
    return {
        "whole": _errand(storming, model, few, full, None),
        "parts": _errand(storming, model, many, full, None),
        "soon": _errand(storming, model, many, soon, policy),
    }


def _errand(
    storming: Storm, model: Path, probes: Path, plan: AuditPlan, policy: dict[str, Any] | None
) -> Errand:
    store = storming.store
    blobs = [store.put([path.read_bytes()], limit_bytes=1 << 24) for path in (model, probes)]
    with storming.db.transaction() as session:
        model_row, _ = add_model(session, NewModel("model", "onnx", blobs[0]))
        named = NewProbeSet("probes", "zip", blobs[1], images=count_images(probes))
        probe_row, _ = add_probe_set(session, named)
    body: dict[str, Any] = {"model_id": model_row.id, "probe_set_id": probe_row.id}
    body["plan"] = plan.model_dump(mode="json", exclude_unset=True)
    if policy is not None:
        body["policy"] = policy
    output = run_audit(
        model,
        probes,
        AuditPlan.model_validate_json(canonical_json(plan)),
        mode="required",
        limits=LIMITS,
        on_progress=lambda _: None,
        cancelled=lambda: False,
        policy=None if policy is None else read_policy(policy),
    )
    return Errand(body, timeless(output.result_json))
