"""Names of the holders of leases, which tell on their own host that their process has died."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

_HOLDER = re.compile(r"([0-9a-f]{12})-(\d{1,10})-[0-9a-f]{16}")


def new_lease_holder() -> str:
    """Return a name for a holder of leases that nobody else has, on any host."""
    return f"{_place()}-{os.getpid()}-{uuid4().hex[:16]}"


def is_gone(holder: str) -> bool:
    """Say whether the process of a holder has died; False where that cannot be known from here."""
    found = _HOLDER.fullmatch(holder)
    if found is None or found[1] != _place():
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


@cache
def _place() -> str:
    """Return a digest of the host, its boot and the space of numbers that its processes have.

    Containers of one host may give the same number to different processes.
    """
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
