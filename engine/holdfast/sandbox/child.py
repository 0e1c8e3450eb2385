"""The locked child: one job, one process. It locks itself first and imports the rest afterwards.

The job comes through an inherited memory file; no path to anybody's data ever arrives here. Its
words are single JSON lines: progress, at last `done` or `error`.
"""

import errno
import json
import os
import sys
import traceback
from typing import Any

from holdfast.sandbox.lock import Bounds, LockLevel, SandboxUnavailableError, lock

__all__: list[str] = []

_OPEN_FILES = 128
_SWITCH_S = 0.0005


def _read_job(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _lock(job: dict[str, Any]) -> LockLevel:
    limits = job["limits"]
    inherited = sum(len(fds) for name, fds in job.items() if name.endswith("_fds"))
    bounds = Bounds(
        memory_bytes=limits["memory_bytes"],
        cpu_s=limits["cpu_s"],
        output_bytes=limits["output_bytes"],
        open_files=_OPEN_FILES + inherited,
    )
    return lock(job["mode"], bounds, job["parent_pid"], gpu=job.get("device") == "gpu")


def _say(fd: int, **words: object) -> None:
    os.write(fd, json.dumps(words).encode() + b"\n")


def _work(raw: bytes, level: LockLevel, reply_fd: int) -> None:
    from holdfast.sandbox.duty import perform

    perform(raw, level, lambda progress: _say(reply_fd, progress=progress))


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, MemoryError) or any(
        phrase in text
        for phrase in ("bad_alloc", "can't allocate", "Failed to allocate", "Insufficient memory")
    )


def _main() -> None:
    # A lane that comes back from the runtime would wait up to Python's 5 ms for another one, which
    # is longer than a batch of small images takes.
    sys.setswitchinterval(_SWITCH_S)
    raw = _read_job(int(sys.argv[1]))
    job = json.loads(raw)
    reply_fd = job["reply_fd"]
    try:
        level = _lock(job)
    except SandboxUnavailableError as error:
        _say(reply_fd, error="sandbox_unavailable", fields={"missing": str(error)[:200]})
        return
    try:
        _work(raw, level, reply_fd)
    except BaseException as error:  # noqa: BLE001 - the parent must hear the last word
        code = getattr(error, "code", None)
        if isinstance(code, str):
            _say(reply_fd, error=code, fields=getattr(error, "fields", {}))
        elif _is_out_of_memory(error):
            _say(reply_fd, error="memory_limit")
        elif isinstance(error, OSError) and error.errno == errno.EFBIG:
            _say(reply_fd, error="output_limit")
        else:
            _say(reply_fd, error="internal", detail=traceback.format_exc()[-2000:])
        return
    _say(reply_fd, done=True)


if __name__ == "__main__":
    _main()
