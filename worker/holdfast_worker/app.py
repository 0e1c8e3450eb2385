"""The Celery application. Its one task hears a ring; which shard it means is in the database."""

import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning

from holdfast_worker import lifecycle
from holdfast_worker.broker import TASK, celery_config
from holdfast_worker.parts import parts
from holdfast_worker.settings import WorkerSettings
from holdfast_worker.supervisor import ring_for, work_once

__all__ = ["app", "run_next"]

# Celery warns root that messages could hold pickles; ours are JSON, and audits drop all rights.
warnings.filterwarnings("ignore", category=SecurityWarning)
_settings = WorkerSettings()
app = Celery("holdfast_worker")
app.conf.update(celery_config(_settings))
lifecycle.connect()


def _run_next(task: Any) -> None:  # noqa: ANN401 - Celery's bound task
    """Do the most urgent shard of this worker's queue; a ring that finds none is no mistake."""
    done = work_once(parts(), task.request.hostname)
    if done is not None:
        ring_for(parts(), done.audit_id, lambda queue: task.app.send_task(TASK, queue=queue))


run_next = app.task(
    _run_next,
    bind=True,
    name=TASK,
    soft_time_limit=_settings.soft_limit_s,
    time_limit=_settings.hard_limit_s,
)
