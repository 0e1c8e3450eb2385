"""Where an audit is computed: its queue, what `auto` means, and that results are kept apart."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from apiworld import PASSING, World, result_of
from holdfast_api.rendering import VERSION
from holdfast_db.clock import db_now
from holdfast_db.presence import SignOfLife, say_alive
from holdfast_db.queries import get_shards
from holdfast_db.tables import WorkerRow


def _worker(world: World, queue: str, silent_s: float = 0) -> None:
    with world.parts.db.transaction() as session:
        say_alive(session, SignOfLife(f"{queue}@here", "boot", (queue,), gpu="NVIDIA H100"))
        seen = db_now(session) - timedelta(seconds=silent_s)
        session.execute(update(WorkerRow).values(last_seen=seen))


def _device(world: World, audit_id: str) -> Any:
    return world.client.get(f"/v1/audits/{audit_id}").json()["device"]


def _queues(world: World, audit_id: str) -> set[str]:
    with world.parts.db.reading() as session:
        return {shard.queue for shard in get_shards(session, audit_id)}


@pytest.mark.parametrize(
    ("asked", "workers", "queue"),
    [
        ({}, ["gpu"], "cpu"),
        ({"device": "cpu"}, ["gpu"], "cpu"),
        ({"device": "gpu"}, [], "gpu"),
        ({"device": "auto"}, [], "cpu"),
        ({"device": "auto"}, ["cpu"], "cpu"),
        ({"device": "auto"}, ["cpu", "gpu"], "gpu"),
    ],
)
def test_the_device_chooses_the_queue(
    world: World, asked: dict[str, str], workers: list[str], queue: str
) -> None:
    for each in workers:
        _worker(world, each)
    audit_id = world.audit(**asked)
    assert (_device(world, audit_id), _queues(world, audit_id)) == (queue, {queue})
    assert world.rings == [queue]


def test_a_silent_worker_has_no_gpu_to_offer(world: World) -> None:
    _worker(world, "gpu", silent_s=world.parts.settings.worker_fresh_s + 5)
    assert _device(world, world.audit(device="auto")) == "cpu"


def test_another_device_is_no_device(world: World) -> None:
    body = {"model_id": "a", "probe_set_id": "b", "device": "tpu"}
    answer = world.client.post("/v1/audits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_result_of_one_device_does_not_serve_for_another(world: World) -> None:
    told = result_of().provenance.model_dump(mode="json") | {"engine_version": VERSION}
    full = {"fresh": False, "plan": {"full": True}}
    on_cpu = world.done(PASSING, result=result_of(provenance=told), plan={"full": True})

    def taken(**more: str) -> Any:
        asked = world.audit(policy=PASSING, **full, **more)
        view = world.client.get(f"/v1/audits/{asked}").json()
        return view["state"], view["reused_id"], view["device"]

    assert taken() == ("done", on_cpu, "cpu")
    assert taken(device="auto") == ("done", on_cpu, "cpu")
    assert taken(device="gpu") == ("queued", None, "gpu")
    _worker(world, "gpu")
    assert taken(device="auto") == ("queued", None, "gpu")


def test_a_worker_tells_its_gpu(world: World) -> None:
    _worker(world, "gpu")
    (worker,) = world.client.get("/v1/workers").json()["items"]
    assert (worker["queues"], worker["gpu"]) == (["gpu"], "NVIDIA H100")
