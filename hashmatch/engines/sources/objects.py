"""Objects of storage by their paths: bucket and key, as fsspec writes them."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import IO, Any

from hashmatch.imaging import too_large
from hashmatch.outcome import Failure

_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime")


class Objects(ABC):
    """Objects of one kind of storage. Each raises errors of its own, most of them `OSError`."""

    @abstractmethod
    def find(self, path: str, after: str) -> Iterator[tuple[str, str]]:
        """Yield path and version of the object, or all below the folder, that follow a path.

        They come in the order of their paths, and none where there is nothing.
        """

    @abstractmethod
    def read(self, path: str, version: str = "", version_id: str = "") -> bytes | Failure:
        """Return the bytes of an object as it is now, up to the most that are permitted.

        With a `version_id`, those of that version. Raises `FileNotFoundError` where there is none,
        `IsADirectoryError` for a folder, and `EOFError` where its bytes are not complete, or it is
        not the one that was asked for, or has another ETag than `version`.
        """

    @abstractmethod
    def open(self, path: str) -> IO[bytes]:
        """Open an object for reading."""

    @abstractmethod
    def version(self, path: str) -> str:
        """Return what changes with an object."""

    @abstractmethod
    def require_usable(self, path: str, *, was_read: bool) -> None:
        """Raise unless the storage answers for an object that was read, or for its folder."""


class FsspecObjects(Objects):
    """Objects that a file system of fsspec shows."""

    def __init__(self, files: Any, max_bytes: int) -> None:
        self._files = files
        self._max_bytes = max_bytes

    def find(self, path: str, after: str) -> Iterator[tuple[str, str]]:
        """List them all, since fsspec cannot begin in the middle."""
        self._files.invalidate_cache()
        try:
            found = _find(self._files, path)
        except FileNotFoundError:
            return
        for one in sorted(found):
            if one > after:
                yield one, version_of(found[one])

    def read(self, path: str, version: str = "", version_id: str = "") -> bytes | Failure:
        """Read an object by its size, which has to be that of its bytes."""
        self._files.invalidate_cache()  # It would answer what it listed before.
        more = {"version_id": version_id} if version_id else {}
        facts = self._files.info(path, **more)
        # Of some names a file system takes a part for something else.
        if str(facts.get("name", path)).lstrip("/") != path.lstrip("/"):
            raise EOFError("the storage has it under another name")
        if facts.get("type") == "directory":
            raise IsADirectoryError("a folder, not an object")
        require_version(version, version_of(facts).partition(" ")[0])
        size = facts.get("size")
        if size == 0:
            return b""
        if size is not None and size > self._max_bytes:
            return too_large(self._max_bytes)
        if size is None:  # One byte more than is permitted, to notice it.
            data: bytes = self._files.cat_file(path, start=0, end=self._max_bytes + 1, **more)
            return data if len(data) <= self._max_bytes else too_large(self._max_bytes)
        data = self._files.cat_file(path, **more)
        require_complete(data, size)
        return data

    def open(self, path: str) -> IO[bytes]:
        """Open an object; fsspec's own file reads lines of any length."""
        return io.BufferedReader(self._files.open(path, "rb"))

    def version(self, path: str) -> str:
        """Return the ETag of an object, or what else there is, and its size."""
        self._files.invalidate_cache()
        return version_of(self._files.info(path))

    def require_usable(self, path: str, *, was_read: bool) -> None:
        """Ask for the object, or list its folder."""
        self._files.invalidate_cache()
        if was_read:
            self._files.info(path)
        else:
            self._files.ls(path.rpartition("/")[0], detail=False)


def version_of(facts: Mapping[str, Any]) -> str:
    """Return what changes with an object, from the facts about it."""
    known = [str(facts[name]) for name in _VERSIONS if facts.get(name)]
    return " ".join([*known[:1], str(facts.get("size", ""))])


def require_complete(data: bytes, size: int) -> None:
    """Raise `EOFError` unless these are so many bytes."""
    if len(data) != size:
        raise EOFError("the storage sent another number of bytes than the object has")


def require_version(expected: str, actual: str) -> None:
    """Raise `EOFError` where an object has another ETag than is expected."""
    if expected and expected.strip('"') != actual.strip('"'):
        raise EOFError("the object was exchanged before it was read")


def _find(files: Any, path: str) -> dict[str, Any]:
    """Return all objects below a path; a folder that cannot be listed raises."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    if isinstance(files, AsyncFileSystem):
        is_inherited = type(files)._find is AsyncFileSystem._find
    else:
        is_inherited = type(files).find is AbstractFileSystem.find
    if not is_inherited:
        found: dict[str, Any] = files.find(path, detail=True)
        return found
    # The one that most file systems inherit leaves out folders that it cannot list.
    found, waiting = {}, [path.rstrip("/")]
    while waiting:
        folder = waiting.pop()
        for facts in files.ls(folder, detail=True):
            if facts["type"] == "directory" and facts["name"].rstrip("/") != folder:
                waiting.append(facts["name"].rstrip("/"))
            elif facts["type"] != "directory":
                found[facts["name"]] = facts
    return found
