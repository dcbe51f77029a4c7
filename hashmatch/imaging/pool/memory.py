"""Memory that a decoding process keeps from one file for the next."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# Parameters of glibc's mallopt(3): what is kept of freed memory, and the largest piece that is
# taken from there; 32 MB is the most that it accepts. Pillow's pieces have 16 MB at most.
_M_TRIM_THRESHOLD, _RESERVE_BYTES = -1, 128 << 20
_M_MMAP_THRESHOLD, _LARGEST_PIECE_BYTES = -3, 32 << 20


def keep_freed_memory() -> None:
    """Let the memory of one file serve the next; without effect where glibc does not run.

    As it is, glibc hands it back to the system, and each picture has to ask for its pages again:
    5,700 of them, and up to half of its time, for one of two megapixels.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # Of another C library.
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_TRIM_THRESHOLD, _RESERVE_BYTES)
            mallopt(_M_MMAP_THRESHOLD, _LARGEST_PIECE_BYTES)
