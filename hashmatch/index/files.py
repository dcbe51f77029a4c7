"""Immutable files of arrays: written once, verified completely, and mapped into memory.

A file starts with eight bytes that identify its type, the length of a header, and the header as
JSON, which has the place, type and checksum of each array. A reference to the file includes the
checksum of the header, which thus covers the complete file.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from hashmatch.errors import DamagedIndexError, IndexFolderError

from .interface import Arrays

_MAGIC = b"HMARRAY1"
_LENGTH_BYTES = 8
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class FileMark:
    """A reference to a file of the index: its name, its size and the checksum of its header."""

    name: str
    size_bytes: int
    checksum: str


def write_arrays(path: Path, facts: Mapping[str, Any], arrays: Arrays) -> FileMark:
    """Write the arrays and facts about them, and wait until they are on the disk.

    Raises `IndexFolderError`.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    places: dict[str, dict[str, Any]] = {}
    end = 0
    for name, array in contiguous.items():
        end += -end % _ALIGNMENT  # So that arrays start at a cache line.
        places[name] = {
            "offset": end,  # relative to the first array
            "dtype": array.dtype.str,
            "shape": array.shape,
            "checksum": checksum(array.reshape(-1).view(np.uint8)),
        }
        end += array.nbytes
    header = json.dumps({**facts, "arrays": places}).encode()
    head = _MAGIC + len(header).to_bytes(_LENGTH_BYTES, "little") + header
    head += bytes(-len(head) % _ALIGNMENT)
    try:
        # An existing file is never overwritten: other processes may have mapped it.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(head)
            for name, array in contiguous.items():
                file.seek(len(head) + places[name]["offset"])
                file.write(array.reshape(-1).view(np.uint8).data)
            file.truncate(len(head) + end)  # The last array may be empty.
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise IndexFolderError(
            f"{path}: cannot be written: {error.strerror}",
            hint="Free space on the disk, or choose another folder with index.dir.",
        ) from error
    return FileMark(path.name, len(head) + end, checksum(header))


def map_arrays(folder: Path, mark: FileMark) -> tuple[dict[str, Any], Arrays]:
    """Map a file; return its facts and its arrays, which are read-only.

    Raises `FileNotFoundError` if it does not exist, `DamagedIndexError` if it differs from the file
    that was written, and `IndexFolderError` if other users could have written it.
    """
    path = folder / mark.name
    try:
        memory = _map(path, mark.size_bytes)
    except FileNotFoundError:  # Not an error in itself: a newer manifest may have replaced it.
        raise
    except OSError as error:
        raise IndexFolderError(f"{path}: cannot be read: {error.strerror}") from error
    start = len(_MAGIC) + _LENGTH_BYTES
    if memory[: len(_MAGIC)] != _MAGIC:
        raise _damaged_error(path, "it was written by another version of hashmatch")
    length = int.from_bytes(memory[len(_MAGIC) : start], "little")
    header = memory[start : start + length]
    # Verified before it is parsed, so that damage cannot look like another header.
    if checksum(header) != mark.checksum:
        raise _damaged_error(path, "its header has changed since it was written")
    facts: dict[str, Any] = json.loads(header)
    first = start + length + -(start + length) % _ALIGNMENT
    arrays = {}
    for name, place in facts.pop("arrays").items():
        kind, shape = np.dtype(place["dtype"]), tuple(place["shape"])
        count = int(np.prod(shape))
        array: Any = np.frombuffer(memory, kind, count, first + place["offset"]).reshape(shape)
        if checksum(array.reshape(-1).view(np.uint8)) != place["checksum"]:
            raise _damaged_error(path, f"its array {name} has changed since it was written")
        arrays[name] = array
    return facts, arrays


def _map(path: Path, size_bytes: int) -> mmap.mmap:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        require_ownership(path, status)
        if status.st_size != size_bytes:
            raise _damaged_error(path, "its size has changed since it was written")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def require_ownership(path: Path, status: os.stat_result) -> None:
    """Raise `IndexFolderError` for a file of the index that other users could have written."""
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
        raise IndexFolderError(
            f"{path}: other users may write to it",
            hint="Change its owner to the user that runs hashmatch and run 'chmod -R go-w' on it,"
            " or remove it, after which it is rebuilt.",
        )


def checksum(data: Any) -> str:
    """Return a checksum against accidental changes, as 32 hexadecimal digits.

    It is not cryptographic: ownership and permissions of the files protect against attackers.
    """
    return xxhash.xxh3_128_hexdigest(data)


def _damaged_error(path: Path, problem: str) -> DamagedIndexError:
    return DamagedIndexError(
        f"{path}: {problem}", hint="Rebuild the index with 'hashmatch index build'."
    )
