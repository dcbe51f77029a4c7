"""Object storage: S3, Google Cloud, Azure, and any other that fsspec opens."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import IO, Any, TypeVar

from hashmatch.errors import BackfillError, ConfigError, InputError
from hashmatch.imaging import too_large
from hashmatch.outcome import Failure, Reason

from .interface import Item, Source

_T = TypeVar("_T")

# Before each further attempt, beyond those that fsspec makes.
_PAUSES_S = (0.5, 2.0, 8.0)
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime")


class Storage:
    """Access to object storage by address, under fsspec's options for it."""

    def __init__(
        self,
        options: Mapping[str, Any],
        max_bytes: int,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options = options
        self._max_bytes = max_bytes
        self._pause = pause
        self._last_read = ""

    def open(self, address: str) -> tuple[Any, str]:
        """Return the file system of an address, and the path in it. Raises `ConfigError`.

        An address has one protocol: fsspec's chains of them would keep copies in files.
        """
        if "::" in address.partition("://")[0]:
            raise ConfigError(f"{address}: an address has one protocol, and no '::' before it")
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise ConfigError(
                "object storage needs the package fsspec",
                hint="pip install 'hashmatch[object-storage]', and fsspec's package for your"
                " storage, such as s3fs, gcsfs or adlfs.",
            ) from error
        try:
            # Of the name of an object, fsspec would take "::" for a chain, too.
            protocol, _, name = address.partition("://")
            storage, _ = url_to_fs(f"{protocol}://{name.partition('/')[0]}/", **self._options)
            path = str(storage._strip_protocol(address))
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{address}: this kind of storage cannot be opened",
                hint="Install fsspec's package for it, such as s3fs, gcsfs or adlfs.",
            ) from error
        return storage, path

    def open_file(self, address: str) -> IO[bytes]:
        """Open an object for reading. Raises `BackfillError`."""
        storage, path = self.open(address)
        try:
            # fsspec's own file reads lines of any length.
            return io.BufferedReader(self._attempt(lambda: storage.open(path, "rb")))
        except Exception as error:
            raise _stopped(address, error) from error

    def version(self, address: str) -> str:
        """Return what changes with an object. Raises `BackfillError`."""
        storage, path = self.open(address)
        storage.invalidate_cache()
        try:
            return _version(self._attempt(partial(storage.info, path)))
        except Exception as error:
            raise _stopped(address, error) from error

    def find(self, address: str) -> dict[str, Any]:
        """Return the facts of each object under an address by path. Raises `BackfillError`."""
        storage, path = self.open(address)
        storage.invalidate_cache()
        try:
            found: dict[str, Any] = self._attempt(partial(_find, storage, path))
        except FileNotFoundError:
            return {}
        except Exception as error:
            raise _stopped(address, error) from error
        return found

    def load(self, address: str, path: str | None = None) -> bytes | Failure:
        """Return the bytes of an object as it is now, by its `path` where that was listed.

        Raises `BackfillError` where the storage fails or denies access, and does so for an object
        that could be read before as well: it is then no failure of the object.
        """
        storage, own_path = self.open(address)
        path = own_path if path is None else path
        shown = f"{address.partition('://')[0]}://{path}"
        read = partial(self._read, storage, path)
        try:
            data = self._attempt(read)
        except FileNotFoundError:
            return Failure(Reason.UNREADABLE, "there is no such object any more")
        except (IsADirectoryError, EOFError) as error:
            return Failure(Reason.UNREADABLE, str(error))
        except Exception as error:
            if not self._is_usable(storage, path):
                raise _stopped(shown, error) from error
            return Failure(Reason.UNREADABLE, f"the storage failed with {type(error).__name__}")
        self._last_read = path
        return data

    def _attempt(self, act: Callable[[], _T]) -> _T:
        """Return the result of an act on the storage, after some attempts where it fails."""
        for pause_s in _PAUSES_S:
            try:
                return act()
            except (FileNotFoundError, IsADirectoryError, PermissionError):
                raise
            # Each kind of storage raises errors of its own, which have no common class.
            except Exception:  # noqa: BLE001 (raised by the last attempt)
                self._pause(pause_s)
        return act()

    def _is_usable(self, storage: Any, path: str) -> bool:
        """Say whether the storage finds the object that was read last, or lists a folder."""
        try:
            storage.invalidate_cache()
            if self._last_read:
                storage.info(self._last_read)
            else:
                storage.ls(path.rpartition("/")[0], detail=False)
        except FileNotFoundError:  # It was asked, and answers.
            return True
        except Exception:  # noqa: BLE001 (not usable, whatever it is)
            return False
        return True

    def _read(self, storage: Any, path: str) -> bytes | Failure:
        storage.invalidate_cache()  # It would answer what it listed before.
        facts = storage.info(path)
        size = facts.get("size")
        if facts.get("type") == "directory":
            raise IsADirectoryError("a folder, not an object")
        if size == 0:
            return b""
        if size is not None and size > self._max_bytes:
            return too_large(self._max_bytes)
        if size is None:  # One byte more than is permitted, to notice it.
            data: bytes = storage.cat_file(path, start=0, end=self._max_bytes + 1)
            return data if len(data) <= self._max_bytes else too_large(self._max_bytes)
        data = storage.cat_file(path)
        if len(data) != size:
            raise EOFError("the storage sent another number of bytes than the object has")
        return data


