"""hashmatch: match images against licensed hash lists, without ever keeping an image.

`open_scanner`, `open_async_scanner` and `open_prompt_screener` are the doors for Python;
`hashmatch --help` is the one for the shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashmatch._version import __version__

if TYPE_CHECKING:
    from hashmatch.wiring import open_async_scanner, open_prompt_screener, open_scanner

__all__ = ["__version__", "open_async_scanner", "open_prompt_screener", "open_scanner"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that the command line answers before the database layer loads.
    if name in __all__:
        from hashmatch import wiring

        return getattr(wiring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
