"""How Celery is set up, and that the API rings where workers listen."""

import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast_worker.broker import TASK, celery_config, prepare_broker
from holdfast_worker.settings import WorkerSettings
from programs import free_loopback_port

_RING = """
import sys
from holdfast_worker.bell import depth, ring
for word in sys.argv[1:]:
    if word.startswith("ring"):
        ring(word.partition("-")[2])
    print(word, depth(word.partition("-")[2]))
"""


def _settings(data: Path, broker_url: str = "") -> WorkerSettings:
    return WorkerSettings.model_validate({"data": data, "broker_url": broker_url})


def _bell(data: Path, broker_url: str, *words: str) -> list[str]:
    """Ring in a process of its own: Celery is set up once, when it is imported."""
    run = subprocess.run(
        [sys.executable, "-c", _RING, *words],
        env={"HOLDFAST_DATA": str(data), "HOLDFAST_BROKER_URL": broker_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return run.stdout.split("\n")[:-1] if run.returncode == 0 else [run.stderr]


@pytest.fixture(params=["filesystem", "redis"])
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "filesystem":
        return f"filesystem://{tmp_path}/a broker"
    url: str = request.getfixturevalue("redis_url")
    return f"{url.rpartition('/')[0]}/11"


def test_rings_are_counted_by_queue(tmp_path: Path, broker_url: str) -> None:
    words = ("depth-cpu", "ring-cpu", "ring-cpu", "depth-gpu", "ring-gpu", "depth-cpu")
    said = ["depth-cpu 0", "ring-cpu 1", "ring-cpu 2", "depth-gpu 0", "ring-gpu 1", "depth-cpu 2"]
    assert _bell(tmp_path, broker_url, *words) == said


def test_a_queue_that_is_not_declared_is_an_error(tmp_path: Path, broker_url: str) -> None:
    assert "QueueNotFound" in _bell(tmp_path, broker_url, "ring-tpu")[0]


@pytest.mark.parametrize("word", ["ring-cpu", "depth-cpu"])
def test_nobody_hangs_while_the_broker_is_away(tmp_path: Path, word: str) -> None:
    began = time.monotonic()
    said = _bell(tmp_path, f"redis://127.0.0.1:{free_loopback_port()}/0", word)
    assert "OperationalError" in said[0]
    assert time.monotonic() - began < 15


def test_the_folders_of_the_embedded_broker_are_ours_alone(tmp_path: Path) -> None:
    prepare_broker(_settings(tmp_path))
    folders = [tmp_path / "broker" / name for name in (".", "queue", "control")]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3
    prepare_broker(_settings(tmp_path, "redis://127.0.0.1:1/0"))


def test_limits_nest(tmp_path: Path) -> None:
    for wall_s in (10.0, 3600.0, 20_000.0):
        settings = _settings(tmp_path, "redis://127.0.0.1:1/0").model_copy(
            update={"child_wall_s": wall_s}
        )
        visible_s = celery_config(settings)["broker_transport_options"]["visibility_timeout"]
        assert wall_s < settings.soft_limit_s < settings.hard_limit_s < visible_s


@pytest.mark.parametrize(
    "url", ["", "filesystem:///some/folder", "filesystem://", "redis://127.0.0.1:6379/3"]
)
def test_the_api_rings_where_workers_listen(tmp_path: Path, url: str) -> None:
    doorbell = pytest.importorskip("holdfast_api.doorbell")
    theirs = doorbell.make_producer(tmp_path, url).conf
    ours = celery_config(_settings(tmp_path, url))
    for key in ("broker_url", "task_default_queue", "task_create_missing_queues"):
        assert theirs[key] == ours[key], key
    for key in ("task_serializer", "accept_content"):
        assert theirs[key] == ours[key], key
    assert {queue.name for queue in theirs.task_queues} == {q.name for q in ours["task_queues"]}
    options = {**ours["broker_transport_options"]}
    for key in ("visibility_timeout", "unacked_restore_interval", "unacked_restore_throttle"):
        options.pop(key, None)  # only who listens restores what was lost
    options.pop("polling_interval", None)  # nor does who only rings look into the folder
    assert theirs.broker_transport_options == options
    assert doorbell._TASK == TASK
