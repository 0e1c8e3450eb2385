"""Rings for the workers: a Celery message without content, because the row is the job.

The worker's application is never imported. Broker, queues and prefix must be the same on both
sides, or the message is never seen; a test compares them.
"""

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from celery import Celery
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast_api.parts import BrokerAnswers, Ring

__all__ = ["BrokerSettings", "make_ping", "make_producer", "make_ring"]

_PING_S: Final = 3
_log = structlog.get_logger(__name__)
_TASK: Final = "holdfast.run_next"
_QUEUES: Final = ("cpu", "gpu")
_REDIS: Final[dict[str, object]] = {
    "global_keyprefix": "holdfast:",
    "health_check_interval": 25,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
}


class BrokerSettings(BaseSettings):
    """Where the queue is."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_", extra="ignore", use_attribute_docstrings=True
    )

    broker_url: str = ""
    """Empty: messages are files below the data folder. Else redis://..., or filesystem:///folder."""


def make_ring(data: Path, broker: BrokerSettings | None = None) -> Ring:
    """A function that wakes one worker of a queue."""
    url = (broker or BrokerSettings()).broker_url
    producer, folder = make_producer(data, url), _folder(data, url)

    def ring(queue: str) -> None:
        if folder is not None:
            _prepare(folder)
        producer.send_task(_TASK, queue=queue)

    return ring


def make_ping(data: Path, broker: BrokerSettings | None = None) -> BrokerAnswers:
    """A function that tells whether the broker is there; it never raises."""
    url = (broker or BrokerSettings()).broker_url
    producer, folder = make_producer(data, url), _folder(data, url)

    def ping() -> bool:
        try:
            if folder is not None:
                _prepare(folder)
                return os.access(folder / "queue", os.W_OK)
            with producer.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=_PING_S)
        except (OSError, OperationalError):
            _log.warning("broker_unreachable", exc_info=True)
            return False
        return True

    return ping


def _prepare(folder: Path) -> None:
    """Make the folders of a broker of files; a restart of the service removes them.

    Who can write there can ring, so it is ours alone: the folder itself comes first, because what
    `parents` makes does not get the mode.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for place in _places(folder).values():
        Path(place).mkdir(exist_ok=True, mode=0o700)


def make_producer(data: Path, broker_url: str) -> Celery:
    """A Celery application that only sends."""
    folder = _folder(data, broker_url)
    producer = Celery("holdfast", set_as_current=False)
    producer.conf.update(
        broker_url=broker_url if folder is None else "filesystem://",
        broker_transport_options=_REDIS if folder is None else _folder_options(folder),
        broker_pool_acquire_timeout=30,
        # A request must not hang while the broker is away: the reconciler rings again.
        task_publish_retry_policy={"max_retries": 2, "interval_max": 0.5},
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_queues=[Queue(name) for name in _QUEUES],  # type: ignore[no-untyped-call]
        task_default_queue="cpu",
        task_create_missing_queues=False,
    )
    return producer


def _folder(data: Path, broker_url: str) -> Path | None:
    """The folder of a broker of files; None for a broker with a server."""
    if not broker_url:
        return data.resolve() / "broker"
    url = urlsplit(broker_url)
    if url.scheme != "filesystem":
        return None
    return Path(url.path) if url.path.strip("/") else data.resolve() / "broker"


def _places(folder: Path) -> dict[str, str]:
    queue, control = str(folder / "queue"), str(folder / "control")
    return {"data_folder_in": queue, "data_folder_out": queue, "control_folder": control}


def _folder_options(folder: Path) -> dict[str, object]:
    return {**_places(folder), "store_processed": False}
