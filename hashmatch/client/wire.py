"""What both clients share: their requests, what answers mean, and when to ask again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import tenacity

from hashmatch import __version__
from hashmatch.errors import InputError, ServiceError

from .verdicts import HashQuery, Verdict, read_verdict

MOST_HASHES = 1_000
_LONGEST_WAIT_S = 30.0
# The same content under the same id gives the same match, once, so that asking again is safe.
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_WITH_VERDICT = frozenset({200, 413, 415, 422, 429, 503})


@dataclass(frozen=True, slots=True)
class Retrying:
    """How often to ask, and how long to wait before the second time, which later ones double."""

    attempts: int = 4
    wait_s: float = 0.5

    def options(self) -> dict[str, Any]:
        """Return what tenacity wants to know: after the last attempt the last answer counts."""
        return {
            "stop": tenacity.stop_after_attempt(self.attempts),
            "wait": self._wait,
            "retry": tenacity.retry_if_exception_type(httpx.RequestError)
            | tenacity.retry_if_result(_may_pass),
            "retry_error_callback": _last_word,
        }

    def _wait(self, state: tenacity.RetryCallState) -> float:
        wait_s: float = self.wait_s * 2 ** (state.attempt_number - 1)
        outcome = state.outcome
        if outcome is not None and not outcome.failed:
            asked = outcome.result().headers.get("Retry-After", "")
            wait_s = max(wait_s, float(asked) if asked.isdecimal() else 0.0)
        return min(wait_s, _LONGEST_WAIT_S)


def client_options(url: str, token: str, timeout_s: float, verify: Any) -> dict[str, Any]:
    """Return what an httpx client for the service wants to know. Raises `InputError`."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise InputError("the url of the service is none") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InputError(
            "the url of the service has no host, or does not begin with https://",
            hint="Give one such as https://hashmatch.example.org.",
        )
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise InputError("the token is none", hint="'hashmatch tokens create' makes one.")
    return {
        "base_url": parsed,
        "timeout": timeout_s,
        "verify": verify,
        "follow_redirects": False,
        "headers": {
            "Authorization": f"Bearer {token}",
            "User-Agent": f"hashmatch/{__version__}",
            "Accept": "application/json",
        },
    }


def scan_request(data: bytes | bytearray, content_id: str, reference: str) -> dict[str, Any]:
    """Return the request for the verdict on an image. Raises `InputError`."""
    _require_text(content_id, reference)
    params = {"content_id": content_id, **({"reference": reference} if reference else {})}
    return {
        "method": "POST",
        "url": "/v1/scan",
        "params": params,
        "content": bytes(data),
        "headers": {"Content-Type": "application/octet-stream"},
    }


def lookup_requests(
    queries: Sequence[HashQuery],
) -> list[tuple[Sequence[HashQuery], dict[str, Any]]]:
    """Return the requests for verdicts on hashes, with those that each of them is about."""
    parts = [queries[n : n + MOST_HASHES] for n in range(0, len(queries), MOST_HASHES)]
    return [(part, _lookup_request(part)) for part in parts]


def _lookup_request(queries: Sequence[HashQuery]) -> dict[str, Any]:
    _require_text(*(one.content_id for one in queries))
    hashes = [
        {
            "algorithm": one.algorithm,
            "value": one.value,
            "content_id": one.content_id,
            **({} if one.quality is None else {"quality": one.quality}),
        }
        for one in queries
    ]
    return {"method": "POST", "url": "/v1/lookup", "json": {"hashes": hashes}}


def details_request(match_id: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request that tells who uploaded what matched. Raises `InputError`."""
    if not (match_id.isascii() and match_id.isdecimal()):
        raise InputError("a match id is a number", hint="A verdict's matches have them.")
    try:
        content = json.dumps(dict(details)).encode()
    except (TypeError, ValueError) as error:
        raise InputError("the details are not fit for JSON") from error
    headers = {"Content-Type": "application/json"}
    url = f"/v1/matches/{match_id}/details"
    return {"method": "PUT", "url": url, "content": content, "headers": headers}


def read_done(response: httpx.Response) -> None:
    """Raise `InputError` or `ServiceError` unless what was asked is done."""
    told = _body(response)
    if response.status_code != httpx.codes.OK:
        raise _problem(response.status_code, told)


def _require_text(*texts: str) -> None:
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as error:
        raise InputError("a content id or reference has half a character in it") from error


def read_scan(response: httpx.Response, content_id: str) -> Verdict:
    """Return the verdict of an answer. Raises `InputError` and `ServiceError`."""
    told = _body(response)
    if response.status_code not in _WITH_VERDICT or "outcome" not in told:
        raise _problem(response.status_code, told)
    return read_verdict(response.status_code, told, content_id, is_one_of_many=False)


def read_lookup(response: httpx.Response, queries: Sequence[HashQuery]) -> list[Verdict]:
    """Return the verdicts of an answer, in their order. Raises `InputError` and `ServiceError`."""
    told = _body(response)
    results = told.get("results")
    if response.status_code not in _WITH_VERDICT or not isinstance(results, list):
        raise _problem(response.status_code, told)
    if len(results) != len(queries):
        raise ServiceError(f"the service answered {len(results)} of {len(queries)} hashes")
    return [
        read_verdict(response.status_code, one, query.content_id, is_one_of_many=True)
        for one, query in zip(results, queries, strict=True)
    ]


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        told = json.loads(response.content, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise ServiceError(
            f"the service answered with status {response.status_code} and no JSON"
        ) from error
    if not isinstance(told, dict):
        raise ServiceError(f"the service answered with status {response.status_code} and no object")
    return told


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; one that says something twice could say both "matched" and "clear"."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _problem(status: int, told: Mapping[str, Any]) -> ServiceError | InputError:
    words = f"the service refused with status {status}: {told.get('detail', 'it does not say why')}"
    kind = InputError if status == httpx.codes.BAD_REQUEST else ServiceError
    return kind(words, hint=str(told.get("hint", "")))


def _may_pass(response: httpx.Response) -> bool:
    return response.status_code in _TRY_AGAIN


def _last_word(state: tenacity.RetryCallState) -> Any:
    """Return the last answer; an attempt that got none is an error, and never a verdict."""
    outcome = state.outcome
    error = outcome.exception() if outcome is not None else None
    if outcome is None or error is not None:
        raise ServiceError(
            f"the service did not answer: {type(error).__name__}",
            hint="Nothing was decided about the image: ask again, or let nobody see it.",
        ) from error
    return outcome.result()
