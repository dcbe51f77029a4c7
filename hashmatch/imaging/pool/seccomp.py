"""Filter of system calls for a process that only computes: no sockets and no processes.

No maintained Python package does this without a system library, and the filter is short: a classic
BPF program (seccomp(2), and the kernel's Documentation/userspace-api/seccomp_filter.rst) that
answers the calls listed here with an error and permits all others. Their numbers are those of the
kernel's tables for each architecture and never change.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Iterator
from dataclasses import dataclass

# Constants of <linux/audit.h>, <linux/seccomp.h>, <linux/bpf_common.h>, <linux/prctl.h> and
# <linux/sched.h>.
_KILL, _ERROR, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # Offsets in struct seccomp_data.
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_CLONE_THREAD = 0x00010000
_OTHER_ABI = 0x40000000  # Higher numbers on x86-64 are calls of another ABI, x32.


@dataclass(frozen=True, slots=True)
class _Calls:
    """The numbers of one architecture's system calls."""

    architecture: int
    clone: int
    clone3: int
    denied: tuple[int, ...]


_X86_64 = _Calls(
    architecture=0xC000003E,
    clone=56,
    clone3=435,
    denied=(
        *(41, 42, 43, 49, 50, 53, 288),  # socket, connect, accept, bind, listen, socketpair
        *(29, 30, 31, 67),  # shmget, shmat, shmctl, shmdt
        *(64, 65, 66, 68, 69, 70, 71, 220, 240),  # semaphores and message queues
        *(57, 58, 59, 322),  # fork, vfork, execve, execveat
        *(109, 112),  # setpgid, setsid
        *(101, 310, 311, 434, 438),  # ptrace, reading and writing other processes, pidfds
        *(248, 249, 250),  # kernel keys
        *(319, 447, 425),  # memfd_create, memfd_secret, io_uring_setup
        *(298, 321, 323),  # perf_event_open, bpf, userfaultfd
        *(135, 154, 165, 272, 303, 304, 308),  # personality, LDTs, mounts, namespaces, handles
    ),
)
# The same calls in the same lines; fork and others that aarch64 lacks are absent.
_AARCH64 = _Calls(
    architecture=0xC00000B7,
    clone=220,
    clone3=435,
    denied=(
        *(198, 199, 200, 201, 202, 203, 242),
        *(194, 195, 196, 197),
        *(180, 186, 187, 188, 189, 190, 191, 192, 193),
        *(221, 281),
        *(154, 157),
        *(117, 270, 271, 434, 438),
        *(217, 218, 219),
        *(279, 447, 425),
        *(241, 280, 282),
        *(40, 92, 97, 264, 265, 268),
    ),
)
_BY_MACHINE = {"x86_64": _X86_64, "aarch64": _AARCH64}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def filter_system_calls() -> None:
    """Install the filter irrevocably. Raises `OSError` on a system without one."""
    calls = _BY_MACHINE.get(platform.machine())
    if platform.system() != "Linux" or calls is None:
        raise OSError("no system call filter for this system")
    instructions = list(_instructions(calls))
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _instructions(calls: _Calls) -> Iterator[_Instruction]:
    """Yield the program; a jump is the number of instructions to skip."""
    yield _Instruction(_LOAD, 0, 0, _ARCHITECTURE)
    # Calls of another architecture have other numbers, so they end the process.
    yield _Instruction(_IF_EQUAL, 1, 0, calls.architecture)
    yield _Instruction(_RETURN, 0, 0, _KILL)
    yield _Instruction(_LOAD, 0, 0, _NUMBER)
    yield _Instruction(_IF_AT_LEAST, 0, 1, _OTHER_ABI)
    yield _Instruction(_RETURN, 0, 0, _ERROR | errno.EPERM)
    # ENOSYS makes the C library fall back on clone, whose flags a filter can read.
    yield _Instruction(_IF_EQUAL, 0, 1, calls.clone3)
    yield _Instruction(_RETURN, 0, 0, _ERROR | errno.ENOSYS)
    for number in calls.denied:
        yield _Instruction(_IF_EQUAL, 0, 1, number)
        yield _Instruction(_RETURN, 0, 0, _ERROR | errno.EPERM)
    # Threads are permitted, processes are not.
    yield _Instruction(_IF_EQUAL, 0, 3, calls.clone)
    yield _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT)
    yield _Instruction(_IF_BITS, 1, 0, _CLONE_THREAD)
    yield _Instruction(_RETURN, 0, 0, _ERROR | errno.EPERM)
    yield _Instruction(_RETURN, 0, 0, _ALLOW)
