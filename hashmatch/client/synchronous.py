"""The client that waits for its answers."""

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


class Client:
    """Asks a service at `url` with a token. Safe to use from many threads; close it at the end.

    What may pass by itself is tried again; what the last attempt said counts. No failure is ever a
    verdict: it is `Verdict` with the status unscreened, or an exception. `verify` is what httpx
    takes for the certificates to trust.
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
        return read_scan(self._ask(scan_request(data, content_id, reference)), content_id)

    def lookup(self, queries: Sequence[HashQuery]) -> list[Verdict]:
        """Return the verdicts on hashes, in their order. Raises `InputError`, `ServiceError`."""
        return [
            verdict
            for part, request in lookup_requests(queries)
            for verdict in read_lookup(self._ask(request), part)
        ]

    def tell_details(self, match_id: str, details: Mapping[str, Any]) -> None:
        """Tell who uploaded what matched, as the README says, in place of what was told before.

        Raises `InputError` and `ServiceError`.
        """
        read_done(self._ask(details_request(match_id, details)))

    def is_ready(self) -> bool:
        """Say whether the service can screen at this moment; asks once."""
        try:
            return self._client.get("/readyz").status_code == httpx.codes.OK
        except httpx.RequestError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: dict[str, Any]) -> httpx.Response:
        return self._attempts.copy()(self._client.request, **request)
