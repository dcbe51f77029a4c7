"""Core dumps: none of a process that holds image bytes, since they would be a copy of them."""

from __future__ import annotations

import ctypes
import os
import resource
import sys

# Constants of <linux/prctl.h>.
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4


def forbid_core_dumps() -> bool:
    """Let this process leave no core dump however it ends; return whether that is in force.

    A limit of zero keeps the kernel from writing files, and a process that is not dumpable is not
    handed to a program that collects dumps, either, nor to a debugger of another user.
    """
    try:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        if sys.platform == "linux":
            call_system("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, ValueError):
        return False
    return are_core_dumps_forbidden()


def are_core_dumps_forbidden() -> bool:
    """Say whether this process can leave no core dump."""
    has_limit = resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    if sys.platform != "linux":
        return has_limit
    is_dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    return has_limit and is_dumpable == 0


def call_system(name: str, *arguments: object) -> None:
    """Call a function of the C library on Linux. Raises `OSError`."""
    if sys.platform != "linux":
        raise OSError(f"{name} exists on Linux only")
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)
