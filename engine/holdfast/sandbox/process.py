"""One child process from its start to its death, and what each death means."""

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from holdfast.errors import ERRORS, HoldfastError, Kind
from holdfast.records.base import canonical_json
from holdfast.records.job import AuditJob, ChildJob, MergeJob, Progress
from holdfast.sandbox.gpu import is_enabled, resident_bytes

__all__ = ["Child"]

_log = logging.getLogger(__name__)
_POLL_S = 0.5
_SILENT_S = 10.0
_MAX_LINE_BYTES = 1 << 20
_MAX_FIELDS = 8
# Codes that only a child may say although their kind is not `refused`.
_OWN_CODES = frozenset(
    {
        "gpu_not_available",
        "internal",
        "invalid_result",
        "invalid_samples",
        "not_comparable",
        "parts_differ",
        "sandbox_unavailable",
    }
)
_COMMON = {
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "ORT_DISABLE_TELEMETRY": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
    # timm and torchvision want a cache folder: this one exists and is never writable
    "TORCHINDUCTOR_CACHE_DIR": "/proc",
}


class Child:
    """Runs one job in one fresh locked process. Use once."""

    def __init__(
        self,
        job: ChildJob,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Keep what `run` needs; nothing is started yet.

        Raises:
            HoldfastError: `gpu_not_enabled`, whoever asks for a child on a GPU.
        """
        self._on_gpu = _on_gpu(job)
        if self._on_gpu and not is_enabled():
            raise HoldfastError("gpu_not_enabled")
        self._job = job
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._buffer = b""
        self._done = False

    def run(self) -> None:
        """Start the child and wait for its last word.

        Raises:
            HoldfastError: whatever ended the child other than success. The child is gone then,
                as it is when any other exception passes through.
        """
        replies, reply_fd = os.pipe()
        job = self._job.model_copy(update={"reply_fd": reply_fd})
        try:
            process = _start(job)
        finally:
            os.close(reply_fd)
        try:
            self._listen(process, replies)
        finally:
            _kill(process)
            os.close(replies)

    def _listen(self, process: subprocess.Popen[bytes], replies: int) -> None:
        limits = self._job.limits
        began = heard = time.monotonic()
        while not self._done:
            if self._cancelled():
                raise HoldfastError("cancelled")
            if self._on_gpu and resident_bytes(process.pid) > limits.memory_bytes:
                raise _limit("memory_limit", limits.memory_bytes, "HOLDFAST_CHILD_MEMORY_BYTES")
            now = time.monotonic()
            if now - began > limits.wall_s:
                raise _limit("time_limit", limits.wall_s, "HOLDFAST_CHILD_WALL_S")
            if now - heard > limits.stall_s:
                raise _limit("time_limit", limits.stall_s, "HOLDFAST_CHILD_STALL_S")
            if not select.select([replies], [], [], _POLL_S)[0]:
                continue
            block = os.read(replies, 1 << 16)
            if not block:
                raise self._death(_status(process))
            heard = time.monotonic()
            self._take(block)

    def _take(self, block: bytes) -> None:
        *lines, self._buffer = (self._buffer + block).split(b"\n")
        if len(self._buffer) > _MAX_LINE_BYTES:
            raise HoldfastError("protocol")
        for line in lines:
            self._say(_parse(line))

    def _say(self, reply: dict[str, Any]) -> None:
        if "error" in reply:
            raise self._refusal(reply)
        if "progress" in reply:
            self._on_progress(_progress(reply["progress"]))
            return
        if reply != {"done": True}:
            raise HoldfastError("protocol")
        self._done = True

    def _refusal(self, reply: dict[str, Any]) -> HoldfastError:
        code, given = str(reply["error"]), reply.get("fields")
        known = code in ERRORS and (ERRORS[code].kind is Kind.refused or code in _OWN_CODES)
        if not known:
            return HoldfastError("protocol")
        if code == "internal":
            _log.error("the child failed: %s", str(reply.get("detail", ""))[:2000])
            return HoldfastError("internal", request_id="the audit's id")
        if code == "memory_limit" and self._on_gpu:  # nothing limits its other memory
            limit = self._job.limits.gpu_memory_bytes
            return _limit(code, limit, "HOLDFAST_CHILD_GPU_MEMORY_BYTES")
        if code == "memory_limit":
            return self._memory()
        if code == "output_limit":
            limit = self._job.limits.output_bytes
            return _limit("output_limit", limit, "HOLDFAST_CHILD_OUTPUT_BYTES")
        fields = given if isinstance(given, dict) else {}
        return HoldfastError(code, **dict(list(fields.items())[:_MAX_FIELDS]))

    def _memory(self) -> HoldfastError:
        limit = self._job.limits.memory_bytes
        return _limit("memory_limit", limit, "HOLDFAST_CHILD_MEMORY_BYTES")

    def _death(self, status: int) -> HoldfastError:
        """What an end without a last word means; negative is the signal's number."""
        if status == -signal.SIGXCPU:
            return _limit("time_limit", self._job.limits.cpu_s, "HOLDFAST_CHILD_CPU_S")
        if status == -signal.SIGKILL:  # not by us: the kernel ran out of memory
            return self._memory()
        return HoldfastError("model_crashed", signal=_name_of(status))


def _limit(code: str, limit: float, setting: str) -> HoldfastError:
    return HoldfastError(code, limit=f"{limit:g}" if limit < 1e6 else limit, setting=setting)  # noqa: PLR2004 - below, no exponent


def _status(process: subprocess.Popen[bytes]) -> int:
    """How a child ended that said nothing more; one that goes on in silence broke the protocol."""
    try:
        return process.wait(_SILENT_S)
    except subprocess.TimeoutExpired:
        raise HoldfastError("protocol") from None


def _name_of(status: int) -> str:
    try:
        return signal.Signals(-status).name if status < 0 else f"exit {status}"
    except ValueError:
        return f"signal {-status}"


def _parse(line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        raise HoldfastError("protocol") from None
    if not isinstance(reply, dict):
        raise HoldfastError("protocol")
    return reply


def _progress(said: object) -> Progress:
    try:
        return Progress.model_validate_json(json.dumps(said))
    except (ValidationError, RecursionError):
        raise HoldfastError("protocol") from None


def _start(job: ChildJob) -> subprocess.Popen[bytes]:
    job_fd = os.memfd_create("job", os.MFD_CLOEXEC)
    try:
        os.write(job_fd, canonical_json(job))
        os.lseek(job_fd, 0, os.SEEK_SET)
        inherited = [value for name, value in job if name.endswith("_fd")]
        inherited += [fd for name, fds in job if name.endswith("_fds") for fd in fds]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-B", "-m", "holdfast.sandbox.child", str(job_fd)],
            pass_fds=[job_fd, *inherited],
            cwd="/",
            start_new_session=True,
            env=_environment(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        os.close(job_fd)


def _on_gpu(job: ChildJob) -> bool:
    return isinstance(job, AuditJob | MergeJob) and job.device == "gpu"


def _environment(job: ChildJob) -> dict[str, str]:
    """Nothing of the parent's environment, where secrets live, reaches the child."""
    threads = {"OMP_NUM_THREADS": str(job.limits.threads), "OPENBLAS_NUM_THREADS": "1"}
    return _COMMON | threads | (_gpu_environment() if _on_gpu(job) else {})


def _gpu_environment() -> dict[str, str]:
    """Which GPU the operator gave to this process, and arithmetic that is the same each time."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {
        **({} if given is None else {"CUDA_VISIBLE_DEVICES": given}),
        "NVIDIA_TF32_OVERRIDE": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "CUDA_CACHE_DISABLE": "1",  # there is no folder to write to
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child's whole session; it may already be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
