"""One request to somebody else: to a public address, within a time, without following redirects."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import httpx

from hashmatch import __version__
from hashmatch.errors import OutboxError

from .addresses import find_address

# Whoever answers at more length than that is not who was meant.
_MOST_ANSWER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    method: str,
    url: str,
    *,
    timeout_s: float,
    private_hosts: Collection[str],
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    max_answer_bytes: int = _MOST_ANSWER_BYTES,
) -> Answer:
    """Ask once and return the answer, whatever its status.

    The time is that of the whole exchange, however slowly the answer drips. Raises `OutboxError`
    where the address is not allowed or no answer came.
    """
    # They write whole addresses to the log.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise OutboxError("the url is none") from error
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
        raise OutboxError(f"{parsed.host}: no whole answer within {timeout_s:g} s") from error
    except (httpx.HTTPError, ssl.SSLError) as error:
        raise OutboxError(f"{parsed.host}: nothing arrived ({type(error).__name__})") from error


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
        httpx.AsyncClient(timeout=timeout_s, trust_env=False) as client,
        client.stream(
            method,
            url.copy_with(host=address),
            content=content,
            headers={
                "User-Agent": f"hashmatch/{__version__}",
                **headers,
                "Host": url.netloc.decode(),
            },
            # The certificate has to be the host's, not the address's.
            extensions={"sni_hostname": url.host},
        ) as response,
    ):
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > max_answer_bytes:
                raise OutboxError(f"{url.host}: its answer is longer than makes sense")
        return Answer(response.status_code, dict(response.headers), bytes(body))
