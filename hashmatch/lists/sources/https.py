"""Lists that are files on a web server."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Generator
from typing import Any

import httpx

from hashmatch.config import MappingSettings
from hashmatch.errors import SourceError

from ..delivery import Delivery
from ..formats import ListFormat
from .interface import Checkpoint, Fetch, ListSource
from .verified import read_digest_header, read_rows
from .web import ATTEMPTS, Web, describe, open_client

# A body that drips must not hold up a list for ever.
_MOST_SECONDS = 4 * 3600


class HTTPSSource(ListSource):
    """A file that is fetched where its ETag, or else its date, is another than the last time."""

    def __init__(
        self,
        url: str,
        find_format: Callable[[str], ListFormat],
        mapping: MappingSettings | None = None,
        *,
        auth: tuple[str, str] | None = None,
        ca_file: str = "",
        timeout_s: float = 60.0,
        wait_s: float = 1.0,
    ) -> None:
        self._url = url
        self._find_format = find_format
        self._mapping = mapping
        self._auth = auth
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._wait_s = wait_s

    @property
    def name(self) -> str:
        """What to call the source in records: without what a query may hold."""
        return str(httpx.URL(self._url).copy_with(query=None, fragment=None))

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the file, unless the server says that it is the one of the checkpoint."""
        known = {name: str(checkpoint[name]) for name in ("etag", "modified") if name in checkpoint}
        client = open_client(
            self._url, timeout_s=self._timeout_s, auth=self._auth, ca_file=self._ca_file
        )
        with client:
            web = Web(self._url, client, wait_s=self._wait_s)
            with _Body(web, self._url, known) as body:
                if body.is_unchanged:
                    return
                list_format = self._find_format(httpx.URL(self._url).path)
                items = read_rows(body, list_format, self._mapping, body.digest)
                yield Fetch(Delivery(items, list_format.unit), body.checkpoint)


class _Body(io.RawIOBase):
    """A body as a stream, which goes on where it was when its connection breaks."""

    def __init__(self, web: Web, url: str, known: dict[str, str]) -> None:
        self._web = web
        self._url = url
        self._offset = 0
        self._rest = b""
        self._fruitless = 0
        self._end_s = time.monotonic() + _MOST_SECONDS
        headers = {"If-None-Match": known["etag"]} if "etag" in known else {}
        if "modified" in known and not headers:
            headers["If-Modified-Since"] = known["modified"]
        self._response = response = self._ask(headers)
        self.is_unchanged = response.status_code == 304
        etag = response.headers.get("ETag", "")
        modified = response.headers.get("Last-Modified", "")
        self.checkpoint = {"etag": etag} if etag else {"modified": modified} if modified else {}
        self.digest = read_digest_header(response.headers)
        self._chunks = response.iter_raw()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            if time.monotonic() > self._end_s:
                raise SourceError("the file took hours to fetch")
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
            except httpx.TransportError as error:
                self._go_on(error)
        given = self._rest[: len(buffer)]
        self._rest = self._rest[len(given) :]
        self._offset += len(given)
        self._fruitless = 0
        buffer[: len(given)] = given
        return len(given)

    def close(self) -> None:
        self._response.close()
        super().close()

    def _ask(self, headers: dict[str, str]) -> httpx.Response:
        response = self._web.get(self._url, headers)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceError("the server packs the file, though it was asked not to")
        is_measured = {"content-length", "transfer-encoding"} & set(response.headers)
        if response.status_code != 304 and not is_measured:
            # What ends with its connection may as well have broken off.
            raise SourceError("the server does not say where the file ends")
        return response

    def _go_on(self, error: httpx.TransportError) -> None:
        """Ask for the rest of the file, and of the same one."""
        self._fruitless += 1
        etag = self.checkpoint.get("etag", "")
        if self._fruitless >= ATTEMPTS or not etag or etag.startswith("W/"):
            raise SourceError(
                f"the file broke off: {describe(error)}", hint="The next sync tries again."
            ) from error
        self._response.close()
        self._response = response = self._ask({"Range": f"bytes={self._offset}-", "If-Range": etag})
        is_rest = response.headers.get("Content-Range", "").startswith(f"bytes {self._offset}-")
        if response.status_code != 206 or not is_rest or response.headers.get("ETag") != etag:
            raise SourceError(
                "the file broke off, and the server now gives another, or not its rest",
                hint="The next sync tries again.",
            ) from error
        self._chunks = response.iter_raw()
