import shutil
from datetime import timedelta

from apiworld import NewWorld, World
from holdfast_api.rendering import VERSION
from holdfast_db.presence import SignOfLife, say_alive
from holdfast_db.tables import WorkerRow

_SANDBOX = {"mode": "required", "in_force": True}


def _worker(world: World) -> None:
    with world.parts.db.transaction() as session:
        say_alive(session, SignOfLife("worker-1", "0" * 36, sandbox=_SANDBOX))


def test_the_process_answers(world: World) -> None:
    assert world.client.get("/healthz").json() == {"status": "ok"}


def test_the_version_is_that_of_the_distribution(world: World) -> None:
    body = world.client.get("/v1/version").json()
    assert body == {"name": "holdfast", "version": VERSION, "api": "v1"}


def test_with_a_live_worker_the_service_is_ready(world: World) -> None:
    _worker(world)
    answer = world.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    (worker,) = answer.json()["workers"]
    assert (worker["hostname"], worker["fresh"]) == ("worker-1", True)
    assert worker["sandbox"] == _SANDBOX


def test_without_a_live_worker_it_is_degraded(world: World) -> None:
    assert world.client.get("/readyz").json()["status"] == "degraded"
    _worker(world)
    with world.parts.db.transaction() as session:
        row = session.get(WorkerRow, "worker-1")
        assert row is not None
        row.last_seen -= timedelta(seconds=61)
    answer = world.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["workers"][0]["fresh"] is False


def test_without_its_tables_it_is_unavailable(new_world: NewWorld) -> None:
    world = new_world()
    world.parts.db.close()
    (world.parts.store.root / "holdfast.db").unlink()
    answer = world.client.get("/readyz")
    assert answer.status_code == 503
    expected = {"database": True, "migrations": False, "storage": True, "broker": True}
    assert answer.json()["checks"] == expected


def test_without_its_storage_it_is_unavailable(world: World) -> None:
    shutil.rmtree(world.parts.store.root / "blobs")
    answer = world.client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["storage"]) == (503, False)


def test_without_its_database_it_is_unavailable(world: World) -> None:
    world.parts.db.close()
    shutil.rmtree(world.parts.store.root)
    answer = world.client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, False)
    assert world.client.get("/healthz").status_code == 200
