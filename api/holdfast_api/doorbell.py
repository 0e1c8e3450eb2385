"""Rings for the workers: a Celery message without content, because the row is the job.

The worker's application is never imported. Broker, queues and prefix must be the same on both
sides, or the message is never seen; a test compares them.
"""

from pathlib import Path
from typing import Any, Final

from celery import Celery
from kombu.entity import Queue
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast_api.parts import Ring

__all__ = ["BrokerSettings", "make_producer", "make_ring"]

_TASK: Final = "holdfast.run_next"
_QUEUES: Final = ("cpu", "gpu")


class BrokerSettings(BaseSettings):
    """Where the queue is; the file system below the data folder by default."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", extra="ignore")

    broker_url: str = "filesystem://"


def make_ring(data: Path, broker: BrokerSettings | None = None) -> Ring:
    """A function that wakes one worker of a queue."""
    producer = make_producer(data, (broker or BrokerSettings()).broker_url)

    def ring(queue: str) -> None:
        producer.send_task(_TASK, queue=queue)

    return ring


def make_producer(data: Path, broker_url: str) -> Celery:
    """A Celery application that only sends."""
    producer = Celery("holdfast", broker=broker_url, set_as_current=False)
    producer.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_create_missing_queues=False,
        task_queues=[Queue(name) for name in _QUEUES],  # type: ignore[no-untyped-call]
        task_default_queue="cpu",
        broker_pool_acquire_timeout=30,
        task_publish_retry_policy={"max_retries": 2, "interval_max": 0.5},
        broker_transport_options=_transport(data, broker_url),
    )
    return producer


def _transport(data: Path, broker_url: str) -> dict[str, Any]:
    if not broker_url.startswith("filesystem:"):
        return {
            "global_keyprefix": "holdfast:",
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "visibility_timeout": 7200,
        }
    folder = data.resolve() / "broker"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,
        "control_folder": str(folder / "control"),
        "store_processed": False,
    }
