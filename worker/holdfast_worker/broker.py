"""How Celery is set up: one block for every broker, each line with its reason.

`holdfast_api` rings with the same broker, queues and key prefix and does not import this.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kombu.entity import Queue

from holdfast_worker.settings import QUEUES, WorkerSettings

__all__ = ["TASK", "celery_config", "prepare_broker"]

TASK = "holdfast.run_next"
_VISIBILITY_S = 7200


def celery_config(settings: WorkerSettings) -> dict[str, Any]:
    """The settings of the Celery application."""
    folder = _folder(settings)
    return {
        "broker_url": settings.broker_url if folder is None else "filesystem://",
        "broker_transport_options": (
            _redis_options(settings) if folder is None else _folder_options(folder)
        ),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_acquire_timeout": 30,  # without it a publish can wait for ever
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_backend": None,  # state and results are in our database
        "task_ignore_result": True,
        "task_queues": [Queue(name) for name in QUEUES],  # type: ignore[no-untyped-call]
        "task_default_queue": "cpu",  # Celery's own default, "celery", is not declared
        "task_create_missing_queues": False,
        # The four are safe only because the database counts attempts and fences results.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_publish_retry_policy": {"max_retries": 2, "interval_max": 0.5},
        "worker_prefetch_multiplier": 1,
        "worker_pool": "prefork",
        "worker_pool_start_method": "spawn",  # database engines do not survive a fork
        # A spawned process imports everything anew. One that is not up after so long is killed and
        # started again: with Celery's own 4 s a busy machine would do nothing else.
        "worker_proc_alive_timeout": 60.0,
        "worker_max_tasks_per_child": 50,
        "worker_max_memory_per_child": 1 << 20,  # kB, looked at between tasks: against leaks
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # the default flips in 6.0
        "worker_soft_shutdown_timeout": settings.soft_shutdown_s,
        "worker_enable_remote_control": True,
        "worker_send_task_events": False,
    }


def prepare_broker(settings: WorkerSettings) -> None:
    """Make the folders of the filesystem broker. Who can write there can ring: 0700."""
    folder = _folder(settings)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for place in _places(folder).values():
            Path(place).mkdir(exist_ok=True, mode=0o700)


def _folder(settings: WorkerSettings) -> Path | None:
    """The folder of the filesystem broker; None for a broker with a server."""
    if not settings.broker_url:
        return settings.data.resolve() / "broker"
    url = urlsplit(settings.broker_url)
    if url.scheme != "filesystem":
        return None
    return Path(url.path) if url.path.strip("/") else settings.data.resolve() / "broker"


def _places(folder: Path) -> dict[str, str]:
    queue, control = str(folder / "queue"), str(folder / "control")
    return {"data_folder_in": queue, "data_folder_out": queue, "control_folder": control}


def _folder_options(folder: Path) -> dict[str, object]:
    # kombu looks into the folder once a second, which every shard would wait for
    return {**_places(folder), "store_processed": False, "polling_interval": 0.2}


def _redis_options(settings: WorkerSettings) -> dict[str, object]:
    return {
        "visibility_timeout": max(_VISIBILITY_S, int(settings.hard_limit_s) + 600),
        # With kombu's own pace a lost message would be lost for minutes, not seconds.
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "health_check_interval": 25,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "global_keyprefix": "holdfast:",
    }
