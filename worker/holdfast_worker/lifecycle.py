"""What happens when a worker starts and stops, hung on Celery's signals."""

import atexit
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog
from celery import signals

from holdfast.errors import HoldfastError
from holdfast.sandbox.gpu import NOTE, device_files, gpu_names
from holdfast.sandbox.selftest import SelfTest, selftest
from holdfast_db.ids import new_id
from holdfast_db.logs import set_up_logs
from holdfast_db.presence import SignOfLife
from holdfast_worker.broker import prepare_broker
from holdfast_worker.orphans import die_with_main, remember_main
from holdfast_worker.parts import parts
from holdfast_worker.presence import Presence
from holdfast_worker.settings import WorkerSettings

__all__ = ["EX_CONFIG", "check_gpu", "checked_sandbox", "connect"]

EX_CONFIG = 78  # sysexits.h: something in the configuration of this machine is wrong
_log = structlog.get_logger(__name__)
_sandbox: dict[str, Any] = {}


def connect() -> None:
    """Hang our functions on Celery's signals. Celery keeps weak references unless told not to."""
    for signal, act in (
        (signals.setup_logging, _logs),
        (signals.worker_init, _start),
        (signals.worker_ready, _ready),
        (signals.celeryd_after_setup, _before_processes),
        (signals.worker_process_init, _start_process),
    ):
        signal.connect(act, weak=False)


def _logs(**_: object) -> None:
    """In place of Celery's own way."""
    set_up_logs()


def _start(**_: object) -> None:
    """In the main process, before anything else: no audit runs without its sandbox."""
    remember_main()
    set_up_logs()  # Celery has not come to it yet
    settings = WorkerSettings()
    prepare_broker(settings)
    check_gpu(settings)
    seen = checked_sandbox(settings)
    _sandbox.update(mode=settings.sandbox, **asdict(seen))


def check_gpu(settings: WorkerSettings, devices: Callable[[], list[str]] = device_files) -> None:
    """End this process where it should serve a GPU and may not, or there is none.

    CUDA itself is asked by each child: once begun, it would not work in any process forked off.
    """
    if settings.queue != "gpu":
        return
    if settings.sandbox_gpu != "experimental":
        reason = HoldfastError("gpu_not_enabled")
    elif not devices():
        reason = HoldfastError("gpu_not_available", reason="there is no /dev/nvidiactl or the like")
    else:
        _log.warning("audits run on a GPU, which is experimental", note=NOTE)
        return
    _log.error(reason.sentence, hint=reason.hint)
    raise SystemExit(EX_CONFIG)


def checked_sandbox(settings: WorkerSettings, test: Callable[..., SelfTest] = selftest) -> SelfTest:
    """Try the sandbox; with mode `required` one that does not hold ends this process.

    On a GPU it is tried under the rules for one.
    """
    seen = test(gpu=settings.queue == "gpu")
    if not seen.ok and settings.sandbox == "required":
        _log.error("the sandbox does not hold, the worker stops", reason=seen.why)
        raise SystemExit(EX_CONFIG)
    if not seen.ok:
        _log.warning("audits run without a full sandbox", reason=seen.why, mode=settings.sandbox)
    return seen


def _ready(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's consumer
    settings = parts().settings
    parts().store.sweep()
    sign = SignOfLife(
        hostname=sender.hostname,
        boot_id=new_id(),
        queues=(settings.queue,),
        sandbox=dict(_sandbox),
        slots=settings.concurrency,
        gpu=", ".join(gpu_names())[:255] or None if settings.queue == "gpu" else None,
    )
    presence = Presence(parts().db, sign)
    presence.start(settings.presence_s)
    # Celery's own signal of the end is not sent when SIGTERM ends a worker.
    atexit.register(presence.stop)


def _before_processes(**_: object) -> None:
    """Billiard would let new processes log in a format of its own, before ours is set up."""
    os.environ.pop("_MP_FORK_LOGLEVEL_", None)


def _start_process(**_: object) -> None:
    die_with_main()
