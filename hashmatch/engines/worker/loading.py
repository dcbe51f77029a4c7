"""Loading of uploads from where messages say they are, if that is on an allow list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from hashmatch.config import Settings
from hashmatch.errors import AddressError, BackfillError, FetchError, FileTooLargeError, UploadError
from hashmatch.imaging import too_large
from hashmatch.outbound import Fetcher
from hashmatch.outcome import Failure

from ..sources import Storage, open_storage
from .events import UploadEvent

# Before further attempts to fetch a file by HTTP; those of storage are its own.
_PAUSES_S = (0.5, 2.0, 8.0)
_TIMEOUT_S = 60.0


class Loader:
    """Loader of uploads into memory. Safe to use from many threads."""

    def __init__(
        self,
        fetcher: Fetcher,
        storage: Storage,
        permitted: Sequence[str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take how to load; addresses in storage begin with one of those that are `permitted`."""
        self._fetcher = fetcher
        self._storage = storage
        self._permitted = tuple(permitted)
        self._pause = pause

    def load(self, event: UploadEvent) -> bytes | Failure:
        """Return the bytes of an upload, or what is wrong with it.

        Raises `UploadError` where it cannot be loaded, which may be the fault of something else,
        or may not be.
        """
        scheme, _, path = event.address.partition("://")
        if scheme.lower() in ("http", "https"):
            return self._fetch(event.address)
        # Servers and clients may resolve these steps, and read another object then.
        if {".", ".."} & set(path.split("/")) or not event.address.startswith(self._permitted):
            raise UploadError(
                "its address is not on the allow list",
                hint="worker.storage and worker.fetch_hosts name where uploads may be.",
            )
        try:
            return self._storage.load_version(event.address, event.version, event.version_id)
        except BackfillError as error:
            raise UploadError(error.message) from error

    def _fetch(self, url: str) -> bytes | Failure:
        for pause_s in (*_PAUSES_S, None):
            try:
                return self._fetcher.fetch(url, lambda _size: None).data
            except FileTooLargeError:
                return too_large(self._fetcher.max_bytes)
            except AddressError as error:
                raise UploadError(
                    "its address is not on the allow list",
                    hint="worker.fetch_hosts names the hosts.",
                ) from error
            except FetchError as error:
                if pause_s is None:
                    raise UploadError(error.message) from error
                self._pause(pause_s)
        raise AssertionError


def open_loader(settings: Settings, pause: Callable[[float], None]) -> Loader:
    """Return the loader of the settings. Raises `ConfigError`."""
    worker = settings.worker
    fetcher = Fetcher(
        hosts=frozenset(worker.fetch_hosts),
        private_hosts=settings.outbox.private_hosts,
        timeout_s=_TIMEOUT_S,
        max_bytes=settings.intake.max_bytes,
    )
    return Loader(fetcher, open_storage(settings), worker.storage, pause)
