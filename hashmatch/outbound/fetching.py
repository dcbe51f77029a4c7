"""Fetching of files from the hosts that are named for it, into memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from hashmatch.errors import AddressError, FetchError, FileTooLargeError, OutboxError

from .addresses import find_address
from .requests import open_exchange, quieten_client

_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
# Nothing here decompresses: a small answer could become a large file.
_HEADERS = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file and its content type, as its server gives it."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetcher of files from `hosts`, each a host name or HOST:PORT, over redirects, too.

    Without a port only the usual one is permitted; hosts with private addresses, and http, only
    where `private_hosts` names the host. `timeout_s` is for the complete exchange.
    """

    hosts: Collection[str]
    private_hosts: Collection[str]
    timeout_s: float
    max_bytes: int

    def fetch(self, url: str, take: Callable[[int], None]) -> FetchedFile:
        """Return the file at a URL.

        `take` is called with the size of each piece before it is stored, and may raise. Raises
        `AddressError` where the URL leads to a host that is not permitted, and `FetchError`.
        """
        quieten_client()
        try:
            parsed = httpx.URL(url)
            self.require_permitted(parsed)
            return asyncio.run(self._follow(parsed, take))
        except httpx.InvalidURL as error:
            raise FetchError("Invalid or unsafe URL provided") from error
        except TimeoutError as error:
            raise _failed(f"no complete answer within {self.timeout_s:g} s") from error
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise _failed(f"no answer ({type(error).__name__})") from error

    def require_permitted(self, url: httpx.URL) -> None:
        """Raise `AddressError` unless the host and port of a URL are among the named ones.

        Raises `FetchError` for a URL that has no host, or has a user name.
        """
        if url.scheme not in _PORTS or not url.host or url.userinfo:
            raise FetchError("Invalid or unsafe URL provided")
        # In ASCII and lower case, and without the usual port of the scheme.
        host = url.netloc.decode()
        usual = f"{host}:{_PORTS[url.scheme]}"
        if host not in self.hosts and (url.port is not None or usual not in self.hosts):
            raise AddressError(
                "files are not fetched from this host",
                hint="service.fetch_hosts names the hosts; or send the file in the body.",
            )

    async def _follow(self, url: httpx.URL, take: Callable[[int], None]) -> FetchedFile:
        async with asyncio.timeout(self.timeout_s):
            for _ in range(_MAX_REDIRECTS + 1):
                self.require_permitted(url)
                # In a thread, since a name server may be slow.
                address = await asyncio.to_thread(self._address, url)
                async with open_exchange("GET", url, address, headers=_HEADERS) as response:
                    location = response.headers.get("Location", "")
                    if response.status_code not in _REDIRECTS or not location:
                        return await self._read(response, take)
                    url = url.join(location)
            raise _failed("too many redirects")

    def _address(self, url: httpx.URL) -> str:
        try:
            return find_address(url, self.private_hosts)
        except AddressError:
            raise
        except OutboxError as error:
            raise _failed(error.message) from error

    async def _read(self, response: httpx.Response, take: Callable[[int], None]) -> FetchedFile:
        # Any other success has a part of a file, or none.
        if response.status_code != HTTPStatus.OK:
            raise _failed(f"the answer has the status {response.status_code}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _failed("the answer is encoded")
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > self.max_bytes:
                raise FileTooLargeError("Content too large")
            take(len(piece))
            pieces.append(piece)
        return FetchedFile(b"".join(pieces), response.headers.get("Content-Type", ""))


def _failed(cause: str) -> FetchError:
    # The words of HMA, whose clients may look for them.
    return FetchError(f"Failed to fetch URL: {cause}")
