"""Requests, answers and retries that both clients share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import tenacity

from hashmatch._version import __version__
from hashmatch.errors import InputError, ServiceError

from .verdicts import HashQuery, Verdict, read_verdict

# As many as the service accepts in one request.
_MAX_HASHES = 1_000
_MAX_WAIT_S = 30.0
# The same content under the same content id is recorded as one match, so that a retry is safe.
_RETRIED_STATUSES = frozenset({429, 502, 503, 504})
# A scan that failed comes with an error status and an unscreened outcome in its body.
_OUTCOME_STATUSES = frozenset({200, 413, 415, 422, 429, 503})


@dataclass(frozen=True, slots=True)
class Retrying:
    """Retry policy: the number of attempts, and the wait before the second, doubled each time.

    A `Retry-After` header lengthens a wait, which is never longer than 30 seconds.
    """

    attempts: int = 4
    wait_s: float = 0.5

    def options(self) -> dict[str, Any]:
        """Return the options for tenacity. After the last attempt the last answer is returned."""
        return {
            "stop": tenacity.stop_after_attempt(self.attempts),
            "wait": self._wait,
            "retry": tenacity.retry_if_exception_type(httpx.RequestError)
            | tenacity.retry_if_result(_is_transient),
            "retry_error_callback": _last_answer,
        }

    def _wait(self, state: tenacity.RetryCallState) -> float:
        wait_s: float = self.wait_s * 2 ** (state.attempt_number - 1)
        # The service sends seconds; a date, which the header may hold as well, is ignored.
        outcome = state.outcome
        if outcome is not None and not outcome.failed:
            asked = outcome.result().headers.get("Retry-After", "")
            wait_s = max(wait_s, float(asked) if asked.isdecimal() else 0.0)
        return min(wait_s, _MAX_WAIT_S)


def client_options(url: str, token: str, timeout_s: float, verify: Any) -> dict[str, Any]:
    """Return the options for an httpx client of the service. Raises `InputError`."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise InputError("the URL of the service is invalid") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InputError(
            "the URL of the service has no host, or does not begin with https://",
            hint="An example is https://hashmatch.example.org.",
        )
    # A token that was read from a file may end with a line break.
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise InputError("invalid token", hint="'hashmatch tokens create' creates one.")
    return {
        "base_url": parsed,
        "timeout": timeout_s,
        "verify": verify,
        # A redirect would send the token and the image to another host.
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
    """Return the requests for verdicts on hashes, each with its own part of the queries.

    Raises `InputError`.
    """
    parts = [queries[n : n + _MAX_HASHES] for n in range(0, len(queries), _MAX_HASHES)]
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
    """Return the request that sends the uploader details of a match. Raises `InputError`."""
    # It becomes part of the path.
    if not (match_id.isascii() and match_id.isdecimal()):
        raise InputError("a match id is a number", hint="Verdict.matches gives the ids.")
    try:
        content = json.dumps(dict(details)).encode()
    except (TypeError, ValueError) as error:
        raise InputError("the details cannot be written as JSON") from error
    headers = {"Content-Type": "application/json"}
    url = f"/v1/matches/{match_id}/details"
    return {"method": "PUT", "url": url, "content": content, "headers": headers}


def require_success(response: httpx.Response) -> None:
    """Raise `InputError` or `ServiceError` unless the request succeeded."""
    body = _body(response)
    if response.status_code != httpx.codes.OK:
        raise _problem(response.status_code, body)


def _require_text(*texts: str) -> None:
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as error:
        raise InputError("a content id or reference contains an unpaired surrogate") from error


def read_scan(response: httpx.Response, content_id: str) -> Verdict:
    """Return the verdict of an answer. Raises `InputError` and `ServiceError`."""
    body = _body(response)
    if response.status_code not in _OUTCOME_STATUSES or "outcome" not in body:
        raise _problem(response.status_code, body)
    return read_verdict(response.status_code, body, content_id, is_one_of_many=False)


def read_lookup(response: httpx.Response, queries: Sequence[HashQuery]) -> list[Verdict]:
    """Return the verdicts of an answer, in their order. Raises `InputError` and `ServiceError`."""
    body = _body(response)
    results = body.get("results")
    if response.status_code not in _OUTCOME_STATUSES or not isinstance(results, list):
        raise _problem(response.status_code, body)
    if len(results) != len(queries):
        raise ServiceError(
            f"the service returned {len(results)} outcomes for {len(queries)} hashes"
        )
    return [
        read_verdict(response.status_code, one, query.content_id, is_one_of_many=True)
        for one, query in zip(results, queries, strict=True)
    ]


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = json.loads(response.content, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise ServiceError(
            f"the service answered with status {response.status_code} and no valid JSON"
        ) from error
    if not isinstance(body, dict):
        raise ServiceError(
            f"the service answered with status {response.status_code} and no JSON object"
        )
    return body


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises `ValueError` for a repeated key.

    An object with two outcomes could be read as "matched" or as "clear".
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("repeated key")
    return found


def _problem(status: int, body: Mapping[str, Any]) -> ServiceError | InputError:
    detail = body.get("detail", "no detail given")
    kind = InputError if status == httpx.codes.BAD_REQUEST else ServiceError
    hint = str(body.get("hint", ""))
    return kind(f"the service refused the request with status {status}: {detail}", hint=hint)


def _is_transient(response: httpx.Response) -> bool:
    return response.status_code in _RETRIED_STATUSES


def _last_answer(state: tenacity.RetryCallState) -> Any:
    """Return the last answer. Raises `ServiceError` where the last attempt got none."""
    outcome = state.outcome
    error = outcome.exception() if outcome is not None else None
    if outcome is None or error is not None:
        raise ServiceError(
            f"the service did not answer: {type(error).__name__}",
            hint="The image has no verdict: ask again, or do not show it.",
        ) from error
    return outcome.result()
