"""ThreatExchange's descriptors as its public documentation and examples show them.

From the pages on submitting, editing, deleting and privacy, and the command-line examples of its
repository: a descriptor that is posted again (same hash, type and owner) is the same one, and only
its changed fields are replaced.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.lists.loopback import Answer, Request, Service

TYPES = {"HASH_PDQ": 64, "HASH_MD5": 32, "HASH_SHA1": 40, "HASH_SHA256": 64}
_REQUIRED = ("indicator", "type", "description", "share_level", "status", "privacy_type")
_WORDS = {
    "share_level": {"WHITE", "GREEN", "AMBER", "RED"},
    "status": {"MALICIOUS", "NON_MALICIOUS", "SUSPICIOUS", "UNKNOWN"},
    "privacy_type": {"VISIBLE", "HAS_WHITELIST", "HAS_PRIVACY_GROUP"},
    "severity": {"UNKNOWN", "INFO", "WARNING", "SUSPICIOUS", "SEVERE", "APOCALYPSE"},
    "review_status": {
        "UNKNOWN", "UNREVIEWED", "PENDING", "REVIEWED_MANUALLY", "REVIEWED_AUTOMATICALLY",
    },
}  # fmt: skip
_OTHERS = {"confidence", "tags", "expired_on", "privacy_members"}


@dataclass
class GraphServer(Service):
    """Descriptors of one application. `seen` has what a privacy group ever saw.

    A fault "graph:CODE" answers with that error, "graph:CODE:STATUS" with a status, "gone" as for
    an object that is not there, and "used up" says that nearly all calls of the hour were made.
    """

    token: str = "12345678|secret-aSdF123GhKaSdF123GhK"
    refuses: set[str] = field(default_factory=set)
    descriptors: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    made: int = 0

    def find(self, value: bytes) -> dict[str, str]:
        """Return the descriptor of a hash."""
        (found,) = [one for one in self.descriptors.values() if one["indicator"] == value.hex()]
        return found

    def values(self) -> set[str]:
        """Return all hashes, each of which has one descriptor."""
        found = [one["indicator"] for one in self.descriptors.values()]
        assert len(found) == len(set(found))
        return set(found)

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if fault == "before":
            raise ConnectionAbortedError("broken")
        if fault.startswith("graph:"):
            _, code, *status = fault.split(":")
            return _error(int(code), int(status[0]) if status else 400)
        if fault == "gone":
            return _error(100, subcode=33)
        if fault == "garbage":
            return Answer(200, b"<html>hello</html>")
        answer = self._carry_out(request)
        if fault == "used up":
            answer.headers["X-App-Usage"] = '{"call_count":97,"total_time":3,"total_cputime":3}'
        # The request was carried out, and the answer is lost.
        return Answer(502) if fault == "lost" else answer

    def _carry_out(self, request: Request) -> Answer:
        place = request.path.removeprefix(f"{urlsplit(self.url).path}/").rstrip("/")
        given = request.query | dict(parse_qsl(request.body.decode()))
        header = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given.pop("access_token", header) != self.token:
            return _error(190)
        if (request.method, place) == ("POST", "threat_descriptors"):
            return self._post(given)
        if request.method == "DELETE" and re.fullmatch("[0-9]+", place):
            if self.descriptors.pop(place, None) is None:
                return _error(100, subcode=33)
            return _json({"success": True})
        return _error(2500)

    def _post(self, given: dict[str, str]) -> Answer:
        if any(not given.get(one) for one in _REQUIRED):
            return _error(100)
        if set(given) - set(_REQUIRED) - set(_WORDS) - _OTHERS:
            return _error(100)
        if any(given.get(name, next(iter(words))) not in words for name, words in _WORDS.items()):
            return _error(100)
        length = TYPES.get(given["type"], -1)
        if not re.fullmatch(f"[0-9a-f]{{{length}}}" if length > 0 else "x", given["indicator"]):
            return _error(100)
        if (given["share_level"] in ("WHITE", "GREEN")) is not (given["privacy_type"] == "VISIBLE"):
            return _error(100)
        if given["privacy_type"] == "HAS_PRIVACY_GROUP" and not given.get("privacy_members"):
            return _error(100)
        if given["indicator"] in self.refuses:
            return _error(100)
        key = (given["type"], given["indicator"])
        known = [i for i, one in self.descriptors.items() if (one["type"], one["indicator"]) == key]
        if not known:
            self.made += 1
        own = known[0] if known else f"{3047058802049882 + self.made}"
        self.descriptors[own] = self.descriptors.get(own, {}) | given
        if self.descriptors[own]["privacy_type"] != "HAS_WHITELIST":
            self.seen.add(given["indicator"])
        return _json({"success": True, "id": own})


def _error(code: int, status: int = 400, *, subcode: int | None = None) -> Answer:
    error: dict[str, object] = {
        "message": "secret-text of the server", "type": "OAuthException", "code": code,
        "fbtrace_id": "EJplcsCHu",
    }  # fmt: skip
    if subcode is not None:
        error["error_subcode"] = subcode
    headers = {"Content-Type": "application/json", "Retry-After": "600"}
    return Answer(status, json.dumps({"error": error}).encode(), headers)


def _json(value: object) -> Answer:
    headers = {"Content-Type": "application/json", "X-App-Usage": '{"call_count":28}'}
    return Answer(200, json.dumps(value).encode(), headers)
