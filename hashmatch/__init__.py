"""hashmatch: match images against licensed hash lists, without ever keeping an image.

`open_scanner` is the door for Python; `hashmatch --help` is the one for the shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashmatch._version import __version__

if TYPE_CHECKING:
    from hashmatch.wiring import open_scanner

__all__ = ["__version__", "open_scanner"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that the command line answers before the database layer loads.
    if name == "open_scanner":
        from hashmatch.wiring import open_scanner

        return open_scanner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
