"""hashmatch: match images against licensed hash lists, without ever keeping an image.

`open_scanner` and `open_prompt_screener` are the doors for Python; `hashmatch --help` is the one
for the shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashmatch._version import __version__

if TYPE_CHECKING:
    from hashmatch.wiring import open_prompt_screener, open_scanner

__all__ = ["__version__", "open_prompt_screener", "open_scanner"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that the command line answers before the database layer loads.
    if name in ("open_scanner", "open_prompt_screener"):
        from hashmatch import wiring

        return getattr(wiring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
