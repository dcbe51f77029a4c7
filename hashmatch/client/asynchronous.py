"""The client for event loops; it is the other one with `await`."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import tenacity

from .verdicts import HashQuery, Verdict
from .wire import (
    Retrying,
    client_options,
    details_request,
    lookup_requests,
    read_done,
    read_lookup,
    read_scan,
    scan_request,
)


class AsyncClient:
    """Asks a service at `url` with a token, like `Client`; close it at the end."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 30.0,
        retrying: Retrying | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._client = httpx.AsyncClient(**client_options(url, token, timeout_s, verify))
        self._attempts = tenacity.AsyncRetrying(**(retrying or Retrying()).options())

    async def scan(
        self, data: bytes | bytearray, *, content_id: str, reference: str = ""
    ) -> Verdict:
        """Return the verdict on an image. Raises `InputError` and `ServiceError`."""
        return read_scan(await self._ask(scan_request(data, content_id, reference)), content_id)

    async def lookup(self, queries: Sequence[HashQuery]) -> list[Verdict]:
        """Return the verdicts on hashes, in their order. Raises `InputError`, `ServiceError`."""
        verdicts: list[Verdict] = []
        for part, request in lookup_requests(queries):
            verdicts += read_lookup(await self._ask(request), part)
        return verdicts

    async def tell_details(self, match_id: str, details: Mapping[str, Any]) -> None:
        """Tell who uploaded what matched, as the README says, in place of what was told before.

        Raises `InputError` and `ServiceError`.
        """
        read_done(await self._ask(details_request(match_id, details)))

    async def is_ready(self) -> bool:
        """Say whether the service can screen at this moment; asks once."""
        try:
            return (await self._client.get("/readyz")).status_code == httpx.codes.OK
        except httpx.RequestError:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, request: dict[str, Any]) -> httpx.Response:
        return await self._attempts.copy()(self._client.request, **request)
