"""Landlock: which files the child may open. It binds the calling thread, so call it before any."""

import ctypes
import os
import struct

from holdfast.sandbox.kernel import check, syscall

__all__ = ["READ", "READ_WRITE_DEVICE", "REWRITE", "USE_DEVICE", "abi", "restrict"]

# The three calls have the same numbers on every architecture.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_BITS = (1 << 13) - 1
_FILE_BITS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_PATH_BENEATH = 1
_BIND_AND_CONNECT_TCP = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3
_ABI_REFER, _ABI_TRUNCATE, _ABI_TCP, _ABI_IOCTL, _ABI_SCOPES = 2, 3, 4, 5, 6

READ = _READ_FILE | _READ_DIR
"""Mapping a shared library needs no more than this; EXECUTE is never granted."""
READ_WRITE_DEVICE = READ | _WRITE_FILE
REWRITE = READ_WRITE_DEVICE | _TRUNCATE
"""A file that is opened as fopen(path, "w") does."""
USE_DEVICE = READ_WRITE_DEVICE | _IOCTL_DEV
"""A device that is driven by ioctl, as a GPU is."""


def abi() -> int:
    """The version that this kernel offers, 0 for none."""
    return max(0, syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict(grants: dict[str, int]) -> int:
    """Forbid every file access but `grants` (path -> bits), TCP, and signals to other processes.

    Returns:
        the ABI in force, 0 when the kernel has no Landlock.

    Raises:
        OSError: the kernel refused a step.
    """
    version = abi()
    if not version:
        return 0
    handled = _handled(version)
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= _ABI_SCOPES else 0
    tcp = _BIND_AND_CONNECT_TCP if version >= _ABI_TCP else 0
    size = 24 if version >= _ABI_SCOPES else 16 if version >= _ABI_TCP else 8
    attributes = struct.pack("=QQQ", handled, tcp, scopes)
    ruleset = check(
        syscall(_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)), "landlock_create"
    )
    for path, bits in grants.items():
        _grant(ruleset, path, bits & handled)
    check(syscall(_RESTRICT, ruleset, 0), "landlock_restrict")
    os.close(ruleset)
    return version


def _handled(version: int) -> int:
    bits = _FIRST_BITS
    for since, bit in (
        (_ABI_REFER, _REFER),
        (_ABI_TRUNCATE, _TRUNCATE),
        (_ABI_IOCTL, _IOCTL_DEV),
    ):
        bits |= bit if version >= since else 0
    return bits


def _grant(ruleset: int, path: str, bits: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - no pathlib before the lock
            bits &= _FILE_BITS
        rule = struct.pack("=Qi", bits, fd)
        check(syscall(_ADD, ruleset, _PATH_BENEATH, rule, 0), f"landlock_add {path}")
    finally:
        os.close(fd)
