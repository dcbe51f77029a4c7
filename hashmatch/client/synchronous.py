"""Synchronous client."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import tenacity

from hashmatch.closing import Closing

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


class Client(Closing):
    """Synchronous client of the service at `url`. Safe to use from many threads.

    Close it at the end. Transient failures are retried, and the answer to the last attempt counts.
    A failure never looks like a clear image: it is a `Verdict` with the status unscreened, or an
    exception. `verify` is passed to httpx, and selects the certificates to trust.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 30.0,
        retrying: Retrying | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._client = httpx.Client(**client_options(url, token, timeout_s, verify))
        self._attempts = tenacity.Retrying(**(retrying or Retrying()).options())

    def scan(self, data: bytes | bytearray, *, content_id: str, reference: str = "") -> Verdict:
        """Return the verdict on an image. Raises `InputError` and `ServiceError`."""
        return read_scan(self._send(scan_request(data, content_id, reference)), content_id)

    def lookup(self, queries: Sequence[HashQuery]) -> list[Verdict]:
        """Return the verdicts on hashes, in their order. Raises `InputError`, `ServiceError`."""
        return [
            verdict
            for part, request in lookup_requests(queries)
            for verdict in read_lookup(self._send(request), part)
        ]

    def send_details(self, match_id: str, details: Mapping[str, Any]) -> None:
        """Send the uploader details of a match, which replace earlier ones.

        Their shape is in docs/reference/http.md. Raises `InputError` and `ServiceError`.
        """
        require_success(self._send(details_request(match_id, details)))

    def is_ready(self) -> bool:
        """Say whether the service can screen at this moment; asks once, without retries."""
        try:
            return self._client.get("/readyz").status_code == httpx.codes.OK
        except httpx.RequestError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, request: dict[str, Any]) -> httpx.Response:
        # A copy, since it holds the state of one call, and calls may run at the same time.
        return self._attempts.copy()(self._client.request, **request)
