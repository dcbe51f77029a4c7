"""How a decoding process gives up everything that decoding does not need, for good."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Callable

from .seccomp import filter_system_calls

# Of <linux/prctl.h> and <linux/capability.h>.
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
# More than a process of libraries opens before it gets here; it inherits none but its pipe.
_MOST_DESCRIPTORS = 4096


def lock_down(max_memory_bytes: int, timeout_s: float) -> dict[str, bool]:
    """Lock this process in and return by name what confines it, and whether it is in force.

    Descriptor 0 must be its pipe; all others are closed, and no new one can be opened. Whatever is
    to be imported must have been imported. What a system does not offer is left out, and said.
    """
    protections = {name: _is_done(step) for name, step in _STEPS.items()}
    protections["processor time limit"] = _is_done(lambda: allow_cpu(timeout_s))
    # The rest would make the steps above fail. RLIMIT_NPROC is none of them: it would forbid the
    # thread that libde265 insists on, too. Seccomp forbids processes and lets threads pass.
    limits = {
        "memory limit": (resource.RLIMIT_AS, max_memory_bytes),
        "no files written": (resource.RLIMIT_FSIZE, 0),
        "no core dumps": (resource.RLIMIT_CORE, 0),
        # Not even number 0, should the pipe be closed.
        "no descriptors but its pipe": (resource.RLIMIT_NOFILE, 0),
    }
    os.closerange(1, _MOST_DESCRIPTORS)
    for name, (kind, wanted) in limits.items():
        hard = resource.getrlimit(kind)[1]
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        protections[name] = _is_done(lambda k=kind, m=most: resource.setrlimit(k, (m, m)))  # type: ignore[misc]
    return protections


def allow_cpu(seconds: float) -> None:
    """Let this process use so many more seconds of processor time, after which it is ended.

    Raises `OSError` or `ValueError` where there is no such limit.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _is_done(step: Callable[[], None]) -> bool:
    try:
        step()
    except (OSError, ValueError, OverflowError, ImportError, AttributeError):
        return False
    return True


def _restrict_with_landlock() -> None:
    """Deny every file, socket and signal that the kernel's Landlock knows of (Linux 5.13)."""
    from landlockpy import Ruleset, Scope

    with Ruleset(scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL) as ruleset:
        ruleset.restrict()


def _forgo_new_privileges() -> None:
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _hide_from_debuggers() -> None:
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def _call(name: str, *arguments: object) -> None:
    """Call a function of Linux's C library. Raises `OSError`."""
    if sys.platform != "linux":
        raise OSError(f"{name} is there on Linux only")
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


_STEPS: dict[str, Callable[[], None]] = {
    "Landlock": _restrict_with_landlock,
    "no new privileges": _forgo_new_privileges,
    "no capabilities": _drop_capabilities,
    "no debuggers": _hide_from_debuggers,
    "seccomp": filter_system_calls,
}
