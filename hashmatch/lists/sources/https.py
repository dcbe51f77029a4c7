"""Source for lists that are files on a web server."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Generator
from typing import Any

import httpx

from hashmatch.config import MappingSettings
from hashmatch.errors import SourceError

from ..formats import ListFormat
from .interface import Checkpoint, Fetch, ListSource
from .verified import open_delivery, read_digest_header
from .web import ATTEMPTS, Web, describe, open_client

# A server that sends a few bytes at a time must not block a list for ever.
_MAX_FETCH_S = 4 * 3600


class HTTPSSource(ListSource):
    """A file that is fetched when its ETag, or without one its date, has changed."""

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
        """Return the address without its query, which may hold a secret."""
        return str(httpx.URL(self._url).copy_with(query=None, fragment=None))

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the file, unless the server reports it unchanged since the checkpoint."""
        known = {name: str(checkpoint[name]) for name in ("etag", "modified") if name in checkpoint}
        client = open_client(
            self._url, timeout_s=self._timeout_s, auth=self._auth, ca_file=self._ca_file
        )
        with client:
            web = Web(self._url, client, wait_s=self._wait_s)
            with _Body(web, self._url, known) as body:
                if body.is_unchanged:
                    return
                path = httpx.URL(self._url).path
                with open_delivery(
                    body, path, self._find_format, self._mapping, digest=body.digest
                ) as delivery:
                    yield Fetch(delivery, body.checkpoint)


class _Body(io.RawIOBase):
    """Body of a response as a stream, which resumes where it was after a broken connection."""

    def __init__(self, web: Web, url: str, known: dict[str, str]) -> None:
        self._web = web
        self._url = url
        self._offset = 0
        self._buffered = b""
        self._failures = 0
        self._deadline_s = time.monotonic() + _MAX_FETCH_S
        headers = {"If-None-Match": known["etag"]} if "etag" in known else {}
        if "modified" in known and not headers:
            headers["If-Modified-Since"] = known["modified"]
        self._response = response = self._request(headers)
        self.is_unchanged = response.status_code == 304
        etag = response.headers.get("ETag", "")
        modified = response.headers.get("Last-Modified", "")
        self.checkpoint = {"etag": etag} if etag else {"modified": modified} if modified else {}
        self.digest = read_digest_header(response.headers)
        self._chunks = response.iter_raw()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._buffered:
            if time.monotonic() > self._deadline_s:
                raise SourceError(f"the fetch took more than {_MAX_FETCH_S // 3600} hours")
            try:
                self._buffered = next(self._chunks)
            except StopIteration:
                return 0
            except httpx.TransportError as error:
                self._resume(error)
        piece = self._buffered[: len(buffer)]
        self._buffered = self._buffered[len(piece) :]
        self._offset += len(piece)
        # Only failures in a row count: each byte is progress.
        self._failures = 0
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._response.close()
        super().close()

    def _request(self, headers: dict[str, str]) -> httpx.Response:
        response = self._web.get(self._url, headers)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceError("the server compresses the file although the request forbids it")
        has_length = {"content-length", "transfer-encoding"} & set(response.headers)
        if response.status_code != 304 and not has_length:
            # A body that ends with its connection cannot be distinguished from a truncated one.
            raise SourceError("the response gives no length, so that truncation would go unnoticed")
        return response

    def _resume(self, error: httpx.TransportError) -> None:
        """Request the rest of the file, provided that it is still the same file."""
        self._failures += 1
        etag = self.checkpoint.get("etag", "")
        # A weak ETag does not promise equal bytes (RFC 9110, section 8.8.1).
        if self._failures >= ATTEMPTS or not etag or etag.startswith("W/"):
            raise SourceError(
                f"the file is truncated: {describe(error)}", hint="The next sync tries again."
            ) from error
        self._response.close()
        headers = {"Range": f"bytes={self._offset}-", "If-Range": etag}
        self._response = response = self._request(headers)
        is_rest = response.headers.get("Content-Range", "").startswith(f"bytes {self._offset}-")
        if response.status_code != 206 or not is_rest or response.headers.get("ETag") != etag:
            raise SourceError(
                "the file is truncated, and the server did not return the rest of it",
                hint="The next sync tries again.",
            ) from error
        self._chunks = response.iter_raw()
