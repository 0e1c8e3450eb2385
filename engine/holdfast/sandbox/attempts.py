"""What a locked child must not be able to do, each as something to try.

Runs in the locked child of the self-test, standard library only. An attempt that raises OSError
was denied; one that returns was possible.
"""

import ctypes
import errno
import mmap
import os
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from holdfast.sandbox.kernel import MACHINE, NUMBERS, check, libc, syscall
from holdfast.sandbox.lock import Bounds

__all__ = ["CALLS", "SECRET", "attempts"]

Attempt = Callable[[], object]
SECRET = "secret"  # noqa: S105 - the name of a file
"""A file that the parent wrote into the folder of the self-test."""
_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_GET_NO_NEW_PRIVS = 1, 3, 39
_NO_POINTER = ctypes.c_long(-1)
_FIRST = 1000  # the largest oom_score_adj

# Written a second time on purpose: what is lost in the filter has to be missed here.
CALLS = (  # noqa: SIM905 - a dozen lines instead of eighty
    "socket socketpair connect bind listen accept accept4 execve execveat ptrace mount umount2 "
    "chroot pivot_root unshare setns keyctl add_key request_key bpf perf_event_open userfaultfd "
    "io_uring_setup io_uring_enter io_uring_register process_vm_readv process_vm_writev "
    "pidfd_open pidfd_getfd pidfd_send_signal open_by_handle_at name_to_handle_at init_module "
    "finit_module delete_module kexec_load reboot swapon personality acct quotactl syslog "
    "settimeofday clock_settime sethostname iopl ioperm symlink symlinkat link linkat mknod "
    "mknodat chmod fchmod fchmodat chown fchownat setuid setgid fsopen fsmount move_mount "
    "open_tree mount_setattr fanotify_init inotify_init1 memfd_secret shmget msgget semget "
    "mq_open tkill truncate"
).split()
"""Calls that are denied whatever their arguments are; `fork` and its kin are tried as a whole."""


def attempts(folder: str, bounds: Bounds, *, gpu: bool = False) -> dict[str, Attempt]:
    """All attempts by what they would be; `folder` is a temporary one with a file `SECRET`.

    Under the rules for a GPU there is no limit of memory to meet, and one kind of socket is made.
    """
    denied = [name for name in CALLS if name in NUMBERS[MACHINE]]
    if gpu:
        denied = [name for name in denied if name not in {"socket", "bind", "listen"}]
    return {
        **_files(folder),
        **_processes(),
        **_limits(bounds),
        **(_on_gpu() if gpu else _memory_limit(bounds)),
        **{f"the system call {name}": _denied(name) for name in denied},
        "the system call clone3": _absent("clone3"),
    }


def _files(folder: str) -> dict[str, Attempt]:
    secret = f"{folder}/{SECRET}"
    return {
        "reading /etc/passwd": lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)),
        "reading a user's file": lambda: os.close(os.open(secret, os.O_RDONLY)),
        "reading the parent's environment": lambda: os.close(
            os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY)
        ),
        "listing a folder": lambda: list(Path(folder).iterdir()),
        "writing a file": lambda: os.close(os.open(f"{folder}/x", os.O_CREAT | os.O_WRONLY)),
        "changing a file": lambda: os.close(os.open(secret, os.O_WRONLY)),
        "changing a setting of the parent": lambda: os.close(
            os.open(f"/proc/{os.getppid()}/oom_score_adj", os.O_WRONLY)
        ),
        "cutting a file": lambda: os.truncate(secret, 0),
        "making a folder": lambda: Path(f"{folder}/made").mkdir(),
        "moving a file": lambda: Path(secret).rename(f"{folder}/moved"),
        "removing a file": lambda: Path(secret).unlink(),
    }


def _processes() -> dict[str, Attempt]:
    return {
        "an internet socket": lambda: socket.socket().close(),
        "a unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
        # it may send to the path of any socket
        "a datagram socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close(),
        "a pair of datagram sockets": lambda: _pair(socket.SOCK_DGRAM),
        "a packet socket of the internet": _internet_packets,
        "starting a process": _fork,
        "a signal to the parent": lambda: os.kill(os.getppid(), 0),
        "outliving the parent": lambda: check(libc.prctl(_PR_SET_PDEATHSIG, 0), "prctl"),
        "gaining privileges": _privileges,
        "keeping capabilities": lambda: _unless(_capabilities() == 0),
    }


def _limits(bounds: Bounds) -> dict[str, Attempt]:
    return {
        "a longer file than the limit": lambda: _long_file(bounds.output_bytes + 1),
        "more open files than the limit": lambda: os.dup2(0, bounds.open_files),
        "more processor time than the limit": lambda: _unless(
            resource.getrlimit(resource.RLIMIT_CPU)[0] == bounds.cpu_s
        ),
        "a core dump": lambda: _unless(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0),
        "a core dump for a program": lambda: _unless(libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0),
        "raising a limit": _raised,
    }


def _memory_limit(bounds: Bounds) -> dict[str, Attempt]:
    return {"more memory than the limit": lambda: mmap.mmap(-1, bounds.memory_bytes).close()}


def _on_gpu() -> dict[str, Attempt]:
    """The parent watches its size; where that comes too late, the kernel has to choose it."""
    return {
        "outlasting others when memory runs out": lambda: _unless(_score() == _FIRST),
        "a local socket with a name": _named_socket,
    }


def _named_socket() -> None:
    """The filter says that it was done, and nothing was."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
        made.bind(f"\0holdfast-{os.getpid()}")
        _unless(not made.getsockname())


def _score() -> int:
    with open("/proc/self/oom_score_adj", encoding="ascii") as file:  # noqa: PTH123 - as below
        return int(file.read())


def _pair(kind: socket.SocketKind) -> None:
    for end in socket.socketpair(socket.AF_UNIX, kind):
        end.close()


def _internet_packets() -> None:
    """The kernel may not have them either; only the filter says EPERM."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET).close()
    except OSError as error:
        _unless(error.errno == errno.EPERM)


def _unless(denied: bool) -> None:  # noqa: FBT001 - a fact, no flag
    if denied:
        raise PermissionError


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def _privileges() -> None:
    _unless(libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)


def _capabilities() -> int:
    """The effective ones, as bits."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - nothing heavy here
        lines: Iterator[str] = (line for line in file if line.startswith("CapEff:"))
        return int(next(lines).split()[1], 16)


def _long_file(size: int) -> None:
    fd = os.memfd_create("long")
    try:
        os.ftruncate(fd, size)
    finally:
        os.close(fd)


def _raised() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard + 1))
    except ValueError as error:  # Python's word for EPERM
        raise PermissionError from error


def _denied(name: str) -> Attempt:
    """The call with arguments that cannot do anything; only the filter says EPERM to them."""
    return lambda: _refused_with(name, errno.EPERM)


def _absent(name: str) -> Attempt:
    return lambda: _refused_with(name, errno.ENOSYS)


def _refused_with(name: str, number: int) -> None:
    answer = syscall(NUMBERS[MACHINE][name], *([_NO_POINTER] * 6))
    _unless(answer == -1 and ctypes.get_errno() == number)
