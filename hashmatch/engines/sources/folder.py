"""Source for a file, or for all files under a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hashmatch.imaging import find_files, path_as_text, read_file

from .interface import Item, Source


class FolderSource(Source):
    """All files under a folder, or one file. Each is known by its absolute path."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path.absolute()
        self._max_bytes = max_bytes

    @property
    def name(self) -> str:
        """Absolute path of the folder or file."""
        return path_as_text(self._path)

    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the files in the order of their paths, part by part."""
        for path in find_files(self._path, after=self.order(position) or None):
            name = path_as_text(path)
            load = partial(read_file, path, self._max_bytes)
            yield Item(name, name, "", self._position(path), load)

    def order(self, position: str) -> Any:
        """Return the parts of the path below the folder."""
        if not position:
            return ()
        return tuple(os.fsdecode(unquote_to_bytes(one)) for one in position.split("/"))

    def _position(self, path: Path) -> str:
        # The folder or file itself comes before whatever is in it.
        parts = path.relative_to(self._path).parts or ("\0",)
        return "/".join(quote_from_bytes(os.fsencode(one), safe="") for one in parts)
