"""Requests to other systems: to permitted addresses, within a time limit, without redirects."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import httpx

from hashmatch._version import __version__
from hashmatch.errors import OutboxError

from .addresses import find_address

# No expected answer is longer.
_MAX_ANSWER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send_request(
    method: str,
    url: str,
    *,
    timeout_s: float,
    private_hosts: Collection[str],
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    max_answer_bytes: int = _MAX_ANSWER_BYTES,
) -> Answer:
    """Send a request once and return the answer, of any status.

    The time limit is for the complete exchange, however slow the answer. Raises `OutboxError` where
    the address is not permitted or no answer came.
    """
    quieten_client()
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise OutboxError("the URL is invalid") from error
    # Asynchronous, since httpx has no limit for a complete exchange: each of its time-outs starts
    # again with every byte.
    request = _exchange(
        method,
        parsed,
        find_address(parsed, private_hosts),
        content,
        dict(headers or {}),
        timeout_s,
        max_answer_bytes,
    )
    try:
        return asyncio.run(request)
    except TimeoutError as error:
        raise OutboxError(f"{parsed.host}: no complete answer within {timeout_s:g} s") from error
    except (httpx.HTTPError, ssl.SSLError) as error:
        raise OutboxError(f"{parsed.host}: no answer ({type(error).__name__})") from error


def quieten_client() -> None:
    """Keep the HTTP client from logging complete URLs, which may hold secrets."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def _exchange(
    method: str,
    url: httpx.URL,
    address: str,
    content: bytes,
    headers: dict[str, str],
    timeout_s: float,
    max_answer_bytes: int,
) -> Answer:
    async with (
        asyncio.timeout(timeout_s),
        open_exchange(method, url, address, content=content, headers=headers) as response,
    ):
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > max_answer_bytes:
                raise OutboxError(f"{url.host}: its answer is longer than {max_answer_bytes} bytes")
        return Answer(response.status_code, dict(response.headers), bytes(body))


@cache
def _tls() -> ssl.SSLContext:
    """Return what certificates are checked with: reading them takes longer than to send."""
    return httpx.create_ssl_context(trust_env=False)


@asynccontextmanager
async def open_exchange(
    method: str,
    url: httpx.URL,
    address: str,
    *,
    content: bytes = b"",
    headers: Mapping[str, str],
) -> AsyncIterator[httpx.Response]:
    """Send a request to the address that was found for its URL; redirects are not followed.

    It has no time limit of its own.
    """
    async with (
        # No proxy of the environment: it would connect in our place, to any address.
        httpx.AsyncClient(timeout=None, trust_env=False, verify=_tls()) as client,  # noqa: S113
        client.stream(
            method,
            url.copy_with(host=address),
            content=content,
            headers={
                "User-Agent": f"hashmatch/{__version__}",
                **headers,
                # The URL has the address in place of the host.
                "Host": url.netloc.decode(),
            },
            # The certificate has to be the host's, not the address's.
            extensions={"sni_hostname": url.host},
        ) as response,
    ):
        yield response
