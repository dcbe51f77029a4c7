"""Sources for archives: the files in them, one after the other, and never on a disk."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from hashmatch.errors import BackfillError
from hashmatch.imaging import name_as_text, path_as_text
from hashmatch.outcome import Failure

from .interface import Item, Source

_HINT = "Repair it, or unpack it and name the folder."


class DamagedError(Exception):
    """An archive that cannot be read any further, or has more than would be read."""


class ArchiveSource(Source):
    """The files of an archive, each known by the path of the archive and its own in there."""

    is_streamed: ClassVar[bool] = True

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path.absolute()
        self.max_bytes = max_bytes

    @property
    def name(self) -> str:
        """Absolute path of the archive."""
        return path_as_text(self.path)

    @property
    def version(self) -> str:
        """Size and time of change of the archive: a repaired one is screened from the start."""
        return file_version(self.path)

    @abstractmethod
    def members(self) -> Iterator[tuple[str, Callable[[], bytes | Failure]]]:
        """Yield the name of each file, and a function that reads it.

        Both raise `DamagedError`.
        """

    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the files of the archive, from the first after a position on."""
        number = 0
        try:
            for name, read in self.members():
                number += 1
                if number > self.order(position):
                    content_id = f"{self.name}/{_text(name)}"
                    # Another file of the same name may follow, and is another version of it.
                    yield Item(
                        content_id, content_id, str(number), str(number), self._load(number, read)
                    )
        except DamagedError as error:
            raise self._damaged(number, error) from error

    def order(self, position: str) -> Any:
        """Return the number of the file."""
        return int(position or 0)

    def _load(
        self, number: int, read: Callable[[], bytes | Failure]
    ) -> Callable[[], bytes | Failure]:
        def load() -> bytes | Failure:
            try:
                return read()
            except DamagedError as error:
                raise self._damaged(number - 1, error) from error

        return load

    def _damaged(self, number: int, error: DamagedError) -> BackfillError:
        return BackfillError(
            f"{self.name}: cannot be read after {number:,} files: {error}", hint=_HINT
        )


def file_version(path: Path) -> str:
    """Return what changes with a file. Raises `BackfillError`."""
    try:
        facts = os.stat(path)  # noqa: PTH116
    except OSError as error:
        problem = f"{path_as_text(path)}: cannot be read: {error.strerror}"
        raise BackfillError(problem) from error
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _text(name: str) -> str:
    return name_as_text(name.encode("utf-8", "surrogateescape"))
