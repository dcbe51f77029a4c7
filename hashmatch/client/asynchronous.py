"""Asynchronous client: the same calls as the synchronous one, to be awaited."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import tenacity

from hashmatch.closing import AsyncClosing

from .requests import (
    Retrying,
    client_options,
    details_request,
    lookup_requests,
    read_lookup,
    read_scan,
    require_success,
    scan_request,
)
from .verdicts import HashQuery, Verdict


class AsyncClient(AsyncClosing):
    """Asynchronous client of the service at `url`; see `Client`. Close it at the end."""

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
        return read_scan(await self._send(scan_request(data, content_id, reference)), content_id)

    async def lookup(self, queries: Sequence[HashQuery]) -> list[Verdict]:
        """Return the verdicts on hashes, in their order. Raises `InputError`, `ServiceError`."""
        verdicts: list[Verdict] = []
        for part, request in lookup_requests(queries):
            verdicts += read_lookup(await self._send(request), part)
        return verdicts

    async def send_details(self, match_id: str, details: Mapping[str, Any]) -> None:
        """Send the uploader details of a match, which replace earlier ones.

        Their shape is in docs/reference/http.md. Raises `InputError` and `ServiceError`.
        """
        require_success(await self._send(details_request(match_id, details)))

    async def is_ready(self) -> bool:
        """Say whether the service can screen at this moment; asks once, without retries."""
        try:
            return (await self._client.get("/readyz")).status_code == httpx.codes.OK
        except httpx.RequestError:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, request: dict[str, Any]) -> httpx.Response:
        # A copy, since it holds the state of one call, and calls may run at the same time.
        return await self._attempts.copy()(self._client.request, **request)
