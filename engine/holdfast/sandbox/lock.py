"""Lock this process down: rlimits, no capabilities, no_new_privs, Landlock, seccomp.

Call `lock` in a fresh, single-threaded child before numpy, onnxruntime or torch is imported:
Landlock binds only the calling thread, and those libraries start threads when they are imported.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.sandbox import landlock, seccomp
from holdfast.sandbox.gpu import device_files, driver_files
from holdfast.sandbox.kernel import MACHINE, NUMBERS, check, libc, syscall

__all__ = ["Bounds", "LockLevel", "SandboxUnavailableError", "lock"]

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


class SandboxUnavailableError(RuntimeError):
    """A layer that mode `required` insists on is missing on this kernel."""


@dataclass(frozen=True)
class Bounds:
    """What the kernel bounds by itself. The wall clock is the parent's."""

    memory_bytes: int
    cpu_s: int
    output_bytes: int
    open_files: int = 128


@dataclass
class LockLevel:
    """The layers reached, and why the others are missing."""

    mode: str
    gpu: bool = False
    landlock_abi: int = 0
    seccomp: bool = False
    no_new_privs: bool = False
    capabilities_dropped: bool = False
    missing: list[str] = field(default_factory=list)


def lock(
    mode: str, bounds: Bounds, parent_pid: int | None = None, *, gpu: bool = False
) -> LockLevel:
    """Lock this process for good.

    Args:
        mode: `required` raises when a layer is missing; `auto` and `container` go on without it.
        bounds: resource limits.
        parent_pid: end at once when this process is no longer the parent.
        gpu: let it drive NVIDIA's devices: no limit of address space, which CUDA reserves by the
            terabyte, the devices themselves, what the driver tells of them, one kind of socket,
            names for its threads.

    Raises:
        SandboxUnavailableError: mode `required` and a layer is missing.
    """
    level = LockLevel(mode, gpu)
    _limit(bounds, gpu=gpu)

    def layer(name: str, act: Callable[[], int | None]) -> int:
        try:
            answer = act()
        except (OSError, KeyError) as error:
            level.missing.append(f"{name}: {error}")
            return 0
        if answer == 0:
            level.missing.append(f"{name}: not offered by this kernel")
        return 1 if answer is None else answer

    if gpu:
        layer("out of memory", _first_to_go)
    level.capabilities_dropped = bool(layer("capabilities", _drop_capabilities))
    layer("no core dumps", _leave_no_core)
    _die_with(parent_pid)
    level.no_new_privs = bool(layer("no_new_privs", _no_new_privs))
    level.landlock_abi = layer("landlock", lambda: landlock.restrict(_grants(gpu=gpu)))
    level.seccomp = bool(layer("seccomp", lambda: seccomp.install(gpu=gpu)))
    if mode == "required" and level.missing:
        raise SandboxUnavailableError("; ".join(level.missing))
    return level


def _limit(bounds: Bounds, *, gpu: bool) -> None:
    limits = [
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, bounds.output_bytes, bounds.output_bytes),
        (resource.RLIMIT_NOFILE, bounds.open_files, bounds.open_files),
        (resource.RLIMIT_CPU, bounds.cpu_s, bounds.cpu_s + 2),
    ]
    if not gpu:
        limits.append((resource.RLIMIT_AS, bounds.memory_bytes, bounds.memory_bytes))
    for which, soft, hard in limits:
        resource.setrlimit(which, (soft, hard))


def _first_to_go() -> None:
    """Where no limit of ours bounds memory, the kernel is to end this process before any other."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("1000")


def _leave_no_core() -> None:
    """A program that the kernel hands cores to gets them whatever the limit of their size is.

    Ubuntu has one: it copies all memory of a crashed child, secret model included, and takes long.
    """
    check(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def _drop_capabilities() -> None:
    """Without them a child started by root cannot raise its own limits again."""
    head = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    none = struct.pack("=6I", 0, 0, 0, 0, 0, 0)
    check(syscall(NUMBERS[MACHINE]["capset"], head, none), "capset")


def _die_with(parent_pid: int | None) -> None:
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(1)  # the parent died before the line above


def _no_new_privs() -> None:
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _grants(*, gpu: bool) -> dict[str, int]:
    """The interpreter, its libraries, our own package, and a few files of /proc and /sys.

    CUDA names its threads by writing to `/proc/self/task/*/comm`; only that part of /proc is given.
    """
    paths = sysconfig.get_paths()
    folders = [
        *("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix, _PACKAGE),
        *(paths[key] for key in ("purelib", "platlib", "stdlib")),
        *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"),
        *("/sys/devices/system", "/sys/fs/cgroup", "/etc/ld.so.cache", "/etc/localtime"),
        *("/dev/urandom", "/dev/zero"),
    ]
    grants = dict.fromkeys(folders, landlock.READ) | {"/dev/null": landlock.READ_WRITE_DEVICE}
    if gpu:
        grants |= dict.fromkeys(device_files(), landlock.USE_DEVICE)
        grants |= dict.fromkeys(driver_files(), landlock.READ)
        grants["/proc/self/task"] = landlock.REWRITE
    return grants
