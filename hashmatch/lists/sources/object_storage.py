"""Source for lists in object storage: S3, Google Cloud, Azure, and any other that fsspec opens."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Mapping
from typing import Any

from hashmatch.config import MappingSettings
from hashmatch.errors import ConfigError, HashmatchError, SourceError

from ..formats import ListFormat
from .file import is_delivery
from .interface import Checkpoint, Fetch, ListSource
from .verified import Digest, open_delivery, parse_checksum_file

_BLOCK_BYTES = 4 << 20


class ObjectStorageSource(ListSource):
    """An object, or the last object by name in a folder (an address that ends in "/").

    `options` are those of fsspec for the kind of storage. Where there is an object with the same
    name and the suffix `.sha256`, the content has to match its checksum.
    """

    def __init__(
        self,
        url: str,
        options: Mapping[str, Any],
        find_format: Callable[[str], ListFormat],
        mapping: MappingSettings | None = None,
    ) -> None:
        self._url = url
        self._options = options
        self._find_format = find_format
        self._mapping = mapping

    @property
    def name(self) -> str:
        """Return the address of the object or folder."""
        return self._url

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the object, unless it is unchanged since the checkpoint."""
        try:
            storage, path = self._open_storage()
            if self._url.endswith("/"):
                path = self._newest(storage, path)
            version = _read_version(storage, path)
            # Path and size alone do not show that the content is the same.
            if dict(checkpoint) == version and version.keys() != {"path", "size"}:
                return
            digest = _read_digest(storage, path)
            with (
                storage.open(path, "rb", block_size=_BLOCK_BYTES) as stream,
                open_delivery(
                    _Reader(stream, self._explain),
                    path,
                    self._find_format,
                    self._mapping,
                    digest=digest,
                    at_end=lambda: self._require_unchanged(storage, path, version),
                ) as delivery,
            ):
                yield Fetch(delivery, version)
        except HashmatchError:
            raise
        # Each kind of storage raises errors of its own, which have no common class.
        except Exception as error:
            raise self._explain(error) from error

    def _open_storage(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise ConfigError(
                "lists in object storage need the package fsspec",
                hint="pip install 'hashmatch[object-storage]', and fsspec's package for your"
                " storage, such as s3fs, gcsfs or adlfs.",
            ) from error
        try:
            storage, path = url_to_fs(self._url, **self._options)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{self._url}: this kind of storage cannot be opened",
                hint="Install fsspec's package for it, such as s3fs, gcsfs or adlfs.",
            ) from error
        # fsspec shares its instances, and a cached listing would hide a new delivery.
        storage.invalidate_cache()
        return storage, path

    def _newest(self, storage: Any, folder: str) -> str:
        names = [one["name"] for one in storage.ls(folder, detail=True) if one["type"] == "file"]
        names = [one for one in names if is_delivery(one.rpartition("/")[2])]
        if not names:
            raise SourceError(f"{self._url}: there is no object in the folder")
        return str(max(names))

    def _require_unchanged(self, storage: Any, path: str, version: Mapping[str, str]) -> None:
        storage.invalidate_cache()
        if _read_version(storage, path) != version:
            raise SourceError(f"{self._url}: the object changed while it was read")

    def _explain(self, error: Exception) -> SourceError:
        """Return our own error for one of the storage, whose message may quote its keys."""
        if isinstance(error, FileNotFoundError):
            return SourceError(f"{self._url}: there is no such object or bucket")
        if isinstance(error, PermissionError):
            return SourceError(f"{self._url}: the storage denies access; check the credentials")
        return SourceError(
            f"{self._url}: the storage failed with {type(error).__name__}",
            hint="The next sync tries again.",
        )


class _Reader(io.RawIOBase):
    """Stream of an object that raises our own errors."""

    def __init__(self, stream: Any, explain: Callable[[Exception], SourceError]) -> None:
        self._stream = stream
        self._explain = explain

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except Exception as error:
            raise self._explain(error) from error
        buffer[: len(data)] = data
        return len(data)


def _read_version(storage: Any, path: str) -> dict[str, str]:
    """Return the facts that distinguish this content of an object from earlier ones."""
    facts = storage.info(path)
    # Each kind of storage has names of its own for them.
    named = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime")
    version = {name: str(facts[name]) for name in (*named, "created", "size") if facts.get(name)}
    return {"path": path, **version}


def _read_digest(storage: Any, path: str) -> Digest | None:
    checksum_path = f"{path}.sha256"
    if not storage.exists(checksum_path):
        return None
    # A checksum and a file name fit; the limit bounds the memory.
    text = storage.cat_file(checksum_path, start=0, end=1_000)
    return parse_checksum_file(text.decode("ascii", "replace"), checksum_path)