def _find(storage: Any, path: str) -> dict[str, Any]:
    """Return all objects below a path; a folder that cannot be listed raises."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    if isinstance(storage, AsyncFileSystem):
        is_inherited = type(storage)._find is AsyncFileSystem._find
    else:
        is_inherited = type(storage).find is AbstractFileSystem.find
    if not is_inherited:
        found: dict[str, Any] = storage.find(path, detail=True)
        return found
    # The one that most file systems inherit leaves out folders that it cannot list.
    found, waiting = {}, [path.rstrip("/")]
    while waiting:
        folder = waiting.pop()
        for facts in storage.ls(folder, detail=True):
            if facts["type"] == "directory" and facts["name"].rstrip("/") != folder:
                waiting.append(facts["name"].rstrip("/"))
            elif facts["type"] != "directory":
                found[facts["name"]] = facts
    return found


def _stopped(address: str, error: Exception) -> BackfillError:
    hint = "Start the back-fill again later: it goes on where it was."
    if isinstance(error, PermissionError):
        hint = "Check the credentials, and start the back-fill again: it goes on where it was."
        return BackfillError(f"{address}: the storage denies access", hint=hint)
    if isinstance(error, FileNotFoundError):
        return BackfillError(f"{address}: there is no such object or bucket")
    # Its message may quote keys.
    return BackfillError(f"{address}: the storage failed with {type(error).__name__}", hint=hint)


class StorageSource(Source):
    """All objects whose addresses begin with that of a folder, or one object."""

    def __init__(self, address: str, storage: Storage) -> None:
        self._address = address
        self._storage = storage

    @property
    def name(self) -> str:
        """Address of the folder or object."""
        return self._address

    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the objects in the order of their names."""
        for path, version in self._found:
            if path > position:
                address = f"{self._scheme}://{path}"
                load = partial(self._storage.load, self._address, path)
                yield Item(address, address, version, path, load)

    def order(self, position: str) -> Any:
        """Return the name of the object."""
        return position

    @property
    def _scheme(self) -> str:
        return self._address.partition("://")[0]

    @cached_property
    def _found(self) -> list[tuple[str, str]]:
        """Path and version of each object, listed once: fsspec cannot begin in the middle."""
        found = self._storage.find(self._address)
        if not found:
            raise InputError(f"{self._address}: there is no such object or folder")
        return sorted((path, _version(facts)) for path, facts in found.items())


def _version(facts: Mapping[str, Any]) -> str:
    known = [str(facts[name]) for name in _VERSIONS if facts.get(name)]
    return " ".join([*known[:1], str(facts.get("size", ""))])
