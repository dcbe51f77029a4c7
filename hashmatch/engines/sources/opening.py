"""Opening of sources by their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hashmatch.config import Settings, read_secret
from hashmatch.errors import InputError
from hashmatch.imaging import path_as_text

from .archive import file_version
from .folder import FolderSource
from .interface import Source
from .manifest import ManifestSource, is_manifest
from .storage import Storage, StorageSource
from .tar import TarSource, is_tar
from .zip import ZipSource


def open_sources(settings: Settings, addresses: Sequence[str]) -> list[Source]:
    """Return the sources at some addresses. Raises `ConfigError` and `InputError`."""
    storage = open_storage(settings)
    return [open_source(one, storage, settings.intake.max_bytes) for one in addresses]


def open_storage(settings: Settings) -> Storage:
    """Return the access to object storage of the settings. Raises `ConfigError`."""
    options = settings.backfill.storage_options
    secrets = settings.backfill.storage_secrets
    return Storage(
        {**options, **{name: read_secret(one) for name, one in secrets.items()}},
        settings.intake.max_bytes,
    )


def open_source(address: str, storage: Storage, max_bytes: int) -> Source:
    """Return the source at an address: a path, or the address of an object or folder of objects.

    Files whose names end as those of archives and manifests are read as such. Raises `InputError`
    where there is nothing.
    """
    if "://" in address:
        if is_manifest(address):
            open_object = partial(storage.open_file, address)
            version = partial(storage.version, address)
            return ManifestSource(address, open_object, version, storage, max_bytes, None)
        return StorageSource(address, storage)
    path = Path(address).absolute()
    if not path.exists():
        raise InputError(f"{address}: there is no such file or folder")
    if path.is_file() and is_tar(path):
        return TarSource(path, max_bytes)
    if path.is_file() and path.name.lower().endswith(".zip"):
        return ZipSource(path, max_bytes)
    if path.is_file() and is_manifest(path.name):
        name = path_as_text(path)
        version = partial(file_version, path)
        return ManifestSource(
            name, lambda: path.open("rb"), version, storage, max_bytes, path.parent
        )
    return FolderSource(path, max_bytes)
