"""What Prometheus gets: the database's numbers, and the time of requests by route."""

import re
import shutil
from datetime import timedelta
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families as parse

from apiworld import NewWorld, World
from holdfast_api.rendering import VERSION
from holdfast_db.clock import db_now
from holdfast_db.presence import SignOfLife, hold_lease, say_alive
from holdfast_db.tables import ShardRow

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _scraped(world: World) -> Samples:
    answer = world.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }


def _value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"holdfast_{name}", frozenset(labels.items())))


def test_an_empty_service_shows_zeros_not_gaps(world: World) -> None:
    seen = _scraped(world)
    for queue in ("cpu", "gpu"):
        assert _value(seen, "shards", state="queued", queue=queue) == 0
        assert _value(seen, "oldest_queued_seconds", queue=queue) == 0
        assert _value(seen, "workers", queue=queue) == 0
    assert _value(seen, "database_up") == 1
    assert _value(seen, "scheduler_up") == 0
    assert _value(seen, "build_info", version=VERSION) == 1
    free = _value(seen, "disk_free_bytes")
    assert free is not None
    assert abs(free - shutil.disk_usage(world.parts.store.root).free) < 1 << 30


def test_jobs_and_workers_are_read_from_the_database(world: World) -> None:
    world.done()
    world.audit()
    with world.parts.db.transaction() as session:
        now = db_now(session)
        done = session.query(ShardRow).filter_by(state="done").one()
        done.started_at, done.finished_at = now - timedelta(seconds=42), now
        say_alive(session, SignOfLife("cpu@here", "0" * 36))
        hold_lease(session, "scheduler", "me", 60)
    seen = _scraped(world)
    assert _value(seen, "shards", state="done", queue="cpu") == 1
    assert _value(seen, "shards", state="queued", queue="cpu") == 1
    assert _value(seen, "audits", state="queued") == 1
    assert _value(seen, "audits_ended_last_hour", state="done") == 1
    assert _value(seen, "workers", queue="cpu") == 1
    assert _value(seen, "workers", queue="gpu") == 0
    assert _value(seen, "scheduler_up") == 1
    assert _value(seen, "blobs") == 2
    silent = _value(seen, "worker_last_seen_seconds", worker="cpu@here", queue="cpu")
    median = _value(seen, "audit_seconds", quantile="0.5")
    assert silent is not None
    assert median is not None
    assert 0 <= silent < 30
    assert 0 <= median < 30
    assert _value(seen, "shard_seconds", queue="cpu", quantile="0.99") == 42
    assert _value(seen, "shard_seconds", queue="gpu", quantile="0.99") is None


def test_requests_are_counted_by_route_never_by_path(world: World) -> None:
    audit_id = world.audit()
    world.client.get(f"/v1/audits/{audit_id}")
    world.client.get(f"/v1/audits/{audit_id}")
    world.client.get("/v1/no-such-page")
    world.client.get("/static/style.css")
    world.client.request("BREW", "/coffee")
    seen = _scraped(world)

    def count(method: str, route: str, status: str) -> float | None:
        labels = {"method": method, "route": route, "status": status}
        return _value(seen, "http_request_seconds_count", **labels)

    assert count("GET", "/v1/audits/{audit_id}", "200") == 2
    assert count("GET", "none", "404") == 1
    assert count("GET", "/static", "200") == 1
    assert count("other", "none", "404") == 1
    assert _value(seen, "http_requests_running") == 1
    assert audit_id not in str(seen)


def test_without_a_database_the_rest_is_still_told(new_world: NewWorld) -> None:
    world = new_world()
    world.parts.db.close()
    (world.parts.store.root / "holdfast.db").unlink()
    seen = _scraped(world)
    assert _value(seen, "database_up") == 0
    assert _value(seen, "shards", state="queued", queue="cpu") is None
    assert _value(seen, "http_requests_running") == 1


def test_the_numbers_need_no_token_but_no_foreign_name_gets_them(new_world: NewWorld) -> None:
    assert new_world(token="s" * 40).client.get("/metrics").status_code == 200
    answer = new_world().client.get("/metrics", headers={"Host": "evil.example"})
    assert answer.status_code == 403


def test_the_page_for_operators_names_every_metric_and_no_other(world: World, repo: Path) -> None:
    world.done()
    with world.parts.db.transaction() as session:
        done = session.query(ShardRow).filter_by(state="done").one()
        done.started_at = done.finished_at = db_now(session)
        say_alive(session, SignOfLife("cpu@here", "0" * 36))
    page = (repo / "docs/operations.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    groups = [group for block in blocks for group in block.get("groups", [])]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 8
    assert all(rule["alert"].startswith("Holdfast") and rule["expr"] for rule in rules)
    said = set(re.findall(r"\bholdfast_[a-z_]+", page)) - {"holdfast_db"}  # the package
    named = {re.sub(r"_(count|bucket)$", "", name) for name in said}
    there = {re.sub(r"_(count|sum|bucket|created)$", "", name) for name, _ in _scraped(world)}
    assert named == there
