"""Requests to list servers: with retries and limits, and never redirected to another host."""

from __future__ import annotations

import ipaddress
import json
import logging
import ssl
from collections.abc import Callable, Set
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
import tenacity

from hashmatch._version import __version__
from hashmatch.errors import (
    ConfigError,
    ListFileError,
    SourceError,
    SourceExpiredError,
    SourceRefusedError,
)

ATTEMPTS = 5
# Requested again at each sync, since a server may record an entry a little late.
OVERLAP = timedelta(minutes=15)
Parsed = TypeVar("Parsed")
_MAX_PAGE_BYTES = 64 << 20
_MAX_REFUSAL_BYTES = 1 << 16
_MAX_REDIRECTS = 5
_MAX_WAIT_S = 60.0
# Statuses of a response with a list, and of feedback that was accepted.
_READABLE, _ACCEPTED = frozenset({200, 206, 304}), frozenset({200, 201, 202, 204})
# Statuses after which another attempt may succeed, and statuses that call for an operator.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSED = frozenset({400, 401, 403, 404, 405})
_GONE = 410


class _TransientError(Exception):
    """Failure after which another attempt may succeed; it never leaves this file."""

    def __init__(self, message: str, *, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Web:
    """One server; its certificate is verified, and redirects to another host are refused.

    `wait_s` is the wait before the second attempt, which doubles with each later one.
    `is_throttled` says of the body of a refusal whether it only asks to wait.
    """

    def __init__(
        self,
        base: str,
        client: httpx.Client,
        *,
        wait_s: float = 1.0,
        is_throttled: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self._is_throttled = is_throttled
        self._base = httpx.URL(base)
        self._client = client
        self._wait_s = wait_s

    def get(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Return a response whose body is still to be read; the caller has to close it.

        Retries transient failures. Raises `SourceError`, and `SourceRefusedError` where another
        attempt would not help.
        """
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception_type(_TransientError),
            wait=self._wait,
            reraise=True,
        )
        try:
            return attempts(self._get_once, self._base.join(url), headers or {})
        except _TransientError as error:
            raise SourceError(str(error), hint="The next sync tries again.") from error

    def read(
        self, url: str, parse: Callable[[bytes], Parsed], headers: dict[str, str] | None = None
    ) -> tuple[Parsed, datetime]:
        """Return the parsed body of a short response, and its time by the server's clock.

        A response that is truncated, or that `parse` refuses with `ListFileError`, is requested
        again. Raises `SourceError` or `ListFileError` after the last attempt.
        """
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception_type((_TransientError, ListFileError)),
            wait=self._wait,
            reraise=True,
        )
        try:
            return attempts(self._read_once, url, parse, headers)
        except _TransientError as error:
            raise SourceError(str(error), hint="The next sync tries again.") from error

    def send(
        self, method: str, url: str, content: bytes, headers: dict[str, str] | None = None
    ) -> None:
        """Send a body, in one attempt. Raises `SourceError` unless it was accepted."""
        # No retries here: the outbox sends a failed message again.
        try:
            address = self._base.join(url)
            self._require_same_host(address)
            request = self._client.build_request(
                method, address, content=content, headers=headers or {}
            )
            response = self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise SourceError(f"{self._base.host}: {describe(error)}") from error
        try:
            self._require_permission(response)
            _require_status(response, _ACCEPTED)
        except _TransientError as error:
            raise SourceError(str(error)) from error
        response.close()

    def _read_once(
        self, url: str, parse: Callable[[bytes], Parsed], headers: dict[str, str] | None
    ) -> tuple[Parsed, datetime]:
        with closing(self.get(url, headers)) as response:
            try:
                body = _read_body(response)
            except httpx.TransportError as error:
                host = response.url.host
                message = f"{host}: the response is truncated: {describe(error)}"
                raise _TransientError(message) from error
            return parse(body), _server_time(response)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        # The server's own wish counts (Retry-After), but it must not block a sync for hours.
        requested_s = error.after_s if isinstance(error, _TransientError) else 0.0
        doubled_s: float = self._wait_s * 2 ** (state.attempt_number - 1)
        return min(max(doubled_s, requested_s), _MAX_WAIT_S)

    def _get_once(self, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        # Followed by hand, so that each address is checked before credentials go to it.
        for _ in range(_MAX_REDIRECTS):
            self._require_same_host(url)
            try:
                request = self._client.build_request("GET", url, headers=headers)
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                raise _TransientError(f"{url.host}: {describe(error)}") from error
            if not response.has_redirect_location:
                self._require_permission(response)
                return _require_status(response)
            response.close()
            url = url.join(response.headers.get("Location", ""))
        raise SourceRefusedError(f"{url.host}: too many redirects")

    def _require_permission(self, response: httpx.Response) -> None:
        """Raise `_TransientError` for a refusal that only asks to wait."""
        if response.status_code not in _REFUSED:
            return
        body = b""
        try:
            for part in response.iter_raw():
                body += part
                if len(body) > _MAX_REFUSAL_BYTES:
                    return
        except httpx.TransportError:
            return
        if self._is_throttled(body):
            response.close()
            raise _TransientError(f"{response.url.host}: it asks to wait")

    def _require_same_host(self, url: httpx.URL) -> None:
        base = self._base
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            raise SourceRefusedError(
                f"{base.host} redirects or links to another host, {url.host}",
                hint="Credentials are sent to no other host; if the list moved, change its address"
                " in the configuration.",
            )


def open_client(
    url: str,
    *,
    timeout_s: float,
    auth: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
    ca_file: str = "",
) -> httpx.Client:
    """Return a client for a server, which the caller has to close. Raises `ConfigError`.

    The server's certificate is verified, against those of `ca_file` where that is set. HTTPS is
    required, except for this machine itself.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigError("the url of the list's source is invalid") from error
    if parsed.userinfo:
        raise ConfigError(
            f"the url of {parsed.host} holds credentials",
            hint="Set 'username', and 'password' with 'env' or 'file'.",
        )
    if not parsed.host or (parsed.scheme != "https" and not _is_loopback(parsed)):
        raise ConfigError("the url of the list's source does not begin with https://")
    # They log complete addresses, and some protocols have their key in them.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        auth=auth,
        verify=_tls_context(ca_file) if ca_file else True,
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 20.0)),
        # Without compression the rest of a file can be requested, and nothing is a zip bomb.
        headers={
            "User-Agent": f"hashmatch/{__version__}",
            "Accept-Encoding": "identity",
            **(headers or {}),
        },
        follow_redirects=False,
        # Neither proxies of the environment nor credentials of ~/.netrc.
        trust_env=False,
    )


