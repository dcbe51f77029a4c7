"""Meta's ThreatExchange: a descriptor for each hash, seen by privacy groups only.

A descriptor that is posted again is the same one (same hash, type and owner), with changed fields
replaced: what was sent twice is there once. The token goes in the body, or in a header where there
is none, and never in the address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from hashmatch.config import ThreatExchangeExchange, read_secret
from hashmatch.outbound import Answer
from hashmatch.store.sharing import SentItem, Wanted

from .answers import BLOCKED_S, Caller, parse_object, retry_after_s
from .interface import (
    Accepted,
    Answered,
    ExchangeClient,
    Failed,
    Halted,
    OutgoingEntry,
    Refused,
    chosen_tags,
    hashes_of,
    require_algorithms,
)

# Of the labels that the exchange has, the next stricter one: it has none for AMBER+STRICT, and
# GREEN and WHITE would need visibility to all members.
_SHARE_LEVELS = {"clear": "AMBER", "green": "AMBER", "amber": "AMBER"}
_STRICTEST = "RED"
# Codes of too many calls, by an application, a user, a page, of business use cases, and of others;
# 368 is a block for a time.
_THROTTLED = frozenset({4, 17, 32, 341, 368, 613, *range(80_000, 80_015)})
_TRANSIENT = frozenset({1, 2})
# A token that expired or was revoked, or a permission that is missing.
_FORBIDDEN = frozenset({3, 10, 102, 190, *range(200, 300)})
_PARAMETER, _NO_OBJECT = 100, 33
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_REMOTE_ID = re.compile(r"[0-9]{1,32}")
_THROTTLED_S = 300.0
# At 100 percent of a rolling hour calls are refused.
_MOST_USAGE, _USED_UP_S = 95, 600.0


class ThreatExchangeClient(ExchangeClient):
    """Client of the privacy groups that an exchange's section names."""

    are_shared = True

    def __init__(
        self, settings: ThreatExchangeExchange, key: str, private_hosts: Collection[str]
    ) -> None:
        require_algorithms(settings.algorithms, f"{key}.algorithms")
        self._settings = settings
        self._token = read_secret(settings.access_token)
        self._caller = Caller(settings.base, settings.timeout_s, private_hosts)

    def parts(self, entry: OutgoingEntry) -> Sequence[Wanted]:
        """Return a part for each hash of a type that the exchange has."""
        return [
            Wanted(algorithm, value, _digest(self._fields(entry, algorithm, value)))
            for algorithm, value in hashes_of(entry, self._settings.algorithms)
        ]

    def put(self, entry: OutgoingEntry, item: SentItem) -> Answered:
        """Post a descriptor."""
        return self._post(self._fields(entry, item.algorithm, item.value))

    def withdraw(self, list_name: str, entry_id: str, item: SentItem) -> Answered:
        """Delete a descriptor.

        One whose id is not known, or not any more, is posted once more for its id, such that only
        its owner sees it.
        """
        if item.remote_id:
            answered = self._delete(item.remote_id)
            if answered is not None:
                return answered
        hidden = self._post(self._hidden_fields(item))
        if not isinstance(hidden, Accepted):
            return hidden
        return self._delete(hidden.remote_id) or Refused(
            f"{self._caller.host}: it does not delete a descriptor that it has"
        )

    def _fields(self, entry: OutgoingEntry, algorithm: str, value: bytes) -> dict[str, str]:
        settings = self._settings
        described = settings.description or f"Listed by {entry.publisher or 'a platform'}"
        fields = {
            "indicator": value.hex(),
            "type": settings.algorithms[algorithm],
            "description": described,
            "share_level": _SHARE_LEVELS.get(entry.tlp, _STRICTEST),
            "status": settings.status,
            "severity": settings.severity,
            "privacy_type": "HAS_PRIVACY_GROUP",
            "privacy_members": ",".join(settings.privacy_groups),
        }
        if settings.confidence is not None:
            fields["confidence"] = str(settings.confidence)
        if entry.shared.facts is not None:
            # It came from a case that people confirmed.
            fields["review_status"] = "REVIEWED_MANUALLY"
        if tags := chosen_tags(settings.tags, entry):
            fields["tags"] = ",".join(tags)
        return fields

    def _hidden_fields(self, item: SentItem) -> dict[str, str]:
        kind = self._settings.algorithms.get(item.algorithm, f"HASH_{item.algorithm.upper()}")
        return {
            "indicator": item.value.hex(),
            "type": kind,
            "description": "Withdrawn",
            "share_level": _STRICTEST,
            "status": "UNKNOWN",
            # Without members it is its owner's alone.
            "privacy_type": "HAS_WHITELIST",
        }

    def _post(self, fields: Mapping[str, str]) -> Answered:
        content = urlencode({**fields, "access_token": self._token}).encode()
        answer = self._caller.send("POST", "threat_descriptors", _FORM, content)
        if not isinstance(answer, Answer):
            return answer
        body = parse_object(answer.body) or {}
        if (problem := self._judge(answer, body)) is not None:
            return problem
        remote_id = str(body.get("id", ""))
        if body.get("success") is False or not _REMOTE_ID.fullmatch(remote_id):
            return Failed(f"{self._caller.host}: its answer is not that of a descriptor")
        return Accepted(remote_id, _used_up_s(answer))

    def _delete(self, remote_id: str) -> Answered | None:
        """Delete a descriptor; None where the exchange has no object of that id."""
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._caller.send("DELETE", remote_id, headers)
        if not isinstance(answer, Answer):
            return answer
        body = parse_object(answer.body) or {}
        error = _error(body)
        if (error.get("code"), error.get("error_subcode")) == (_PARAMETER, _NO_OBJECT):
            return None
        if (problem := self._judge(answer, body)) is not None:
            return problem
        if body.get("success") is not True:
            return Failed(f"{self._caller.host}: its answer is not that of a deletion")
        return Accepted(wait_s=_used_up_s(answer))

    def _judge(self, answer: Answer, body: Mapping[str, Any]) -> Answered | None:
        """Return what an error means; None for success."""
        error = _error(body)
        code = error.get("code")
        if not isinstance(code, int):
            return self._caller.judge(answer)
        subcode = error.get("error_subcode")
        detail = f", {subcode}" if isinstance(subcode, int) else ""
        said = f"{self._caller.host}: error {code}{detail} of the Graph API"
        if code in _THROTTLED:
            asked_s = retry_after_s(answer) or _THROTTLED_S
            return Halted(f"{said}, which asks to wait", asked_s)
        if code in _TRANSIENT or error.get("is_transient") is True or answer.status >= 500:
            return Failed(said)
        if code in _FORBIDDEN:
            why = "check the access token and its permissions"
            return Halted(f"{said}: {why}", BLOCKED_S, is_blocked=True)
        return Refused(said)


def _error(body: Mapping[str, Any]) -> Mapping[str, Any]:
    error = body.get("error")
    return error if isinstance(error, dict) else {}


def _digest(fields: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _used_up_s(answer: Answer) -> float:
    """Return how long to wait by the usage that an answer tells in percent."""
    usage = parse_object(answer.headers.get("x-app-usage", "").encode()) or {}
    numbers = [one for one in usage.values() if isinstance(one, int | float)]
    return _USED_UP_S if numbers and max(numbers) >= _MOST_USAGE else 0.0
