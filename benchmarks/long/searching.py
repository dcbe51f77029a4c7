"""Search of folders for bytes of images: no file that hashmatch wrote may hold a piece of one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

_PIECE_BYTES, _STEP_BYTES, _HEAD_BYTES = 16, 512, 3
_CHUNK_BYTES = 8_000_000


class Pieces:
    """Pieces from all over files and pixels, to be found anywhere in other files."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._pieces = {
            piece
            for secret in secrets
            for start in range(0, len(secret) - _PIECE_BYTES, _STEP_BYTES)
            # None that other files could hold by chance.
            if len(set(piece := secret[start : start + _PIECE_BYTES])) > _PIECE_BYTES // 2
        }
        # Most places are passed by for their first three bytes.
        self._heads = np.zeros(1 << 8 * _HEAD_BYTES, bool)
        self._heads[[int.from_bytes(one[:_HEAD_BYTES], "little") for one in self._pieces]] = True

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._pieces)

    def files_with_one(self, folders: Iterable[Path]) -> tuple[list[str], int]:
        """Return the files below some folders that hold a piece, and how many bytes were read."""
        found, size = list[str](), 0
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    size += path.stat().st_size
                    if self._is_in(path):
                        found.append(str(path))
        return found, size

    def _is_in(self, path: Path) -> bool:
        with path.open("rb") as stream:
            rest = b""
            while more := stream.read(_CHUNK_BYTES):
                data = rest + more
                if self._is_in_bytes(data):
                    return True
                rest = data[-_PIECE_BYTES:]
        return False

    def _is_in_bytes(self, data: bytes) -> bool:
        values = np.frombuffer(data, np.uint8).astype(np.uint32)
        if len(values) < _PIECE_BYTES:
            return False
        heads = values[:-2] | values[1:-1] << 8 | values[2:] << 16
        places = np.flatnonzero(self._heads[heads])
        return any(data[at : at + _PIECE_BYTES] in self._pieces for at in places)
