"""The bell: the worker must hear what the API rings."""

import time
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from holdfast_api.doorbell import BrokerSettings, make_ping, make_producer, make_ring
from holdfast_worker.broker import TASK, celery_config, prepare_broker
from holdfast_worker.settings import WorkerSettings
from programs import free_loopback_port

_URLS = ["", "filesystem://", "redis://:secret@127.0.0.1:6399/3", "filesystem:///"]

_SHARED = (
    *("broker_url", "task_serializer", "task_default_queue", "accept_content"),
    *("task_publish_retry_policy", "broker_pool_acquire_timeout"),
)


def _queues(value: Any) -> list[tuple[str, str, str]]:
    return [(queue.name, queue.exchange.name, queue.routing_key) for queue in value]


@pytest.mark.parametrize("url", _URLS)
def test_both_sides_mean_the_same_broker(tmp_path: Path, url: str) -> None:
    if url == "filesystem:///":
        url += str(tmp_path / "elsewhere").lstrip("/")
    theirs = celery_config(WorkerSettings(data=tmp_path, broker_url=url))
    ours = make_producer(tmp_path, url).conf
    for name in _SHARED:
        assert ours[name] == theirs[name], name
    assert ours["task_create_missing_queues"] is theirs["task_create_missing_queues"] is False
    assert _queues(ours["task_queues"]) == _queues(theirs["task_queues"])
    there = theirs["broker_transport_options"]
    for name, value in ours["broker_transport_options"].items():
        assert there[name] == value, name
    shared = {"global_keyprefix", "data_folder_in", "data_folder_out", "control_folder"}
    assert shared & set(there) == shared & set(ours["broker_transport_options"])


def test_a_ring_lands_where_the_worker_listens(tmp_path: Path) -> None:
    settings = WorkerSettings(data=tmp_path)
    prepare_broker(settings)
    make_ring(tmp_path, BrokerSettings(broker_url=""))("cpu")
    worker = Celery("listener", set_as_current=False)
    worker.conf.update(celery_config(settings))
    with worker.connection_for_read() as connection:
        queue = connection.SimpleQueue("cpu")
        message = queue.get(timeout=5)
        assert message.headers["task"] == TASK
        assert message.payload[:2] == [[], {}]
        message.ack()
        queue.close()


def test_the_folder_of_rings_is_ours_alone(tmp_path: Path) -> None:
    make_ring(tmp_path, BrokerSettings(broker_url=""))("cpu")
    folder = tmp_path / "broker"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_unknown_queue_is_never_made(tmp_path: Path) -> None:
    ring = make_ring(tmp_path, BrokerSettings(broker_url=""))
    with pytest.raises(Exception, match="tpu"):
        ring("tpu")


def test_a_broker_that_is_away_does_not_hang_a_request(tmp_path: Path, free_port: int) -> None:
    ring = make_ring(tmp_path, BrokerSettings(broker_url=f"redis://127.0.0.1:{free_port}/0"))
    began = time.monotonic()
    with pytest.raises(Exception, match="refused"):
        ring("cpu")
    assert time.monotonic() - began < 10


def test_a_ring_over_redis_is_heard(tmp_path: Path, redis_url: str) -> None:
    url = redis_url.replace("/0", "/7")
    make_ring(tmp_path, BrokerSettings(broker_url=url))("gpu")
    worker = Celery("listener", set_as_current=False)
    worker.conf.update(celery_config(WorkerSettings(data=tmp_path, broker_url=url)))
    with worker.connection_for_read() as connection:
        queue = connection.SimpleQueue("gpu")
        message = queue.get(timeout=5)
        assert message.headers["task"] == TASK
        message.ack()
        queue.close()


def test_a_broker_that_is_there_answers(tmp_path: Path, redis_url: str) -> None:
    for url in ("", f"filesystem://{tmp_path}/elsewhere", redis_url):
        assert make_ping(tmp_path, BrokerSettings(broker_url=url))(), url


def test_a_broker_that_is_away_is_told_soon(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the place of a folder")
    away = f"redis://127.0.0.1:{free_loopback_port()}/0"
    for url in (f"filesystem://{tmp_path}/file", away):
        began = time.monotonic()
        assert not make_ping(tmp_path, BrokerSettings(broker_url=url))(), url
        assert time.monotonic() - began < 5
