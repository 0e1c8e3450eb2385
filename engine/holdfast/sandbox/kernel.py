"""Calls into the kernel that Python does not wrap, and the numbers they need. Linux only."""

import ctypes
import os
import platform

__all__ = ["MACHINE", "NUMBERS", "check", "libc", "syscall"]

MACHINE = platform.machine()

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

# Numbers of the system calls that the filter names; x86-64 and 64-bit Arm.
# fmt: off
NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        "arch": 0xC000003E, "seccomp": 317, "capset": 126,
        "socket": 41, "socketpair": 53, "connect": 42, "bind": 49, "listen": 50, "accept": 43,
        "accept4": 288, "sendto": 44, "sendmsg": 46, "fork": 57, "vfork": 58, "clone": 56,
        "clone3": 435, "execve": 59, "execveat": 322, "ptrace": 101, "kill": 62, "tkill": 200,
        "tgkill": 234, "mount": 165, "umount2": 166, "chroot": 161, "pivot_root": 155,
        "unshare": 272, "setns": 308, "keyctl": 250, "add_key": 248, "request_key": 249,
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
        "io_uring_enter": 426, "io_uring_register": 427, "process_vm_readv": 310,
        "process_vm_writev": 311, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424,
        "open_by_handle_at": 304, "name_to_handle_at": 303, "init_module": 175,
        "finit_module": 313, "delete_module": 176, "kexec_load": 246, "reboot": 169, "swapon": 167,
        "personality": 135, "acct": 163, "quotactl": 179, "syslog": 103, "settimeofday": 164,
        "clock_settime": 227, "sethostname": 170, "iopl": 172, "ioperm": 173, "symlink": 88,
        "symlinkat": 266, "link": 86, "linkat": 265, "mknod": 133, "mknodat": 259, "chmod": 90,
        "fchmod": 91, "fchmodat": 268, "chown": 92, "fchownat": 260, "setuid": 105, "setgid": 106,
        "fsopen": 430, "fsmount": 432, "move_mount": 429, "open_tree": 428, "mount_setattr": 442,
        "fanotify_init": 300, "inotify_init1": 294, "memfd_secret": 447, "shmget": 29,
        "msgget": 68, "semget": 64, "mq_open": 240, "prctl": 157, "truncate": 76,
    },
    "aarch64": {
        "arch": 0xC00000B7, "seccomp": 277, "capset": 91,
        "socket": 198, "socketpair": 199, "connect": 203, "bind": 200, "listen": 201,
        "accept": 202, "accept4": 242, "sendto": 206, "sendmsg": 211, "clone": 220, "clone3": 435,
        "execve": 221, "execveat": 281, "ptrace": 117, "kill": 129, "tkill": 130, "tgkill": 131,
        "mount": 40, "umount2": 39, "chroot": 51, "pivot_root": 41, "unshare": 97, "setns": 268,
        "keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280, "perf_event_open": 241,
        "userfaultfd": 282, "io_uring_setup": 425, "io_uring_enter": 426,
        "io_uring_register": 427, "process_vm_readv": 270, "process_vm_writev": 271,
        "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424, "open_by_handle_at": 265,
        "name_to_handle_at": 264, "init_module": 105, "finit_module": 273, "delete_module": 106,
        "kexec_load": 104, "reboot": 142, "swapon": 224, "personality": 92, "acct": 89,
        "quotactl": 60, "syslog": 116, "settimeofday": 170, "clock_settime": 112,
        "sethostname": 161, "symlinkat": 36, "linkat": 37, "mknodat": 33, "fchmod": 52,
        "fchmodat": 53, "fchownat": 54, "setuid": 146, "setgid": 144, "fsopen": 430,
        "fsmount": 432, "move_mount": 429, "open_tree": 428, "mount_setattr": 442,
        "fanotify_init": 262, "inotify_init1": 26, "memfd_secret": 447, "shmget": 194,
        "msgget": 186, "semget": 190, "mq_open": 180, "prctl": 167, "truncate": 45,
    },
}
# fmt: on


def syscall(number: int, *args: object) -> int:
    """One raw system call; -1 means an error whose number is in errno."""
    return int(libc.syscall(number, *args))


def check(answer: int, what: str) -> int:
    """Raise OSError with the kernel's error number when `answer` is negative."""
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return answer
