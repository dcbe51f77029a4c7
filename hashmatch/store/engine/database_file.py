"""File of an SQLite database, and whether it is still the one that was opened."""

from __future__ import annotations

import os
from pathlib import Path

from hashmatch.errors import StoreExchangedError


class DatabaseFile:
    """The file that the first connection opened: all others have to find the same one.

    A file that was removed or replaced stays open for who has opened it. Matches would be recorded
    where nobody looks for them, and changes of lists would never come.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._opened: tuple[int, int] | None = None

    def require_same(self) -> int:
        """Return the time at which the file was last written, in nanoseconds; 0 without a file.

        Raises `StoreExchangedError` where it is not the file that was opened.
        """
        try:
            status = os.stat(self._path)  # noqa: PTH116 (half the time, at each access)
        except OSError:
            if self._opened is None:
                return 0
            raise exchanged(self._path) from None
        if self._opened is not None and self._opened != (status.st_dev, status.st_ino):
            raise exchanged(self._path)
        return status.st_mtime_ns

    def note_opened(self) -> None:
        """Remember the file at the first connection. Raises `StoreExchangedError` at others."""
        self.require_same()
        if self._opened is None:
            status = os.stat(self._path)  # noqa: PTH116
            self._opened = status.st_dev, status.st_ino


def exchanged(name: str) -> StoreExchangedError:
    """Return the error of a database that is another one than when this process opened it."""
    return StoreExchangedError(
        f"{name}: the database was exchanged while this process had it open",
        hint="Restart the process, so that it opens the one that is there now.",
    )
