"""Compilation, with a cache, of loops that numpy cannot run in one pass.

Import this module lazily: numba takes a tenth of a second to load, and longer without a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*signatures: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for the given signatures at once, or load it from the cache.

    The function runs without Python's global lock. `options` are numba's.
    """

    def compile_now(function: Callable[..., Any]) -> Any:
        try:
            return njit(list(signatures), nogil=True, cache=True, **options)(function)
        except RuntimeError:  # No folder for a cache is writable, neither the file's nor at home.
            return njit(list(signatures), nogil=True, **options)(function)

    return compile_now
