"""StopNCII: hashes that a platform submits, and takes back by its feedback on them.

A record is identified by its kind and value: what was submitted twice is there once.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Sequence
from typing import Any

from hashmatch.config import StopNCIIExchange, read_secret
from hashmatch.outbound import Answer
from hashmatch.store.sharing import SentItem, Wanted

from .answers import Caller
from .interface import (
    Accepted,
    Answered,
    ExchangeClient,
    OutgoingEntry,
    chosen_tags,
    hashes_of,
    require_algorithms,
)

_BLOCKED, _WITHDRAWN = "Blocked", "Withdrawn"


class StopNCIIClient(ExchangeClient):
    """Client of the functions `SubmitHashes` and `SubmitFeedback`, each with a key of its own."""

    are_shared = True

    def __init__(
        self, settings: StopNCIIExchange, key: str, private_hosts: Collection[str]
    ) -> None:
        require_algorithms(settings.algorithms, f"{key}.algorithms")
        self._settings = settings
        self._subscription_key = read_secret(settings.subscription_key)
        self._function_key = read_secret(settings.function_key)
        self._feedback_key = read_secret(settings.feedback_function_key)
        self._caller = Caller(settings.base, settings.timeout_s, private_hosts)

    def parts(self, entry: OutgoingEntry) -> Sequence[Wanted]:
        """Return a part for each hash of a kind that the exchange has."""
        return [
            Wanted(algorithm, value, _digest(self._record(entry, algorithm, value)))
            for algorithm, value in hashes_of(entry, self._settings.algorithms)
        ]

    def put(self, entry: OutgoingEntry, item: SentItem) -> Answered:
        """Submit a hash."""
        record = self._record(entry, item.algorithm, item.value)
        body = {"count": 1, "hashRecords": [{"lastModtimestamp": int(time.time()), **record}]}
        return self._post("SubmitHashes", self._function_key, body)

    def withdraw(self, list_name: str, entry_id: str, item: SentItem) -> Answered:
        """Say of a hash that it is withdrawn."""
        record = {"hashValue": item.value.hex(), "feedbackValue": _WITHDRAWN, "tags": []}
        return self._post(
            "SubmitFeedback", self._feedback_key, {"count": 1, "hashFeedbacks": [record]}
        )

    def _record(self, entry: OutgoingEntry, algorithm: str, value: bytes) -> dict[str, Any]:
        feedback = {"tags": chosen_tags(self._settings.tags, entry), "feedbackValue": _BLOCKED}
        return {
            "signalType": self._settings.algorithms[algorithm],
            "hashValue": value.hex(),
            "CSPFeedbacks": [feedback],
        }

    def _post(self, function: str, key: str, body: dict[str, Any]) -> Answered:
        headers = {
            "Content-Type": "application/json",
            "x-functions-key": key,
            "Ocp-Apim-Subscription-Key": self._subscription_key,
        }
        answer = self._caller.send("POST", function, headers, json.dumps(body).encode())
        if not isinstance(answer, Answer):
            return answer
        return self._caller.judge(answer) or Accepted()


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
