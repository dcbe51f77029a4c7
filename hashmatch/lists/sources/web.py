"""Requests to the servers that lists come from: careful, patient, and never led elsewhere."""

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

from hashmatch import __version__
from hashmatch.errors import ConfigError, ListFileError, SourceError, SourceRefusedError

ATTEMPTS = 5
# Asked for again each time, for what a server writes down a little late.
OVERLAP = timedelta(minutes=15)
Parsed = TypeVar("Parsed")
_MOST_PAGE_BYTES = 64 << 20
_MOST_REDIRECTS = 5
_MOST_WAIT_S = 60.0
_GIVEN, _TAKEN = frozenset({200, 206, 304}), frozenset({200, 201, 202, 204})
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSED = frozenset({400, 401, 403, 404, 405, 410})


class _MayPass(Exception):  # noqa: N818 (it never leaves this file)
    """A failure after which another attempt makes sense."""

    def __init__(self, message: str, *, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Web:
    """One server. Its certificate is verified; redirects to another host are refused.

    `wait_s` is how long to wait before the second attempt, which later ones double.
    """

    def __init__(self, base: str, client: httpx.Client, *, wait_s: float = 1.0) -> None:
        self._base = httpx.URL(base)
        self._client = client
        self._wait_s = wait_s

    def get(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Return an answer with its body still to be read, which has to be closed.

        Makes several attempts where that helps. Raises `SourceError`, and `SourceRefusedError`
        where none would help.
        """
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception_type(_MayPass),
            wait=self._wait,
            reraise=True,
        )
        try:
            return attempts(self._get_once, self._base.join(url), headers or {})
        except _MayPass as error:
            raise SourceError(str(error), hint="The next sync tries again.") from error

    def read(
        self, url: str, parse: Callable[[bytes], Parsed], headers: dict[str, str] | None = None
    ) -> tuple[Parsed, datetime]:
        """Return what a short answer says, and when it was given by the server's own clock.

        An answer that breaks off, or that `parse` refuses with `ListFileError`, is asked for
        again. Raises `SourceError` or `ListFileError` where that does not help.
        """
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception_type((_MayPass, ListFileError)),
            wait=self._wait,
            reraise=True,
        )
        try:
            return attempts(self._read_once, url, parse, headers)
        except _MayPass as error:
            raise SourceError(str(error), hint="The next sync tries again.") from error

    def send(
        self, method: str, url: str, content: bytes, headers: dict[str, str] | None = None
    ) -> None:
        """Send something, in one attempt. Raises `SourceError`."""
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
            _checked(response, _TAKEN)
        except _MayPass as error:
            raise SourceError(str(error)) from error
        response.close()

    def _read_once(
        self, url: str, parse: Callable[[bytes], Parsed], headers: dict[str, str] | None
    ) -> tuple[Parsed, datetime]:
        with closing(self.get(url, headers)) as response:
            try:
                body = _read_whole(response)
            except httpx.TransportError as error:
                host = response.url.host
                raise _MayPass(f"{host}: the answer broke off: {describe(error)}") from error
            return parse(body), _server_time(response)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.after_s if isinstance(error, _MayPass) else 0.0
        doubled_s: float = self._wait_s * 2 ** (state.attempt_number - 1)
        return min(max(doubled_s, asked_s), _MOST_WAIT_S)

    def _get_once(self, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        for _ in range(_MOST_REDIRECTS):
            self._require_same_host(url)
            try:
                request = self._client.build_request("GET", url, headers=headers)
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                raise _MayPass(f"{url.host}: {describe(error)}") from error
            if not response.has_redirect_location:
                return _checked(response)
            response.close()
            url = url.join(response.headers.get("Location", ""))
        raise SourceRefusedError(f"{url.host}: it redirects again and again")

    def _require_same_host(self, url: httpx.URL) -> None:
        base = self._base
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            raise SourceRefusedError(
                f"{base.host} points to another host, {url.host}",
                hint="Credentials go to no other host; if it moved, change the configuration.",
            )


def open_client(
    url: str,
    *,
    timeout_s: float,
    auth: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
    ca_file: str = "",
) -> httpx.Client:
    """Return a client for a server, which has to be closed. Raises `ConfigError`.

    Its certificate is verified, against those of `ca_file` where that is given.

    Only HTTPS will do, but on this machine.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigError("the url of the list's source is none") from error
    if parsed.userinfo:
        raise ConfigError(
            f"the url of {parsed.host} holds credentials",
            hint="Give 'username', and 'password' with 'env' or 'file'.",
        )
    if not parsed.host or (parsed.scheme != "https" and not _is_loopback(parsed)):
        raise ConfigError("the url of the list's source does not begin with https://")
    # They write whole addresses to the log, and some protocols put their key into them.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        auth=auth,
        verify=_trusting(ca_file) if ca_file else True,
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 20.0)),
        # Of what is sent as it is, a part can be asked for, and nothing blows up on unpacking.
        headers={
            "User-Agent": f"hashmatch/{__version__}",
            "Accept-Encoding": "identity",
            **(headers or {}),
        },
        follow_redirects=False,
        trust_env=False,
    )


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{ca_file}: there are no certificates to trust in it") from error


def parse_json(body: bytes) -> Any:
    """Return what a short answer holds. Raises `ListFileError`, without quoting it."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ListFileError(
            "a page is not JSON, or breaks off", hint="Nothing was changed."
        ) from error


def describe(error: httpx.TransportError) -> str:
    """Return in words what went wrong, without address or header."""
    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection can be made, or its certificate is not trusted"
    return "the connection broke"


def _read_whole(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_raw():
        parts.append(part)
        size += len(part)
        if size > _MOST_PAGE_BYTES:
            raise SourceError(
                f"{response.url.host}: a page is longer than {_MOST_PAGE_BYTES} bytes"
            )
    return b"".join(parts)


def _server_time(response: httpx.Response) -> datetime:
    """Return the time by the server's clock, by which its entries are stamped."""
    try:
        moment = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError as error:
        raise SourceError(
            f"{response.url.host}: the server does not say what time it is"
        ) from error
    return moment.astimezone(UTC)


def _checked(response: httpx.Response, wanted: Set[int] = _GIVEN) -> httpx.Response:
    """Return an answer that can be used. Raises `SourceError`."""
    status = response.status_code
    if status in wanted:
        return response
    response.close()
    host = response.url.host
    if status in _TRY_AGAIN:
        after = response.headers.get("Retry-After", "")
        after_s = float(after) if after.isdecimal() else 0.0
        raise _MayPass(f"{host}: it answered with status {status}", after_s=after_s)
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
