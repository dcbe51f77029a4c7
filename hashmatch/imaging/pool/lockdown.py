"""Lockdown of a decoding process: irrevocable loss of every privilege that it does not need."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Callable

from ..core_dumps import call_system, forbid_core_dumps
from .seccomp import filter_system_calls

# Constants of <linux/prctl.h> and <linux/capability.h>.
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
# More descriptors than libraries open before the lockdown; the only inherited one is the pipe.
_MAX_DESCRIPTORS = 4096


def lock_down(max_memory_bytes: int, timeout_s: float) -> dict[str, bool]:
    """Lock this process down; return its protections by name, with whether each is in force.

    Descriptor 0 must be its pipe; all others are closed, and no new one can be opened. All imports
    must have been made before. Protections that the system does not offer are returned as false.
    """
    protections = {"no debuggers": forbid_core_dumps()}
    protections |= {name: _succeeds(step) for name, step in _STEPS.items()}
    protections["processor time limit"] = _succeeds(lambda: allow_cpu(timeout_s))
    # These limits come last, since they would make the steps above fail. RLIMIT_NPROC is not among
    # them: it would also forbid the thread that libde265 insists on. Seccomp forbids processes and
    # permits threads.
    limits = {
        "memory limit": (resource.RLIMIT_AS, max_memory_bytes),
        "no files written": (resource.RLIMIT_FSIZE, 0),
        "no core dumps": (resource.RLIMIT_CORE, 0),
        # Not even descriptor 0 can be opened again after the pipe is closed.
        "no descriptors but its pipe": (resource.RLIMIT_NOFILE, 0),
    }
    os.closerange(1, _MAX_DESCRIPTORS)
    for name, (kind, wanted) in limits.items():
        hard = resource.getrlimit(kind)[1]
        # A host may have set a lower hard limit, which cannot be raised again.
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        protections[name] = _succeeds(lambda k=kind, m=limit: resource.setrlimit(k, (m, m)))  # type: ignore[misc]
    return protections


def allow_cpu(seconds: float) -> None:
    """Allow this process the given seconds of processor time from now, after which it is killed.

    Raises `OSError` or `ValueError` if the system has no such limit.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _succeeds(step: Callable[[], None]) -> bool:
    try:
        step()
    except (OSError, ValueError, OverflowError, ImportError, AttributeError):
        return False
    return True


def _restrict_with_landlock() -> None:
    """Deny every file, socket and signal that the kernel's Landlock covers (Linux 5.13)."""
    from landlockpy import Ruleset, Scope

    with Ruleset(scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL) as ruleset:
        ruleset.restrict()


def _forgo_new_privileges() -> None:
    call_system("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    call_system("capset", header, (ctypes.c_uint32 * 6)())


_STEPS: dict[str, Callable[[], None]] = {
    "Landlock": _restrict_with_landlock,
    "no new privileges": _forgo_new_privileges,
    "no capabilities": _drop_capabilities,
    "seccomp": filter_system_calls,
}
