"""Object storage: S3, Google Cloud, Azure, and any other that fsspec opens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import IO, Any, TypeVar

from hashmatch.errors import BackfillError, ConfigError, InputError
from hashmatch.outcome import Failure, Reason

from .interface import Item, Source
from .objects import FsspecObjects, Objects
from .s3 import S3Objects

_T = TypeVar("_T")

# Before each further attempt, beyond those that fsspec makes.
_PAUSES_S = (0.5, 2.0, 8.0)
# Of an address that a file system takes for that of another object.
_OF_ANOTHER = Failure(Reason.UNREADABLE, "the storage has no object of exactly that name")
_FINAL = (FileNotFoundError, IsADirectoryError, PermissionError, EOFError)


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
        # By bucket: that of another one says nothing.
        self._last_read: dict[str, str] = {}

    def open(self, address: str) -> tuple[Objects, str]:
        """Return the objects of the storage at an address, and the path in it.

        An address has one protocol: fsspec's chains of them would keep copies in files. Raises
        `ConfigError`.
        """
        protocol, _, name = address.partition("://")
        if "::" in protocol:
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
            files, _ = url_to_fs(f"{protocol}://{name.partition('/')[0]}/", **self._options)
            if "s3" in files.protocol:
                return S3Objects(files, self._max_bytes), name
            return FsspecObjects(files, self._max_bytes), str(files._strip_protocol(address))
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{address}: this kind of storage cannot be opened",
                hint="Install fsspec's package for it, such as s3fs, gcsfs or adlfs.",
            ) from error

    def open_file(self, address: str) -> IO[bytes]:
        """Open an object for reading. Raises `BackfillError`."""
        objects, path = self.open(address)
        return self._or_stop(address, partial(objects.open, path))

    def version(self, address: str) -> str:
        """Return what changes with an object. Raises `BackfillError`."""
        objects, path = self.open(address)
        return self._or_stop(address, partial(objects.version, path))

    def find(self, address: str, after: str) -> Iterator[tuple[str, str]]:
        """Yield path and version of each object under an address that follows a path, in order.

        Raises `BackfillError`.
        """
        objects, path = self.open(address)
        failures = 0
        while True:
            try:
                for found, version in objects.find(path, after):
                    failures, after = 0, found  # Where it fails, it goes on after it.
                    yield found, version
                return
            except Exception as error:
                if isinstance(error, _FINAL) or failures == len(_PAUSES_S):
                    raise _stopped(address, error) from error
                self._pause(_PAUSES_S[failures])
                failures += 1

    def load(self, address: str, path: str | None = None) -> bytes | Failure:
        """Return the bytes of an object as it is now, by its `path` where that was listed.

        Raises `BackfillError` where the storage fails or denies access, and does so for an object
        that could be read before as well: it is then no failure of the object.
        """
        objects, own_path = self.open(address)
        if path is None and not _is_own(objects, address, own_path):
            return _OF_ANOTHER
        return self._load(address, objects, own_path if path is None else path)

    def load_version(self, address: str, version: str, version_id: str) -> bytes | Failure:
        """Return the bytes of an object as `load` does, of one version where that is named.

        An object with another ETag than `version` is unreadable.
        """
        objects, path = self.open(address)
        if not _is_own(objects, address, path):
            return _OF_ANOTHER
        return self._load(address, objects, path, version=version, version_id=version_id)

    def _load(self, address: str, objects: Objects, path: str, **version: str) -> bytes | Failure:
        try:
            data = self._attempt(partial(objects.read, path, **version))
        except FileNotFoundError:
            return Failure(Reason.UNREADABLE, "there is no such object any more")
        except (IsADirectoryError, EOFError) as error:
            return Failure(Reason.UNREADABLE, str(error))
        except Exception as error:
            if not self._is_usable(address, objects, path):
                shown = f"{address.partition('://')[0]}://{path}"
                raise _stopped(shown, error) from error
            return Failure(Reason.UNREADABLE, f"the storage failed with {type(error).__name__}")
        self._last_read[_bucket(address)] = path
        return data

    def _or_stop(self, address: str, act: Callable[[], _T]) -> _T:
        try:
            return self._attempt(act)
        except Exception as error:
            raise _stopped(address, error) from error

    def _attempt(self, act: Callable[[], _T]) -> _T:
        """Return the result of an act on the storage, after some attempts where it fails."""
        for pause_s in _PAUSES_S:
            try:
                return act()
            except _FINAL:
                raise
            # Each kind of storage raises errors of its own, which have no common class.
            except Exception:  # noqa: BLE001 (raised by the last attempt)
                self._pause(pause_s)
        return act()

    def _is_usable(self, address: str, objects: Objects, path: str) -> bool:
        """Say whether the storage finds the object that was read last, or lists a folder."""
        last = self._last_read.get(_bucket(address), "")
        try:
            objects.require_usable(last or path, was_read=bool(last))
        except FileNotFoundError:  # It was asked, and answers.
            return True
        except Exception:  # noqa: BLE001 (not usable, whatever it is)
            return False
        return True


def _bucket(address: str) -> str:
    return "/".join(address.split("/", 3)[:3])


def _is_own(objects: Objects, address: str, path: str) -> bool:
    """Say whether the path of an address ends as it does: fsspec leaves out slashes."""
    if isinstance(objects, S3Objects):  # It has exact keys.
        return True
    return path.rpartition("/")[2] == address.rpartition("/")[2] != ""


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
        path = position
        for path, version in self._storage.find(self._address, position):
            address = f"{self._scheme}://{path}"
            load = partial(self._storage.load, self._address, path)
            yield Item(address, address, version, path, load)
        if not path:
            raise InputError(f"{self._address}: there is no such object or folder")

    def order(self, position: str) -> Any:
        """Return the name of the object."""
        return position

    @property
    def _scheme(self) -> str:
        return self._address.partition("://")[0]
