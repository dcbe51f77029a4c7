"""Arrays in one immutable file: written once, checked whole, and mapped into memory.

A file begins with eight bytes that say what it is, the length of a header, and the header as JSON,
which gives the place, type and checksum of each array. Whoever names the file holds the checksum of
its header, and with it of everything.
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
    """A file of the index as others refer to it: its name, its size and its header's checksum."""

    name: str
    size_bytes: int
    checksum: str


def write_arrays(path: Path, facts: Mapping[str, Any], arrays: Arrays) -> FileMark:
    """Write the arrays and whatever else is to be known of them, and wait until the disk has them.

    Raises `IndexFolderError`.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    places: dict[str, dict[str, Any]] = {}
    end = 0
    for name, array in contiguous.items():
        end += -end % _ALIGNMENT
        places[name] = {
            "offset": end,  # from the first array's place
            "dtype": array.dtype.str,
            "shape": array.shape,
            "checksum": checksum(array.reshape(-1).view(np.uint8)),
        }
        end += array.nbytes
    header = json.dumps({**facts, "arrays": places}).encode()
    head = _MAGIC + len(header).to_bytes(_LENGTH_BYTES, "little") + header
    head += bytes(-len(head) % _ALIGNMENT)
    try:
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
            hint="Make room on the disk, or choose another place with index.dir.",
        ) from error
    return FileMark(path.name, len(head) + end, checksum(header))


def map_arrays(folder: Path, mark: FileMark) -> tuple[dict[str, Any], Arrays]:
    """Map a file that was written before; return its facts and arrays, which may not be written.

    Raises `FileNotFoundError` where it is gone, `DamagedIndexError` where it is not what was
    written, and `IndexFolderError` where it is not ours.
    """
    path = folder / mark.name
    try:
        memory = _map(path, mark.size_bytes)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise IndexFolderError(f"{path}: cannot be read: {error.strerror}") from error
    start = len(_MAGIC) + _LENGTH_BYTES
    if memory[: len(_MAGIC)] != _MAGIC:
        raise _damaged(path, "it is of another version of hashmatch")
    length = int.from_bytes(memory[len(_MAGIC) : start], "little")
    header = memory[start : start + length]
    if checksum(header) != mark.checksum:
        raise _damaged(path, "its header is not what was written")
    facts: dict[str, Any] = json.loads(header)
    first = start + length + -(start + length) % _ALIGNMENT
    arrays = {}
    for name, place in facts.pop("arrays").items():
        kind, shape = np.dtype(place["dtype"]), tuple(place["shape"])
        count = int(np.prod(shape))
        array: Any = np.frombuffer(memory, kind, count, first + place["offset"]).reshape(shape)
        if checksum(array.reshape(-1).view(np.uint8)) != place["checksum"]:
            raise _damaged(path, f"its part {name} is not what was written")
        arrays[name] = array
    return facts, arrays


def _map(path: Path, size_bytes: int) -> mmap.mmap:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        require_own(path, status)
        if status.st_size != size_bytes:
            raise _damaged(path, "it is not as long as it was written")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def require_own(path: Path, status: os.stat_result) -> None:
    """Raise `IndexFolderError` where others could have written what answers our queries."""
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
        raise IndexFolderError(
            f"{path}: others than this user may write it",
            hint="Give it to the user that runs hashmatch, with 'chmod -R go-w', or remove it: it"
            " is built again.",
        )


def checksum(data: Any) -> str:
    """Return what tells data from any that came about by accident, as 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(data)


def _damaged(path: Path, problem: str) -> DamagedIndexError:
    return DamagedIndexError(
        f"{path}: {problem}", hint="Build the index again with 'hashmatch index build'."
    )