def _tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{ca_file}: no certificates can be read from it") from error


def parse_json(body: bytes) -> Any:
    """Return a short response parsed as JSON. Raises `ListFileError`, without quoting it."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ListFileError(
            "the response is not JSON, or is truncated", hint="Nothing was changed."
        ) from error


def describe(error: httpx.TransportError) -> str:
    """Return the cause of a failure in words, without address or header."""
    if isinstance(error, httpx.TimeoutException):
        return "the server did not respond in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection, or its certificate is not trusted"
    return "the connection was lost"


def _read_body(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_raw():
        parts.append(part)
        size += len(part)
        if size > _MAX_PAGE_BYTES:
            raise SourceError(f"{response.url.host}: a page is longer than {_MAX_PAGE_BYTES} bytes")
    return b"".join(parts)


def _server_time(response: httpx.Response) -> datetime:
    """Return the time by the server's clock, by which its entries are stamped."""
    try:
        moment = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError as error:
        raise SourceError(f"{response.url.host}: the response has no valid Date header") from error
    return moment.astimezone(UTC)


def _require_status(response: httpx.Response, wanted: Set[int] = _READABLE) -> httpx.Response:
    """Return a response with a wanted status, and close any other.

    Raises `_TransientError`, `SourceRefusedError` or `SourceError` for other statuses.
    """
    status = response.status_code
    if status in wanted:
        return response
    response.close()
    host = response.url.host
    if status in _TRANSIENT:
        after = response.headers.get("Retry-After", "")
        after_s = float(after) if after.isdecimal() else 0.0
        raise _TransientError(f"{host}: it answered with status {status}", after_s=after_s)
    if status == _GONE:
        raise SourceExpiredError(f"{host}: what was read of it before does not count any more")
    if status in _REFUSED:
        raise SourceRefusedError(
            f"{host}: it refused with status {status}",
            hint="Check the address and the credentials of the list's source.",
        )
    raise SourceError(f"{host}: it answered with status {status}")


def _is_loopback(url: httpx.URL) -> bool:
    if url.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"
