"""Compiles the loops that numpy cannot run in one pass, and keeps what was compiled.

Import this lazily: numba takes a tenth of a second to load, and longer where nothing is cached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*signatures: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for these signatures now, or load what was compiled before.

    It runs without Python's lock. `options` are numba's.
    """

    def compile_now(function: Callable[..., Any]) -> Any:
        try:
            return njit(list(signatures), nogil=True, cache=True, **options)(function)
        except RuntimeError:  # There is no place to keep it: neither beside the file nor at home.
            return njit(list(signatures), nogil=True, **options)(function)

    return compile_now
