"""What is special about a child that computes on a GPU: its devices, and the operator's leave.

Experimental: this was written without a GPU at hand. Standard library only, the lock imports it.
"""

import os
import re
from collections.abc import Mapping

__all__ = [
    "NOTE",
    "VARIABLE",
    "device_files",
    "driver_files",
    "gpu_names",
    "is_enabled",
    "resident_bytes",
]

NOTE = "GPU audits of untrusted models: dedicated host or VM"
"""Stands wherever the rules for a GPU are in force: the driver is a large part of the kernel."""
VARIABLE = "HOLDFAST_SANDBOX_GPU"
_LEAVE = "experimental"
_DEVICE = re.compile(r"nvidiactl|nvidia[0-9]+|nvidia-uvm(-tools)?|nvidia-caps")
_MEMORY = ("RssAnon:", "RssShmem:")
_DRIVER = "/proc/driver/nvidia"


def is_enabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the operator lets children use a GPU at all."""
    return environ.get(VARIABLE) == _LEAVE


def device_files(folder: str = "/dev") -> list[str]:
    """The paths of NVIDIA's devices that CUDA uses; empty where there are none."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - no pathlib before the lock
    except OSError:
        return []
    return sorted(f"{folder}/{name}" for name in names if _DEVICE.fullmatch(name))


def driver_files(folder: str = f"{_DRIVER}/gpus") -> list[str]:
    """What libcuda reads when it starts, besides the devices: all that is not for its eyes stays.

    Seen with driver 580 (ADR 0031): the driver's parameters and MIG capabilities, the numbers of
    devices, the lowest address to map, and of each GPU's slot the memory that is near to it.
    """
    slots = [f"/sys/bus/pci/devices/{slot}" for slot in _slots(folder)]
    return [_DRIVER, "/proc/devices", "/proc/sys/vm/mmap_min_addr", *slots]


def gpu_names(folder: str = f"{_DRIVER}/gpus") -> list[str]:
    """What the driver calls its GPUs; empty where there is no driver."""
    found = []
    try:
        for slot in _slots(folder):
            with open(f"{folder}/{slot}/information", encoding="utf-8") as file:  # noqa: PTH123
                found += [line.partition(":")[2] for line in file if line.startswith("Model:")]
    except OSError:
        return []
    return [name.strip()[:80] for name in found]


def _slots(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - as above
    except OSError:
        return []


def resident_bytes(pid: int) -> int:
    """The memory that a process holds, mapped files left out; 0 when it is gone.

    CUDA reserves so much address space that the kernel cannot bound it: whoever supervises asks.
    """
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:  # noqa: PTH123 - as above
            held = [int(line.split()[1]) for line in file if line.startswith(_MEMORY)]
    except OSError:
        return 0
    return sum(held) << 10
