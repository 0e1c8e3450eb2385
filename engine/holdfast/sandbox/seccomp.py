"""A seccomp filter: no sockets, no new processes, no signals to others, no privileged calls."""

import ctypes
import errno
import os
import struct

from holdfast.sandbox.kernel import MACHINE, NUMBERS, check, syscall

__all__ = ["DENIED", "install"]

DENIED = (  # noqa: SIM905 - ten lines instead of eighty
    "socket socketpair connect bind listen accept accept4 fork vfork execve execveat ptrace mount "
    "umount2 chroot pivot_root unshare setns keyctl add_key request_key bpf perf_event_open "
    "userfaultfd io_uring_setup io_uring_enter io_uring_register process_vm_readv "
    "process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal open_by_handle_at "
    "name_to_handle_at init_module finit_module delete_module kexec_load reboot swapon "
    "personality acct quotactl syslog settimeofday clock_settime sethostname iopl ioperm symlink "
    "symlinkat link linkat mknod mknodat chmod fchmod fchmodat chown fchownat setuid setgid "
    "fsopen fsmount move_mount open_tree mount_setattr fanotify_init inotify_init1 memfd_secret "
    "shmget msgget semget mq_open tkill truncate"
).split()

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_AND = 0x54
_NUMBER, _ARCH, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in seccomp_data
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000
_PR_SET_PDEATHSIG = 1
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1
_UNIX, _SEQUENCED, _TYPE_BITS = 1, 5, 0xF

_Instruction = tuple[int, int, int, int]


def install(*, gpu: bool) -> None:
    """Install the filter for all threads of this process; `gpu` lets it make one kind of socket.

    Raises:
        OSError: the kernel refused it.
        KeyError: there is no table of numbers for this machine.
    """
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(gpu=gpu))
    program = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, padding, a pointer
    header = struct.pack("@HxxxxxxQ", len(code) // 8, ctypes.addressof(program))
    answer = syscall(NUMBERS[MACHINE]["seccomp"], _SET_MODE_FILTER, _FLAG_TSYNC, header)
    check(answer, "seccomp")


def _program(*, gpu: bool) -> list[_Instruction]:
    numbers = NUMBERS[MACHINE]
    left = {"socket", "bind", "listen"} if gpu else set()
    denied = [_deny(numbers[name]) for name in DENIED if name in numbers and name not in left]
    return [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, numbers["arch"]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *([(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL)] if _is_x86() else []),
        # glibc falls back to clone, whose flags a filter can read
        (_JUMP_EQUAL, 0, 1, numbers["clone3"]),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        *_only_with(numbers["clone"], (_JUMP_SET, 0, 1, _CLONE_THREAD)),
        *(instruction for pair in denied for instruction in pair),
        *(_for_cuda(numbers) if gpu else []),
        # abort() and raise() signal the process itself
        *_only_with(numbers["kill"], (_JUMP_EQUAL, 0, 1, os.getpid())),
        *_only_with(numbers["tgkill"], (_JUMP_EQUAL, 0, 1, os.getpid())),
        # it was asked to die with its parent and may not take that back
        *_never_with(numbers["prctl"], _PR_SET_PDEATHSIG),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _is_x86() -> bool:
    return MACHINE == "x86_64"


def _deny(number: int) -> tuple[_Instruction, _Instruction]:
    return (_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | errno.EPERM)


def _only_with(number: int, test: _Instruction) -> list[_Instruction]:
    """Allow a call only when its first argument passes `test`; any other call goes on."""
    return [
        (_JUMP_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        test,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
    ]


def _for_cuda(numbers: dict[str, int]) -> list[_Instruction]:
    """What libcuda does not start without: a local socket, on which it waits for other processes.

    It gets the socket. bind() and listen() do nothing and say that they did: nobody has to reach
    a child, and the names of sockets are one space for all processes of this machine.
    """
    return [
        *_sequenced_sockets(numbers["socket"]),
        *(line for name in ("bind", "listen") for line in _pretend(numbers[name])),
    ]


def _pretend(number: int) -> tuple[_Instruction, _Instruction]:
    """Success without the call: the number of no error."""
    return (_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR)


def _sequenced_sockets(number: int) -> list[_Instruction]:
    """Allow the sockets that libcuda makes when it starts: local ones for sequenced packets.

    They lead nowhere: to send, one has to be connected. connect() is denied, bind() does nothing.
    One for datagrams is refused: sendto() takes a path, so it reaches any socket of this machine.
    """
    return [
        (_JUMP_EQUAL, 0, 7, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_EQUAL, 0, 4, _UNIX),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        (_AND, 0, 0, _TYPE_BITS),  # the rest are flags
        (_JUMP_EQUAL, 0, 1, _SEQUENCED),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
    ]


def _never_with(number: int, first: int) -> list[_Instruction]:
    """Refuse a call whose first argument is `first`."""
    return [
        (_JUMP_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_EQUAL, 0, 1, first),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
