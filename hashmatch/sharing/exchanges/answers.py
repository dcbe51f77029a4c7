"""Requests to exchanges, and what their statuses mean: no answer's text is ever repeated."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from hashmatch.errors import AddressError, OutboxError
from hashmatch.outbound import Answer, send_request

from .interface import Failed, Halted, Refused

# An exchange that a person has to do something about is tried again after this long.
BLOCKED_S = 900.0
_THROTTLED_S, _LONGEST_S = 60.0, 6 * 3600.0
# An answer is an id, or an error.
_MAX_ANSWER_BYTES = 200_000
_TRANSIENT = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class Caller:
    """Address, time limit and permitted hosts of all requests to an exchange."""

    base: str
    timeout_s: float
    private_hosts: Collection[str]

    @property
    def host(self) -> str:
        """Return the name of the host, for messages."""
        return urlsplit(self.base).hostname or ""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer | Failed | Halted:
        """Send a request once; returns the answer of any status."""
        try:
            return send_request(
                method,
                f"{self.base}/{path}",
                timeout_s=self.timeout_s,
                private_hosts=self.private_hosts,
                content=content,
                headers=headers,
                max_answer_bytes=_MAX_ANSWER_BYTES,
            )
        except AddressError as error:
            return Halted(error.message, BLOCKED_S, is_blocked=True)
        except OutboxError as error:
            return Failed(error.message)

    def judge(
        self, answer: Answer, *, refusals: Collection[int] = ()
    ) -> Refused | Failed | Halted | None:
        """Return what a status means; None for success. `refusals` are of one entry only."""
        status = answer.status
        if 200 <= status < 300:
            return None
        said = f"{self.host}: it answered with status {status}"
        asked_s = retry_after_s(answer)
        if status == 429 or (status == 503 and asked_s is not None):
            return Halted(f"{said}, and asks to wait", asked_s or _THROTTLED_S)
        if status >= 500 or status < 200 or status in _TRANSIENT:
            return Failed(said)
        if status in refusals:
            return Refused(said)
        if status < 400:
            said = f"{self.host}: it answered with a redirect, which is not followed"
            return Halted(said, BLOCKED_S, is_blocked=True)
        if status in (401, 403):
            return Halted(f"{said}: check the credentials", BLOCKED_S, is_blocked=True)
        if status in (404, 405):
            return Halted(f"{said}: check the address", BLOCKED_S, is_blocked=True)
        return Refused(said)


def retry_after_s(answer: Answer) -> float | None:
    """Return how long an answer asks to wait, within bounds; None where it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 10:
        wanted = float(text)
    else:
        try:
            wanted = (
                parsedate_to_datetime(text).astimezone(UTC) - datetime.now(UTC)
            ).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(max(wanted, 1.0), _LONGEST_S)


def parse_object(body: bytes) -> dict[str, Any] | None:
    """Return a JSON object; None of anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
