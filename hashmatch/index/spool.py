"""Spool: an array that grows by parts, in memory or in a temporary file that has no name."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from hashmatch.errors import IndexFolderError

_Number = TypeVar("_Number", bound=np.generic)


class Spool(Generic[_Number]):
    """An array of numbers of one type. With a folder it is mapped from a file there in the end.

    What is on the disk the system may take from memory again. The file is gone with the array.
    Methods raise `IndexFolderError`.
    """

    def __init__(self, kind: type[_Number], folder: Path | None) -> None:
        self._kind, self._folder = kind, folder
        self._count = 0
        self._parts = list[NDArray[_Number]]()
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._count

    def append(self, part: NDArray[_Number]) -> None:
        """Add numbers at the end."""
        self._count += len(part)
        if self._folder is None or not len(part):
            self._parts.append(part)
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (see array)
            self._file.write(part.view(np.uint8).data)
            self._file.flush()
        except OSError as error:
            raise self._error(error) from error

    def array(self) -> NDArray[_Number]:
        """Return all that was added, which ends the spool."""
        if self._file is None:
            return np.concatenate([np.zeros(0, self._kind), *self._parts])
        try:
            with self._file as file:
                memory: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise self._error(error) from error
        return np.frombuffer(memory, self._kind)

    def _error(self, error: OSError) -> IndexFolderError:
        return IndexFolderError(
            f"{self._folder}: a temporary file cannot be written: {error.strerror}",
            hint="Free space on the disk, or choose another folder with index.dir.",
        )
