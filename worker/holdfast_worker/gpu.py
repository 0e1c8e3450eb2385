"""What accelerators this machine has, as the driver's own tool tells: no CUDA in this process."""

import shutil
import subprocess

import structlog

__all__ = ["gpu_names"]

_TOOL = "nvidia-smi"
_TOOL_S = 20
_MAX_CHARS = 255
_log = structlog.get_logger(__name__)


def gpu_names() -> str | None:
    """The names of all GPUs that can be seen here, in one line; None for none, or when unknown."""
    tool = shutil.which(_TOOL)
    if tool is None:
        return None
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        said = subprocess.run(  # noqa: S603 - the driver's tool, from this machine's PATH
            command, capture_output=True, timeout=_TOOL_S, check=True
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("the GPU was not named", error=str(error))
        return None
    names = [line.strip() for line in said.splitlines() if line.strip()]
    return ", ".join(names)[:_MAX_CHARS] or None
