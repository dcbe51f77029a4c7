"""Source for StopNCII: hashes that people submitted of their own intimate pictures, as JSON pages.

A record is identified by its kind of hash and its value, and every change contains the complete
record. It has no other id, so that the id of an entry is a digest of both: ids are shown to people,
hashes are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard
from urllib.parse import urlencode

from hashmatch.errors import ListFileError, SourceError

from ..delivery import DeliveredItem, Delivery, EntryUpdate
from ..formats import BadRow, Excluded, RawRow, as_text
from .interface import Checkpoint, Feedback, FeedbackReceiver, Fetch, ListSource, Verdict
from .web import OVERLAP, Web, open_client, parse_json

# The server does not answer requests with an earlier start, in seconds since 1970.
_BEGINNING = 10
_PAGE_SIZE = 800
# Any other status counts as listed, also a new one: rather a hash too many than one that is missed.
_WITHDRAWN = frozenset({"Withdrawn", "Deleted"})
# Kinds that are no hashes.
_NO_HASHES = frozenset({"Text", "URL"})
_ALGORITHMS = {"ImagePDQ": "pdq", "VideoMD5": "md5", "VideoTMK": "tmk-pdqf"}


@dataclass(frozen=True, slots=True)
class StopNCIIKeys:
    """Keys that the server requires; each of its functions has one of its own."""

    function: str
    subscription: str
    feedback_function: str = ""


class StopNCIISource(ListSource, FeedbackReceiver):
    """The list of StopNCII; the status of a record shows whether it was withdrawn."""

    def __init__(
        self,
        base: str,
        keys: StopNCIIKeys,
        *,
        timeout_s: float = 60.0,
        wait_s: float = 1.0,
    ) -> None:
        self._keys = keys
        self._base = base.rstrip("/")
        self._timeout_s = timeout_s
        self._wait_s = wait_s

    @property
    def name(self) -> str:
        """Return the address of the server."""
        return self._base

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield all pages of changes since the checkpoint as one delivery."""
        headers = self._headers(self._keys.function)
        with open_client(self._base, timeout_s=self._timeout_s, headers=headers) as client:
            web = Web(self._base, client, wait_s=self._wait_s)
            start = _BEGINNING
            if known := checkpoint.get("timestamp"):
                # After the server's clock was set back, new records have earlier times than the
                # checkpoint, and must not be missed.
                _, now = web.read(self._address(pageSize=1, startTimestamp=start), _parse_page)
                before = min(int(known), int(now.timestamp())) - int(OVERLAP.total_seconds())
                start = max(start, before)
            reached: dict[str, int] = {}
            items = _items(self._records(web, start, reached))
            is_full = not checkpoint and not is_empty
            yield Fetch(Delivery(items, "record", is_full), reached)

    def give_feedback(self, feedback: Feedback) -> None:
        """Report a hash as blocked or not blocked; see `FeedbackReceiver`."""
        answer = "Blocked" if feedback.verdict is Verdict.CONFIRMED else "NotBlocked"
        record = {"hashValue": feedback.value.hex(), "feedbackValue": answer, "tags": []}
        body = json.dumps({"count": 1, "hashFeedbacks": [record]}).encode()
        headers = self._headers(self._keys.feedback_function)
        with open_client(self._base, timeout_s=self._timeout_s, headers=headers) as client:
            web = Web(self._base, client, wait_s=self._wait_s)
            kind = {"Content-Type": "application/json"}
            web.send("POST", f"{self._base}/SubmitFeedback", body, kind)

    def _headers(self, function_key: str) -> dict[str, str]:
        return {
            "x-functions-key": function_key,
            "Ocp-Apim-Subscription-Key": self._keys.subscription,
        }

    def _address(self, **query: int | str) -> str:
        return f"{self._base}/FetchHashes?{urlencode(query)}"

    def _records(self, web: Web, start: int, reached: dict[str, int]) -> Iterator[Any]:
        query: dict[str, int | str] = {"startTimestamp": start, "pageSize": _PAGE_SIZE}
        tokens: set[str] = set()
        while True:
            page, now = web.read(self._address(**query), _parse_page)
            yield from page["hashRecords"]
            if not page["hasMoreRecords"]:
                # A checkpoint in the future would miss the changes until then.
                reached["timestamp"] = min(page["nextSetTimestamp"], int(now.timestamp()))
                return
            token = page.get("nextPageToken")
            # A repeated token would return the same pages for ever.
            if not isinstance(token, str) or not token or token in tokens:
                raise SourceError(f"{self._base}: its pages do not end")
            tokens.add(token)
            query["nextPageToken"] = token


def _parse_page(body: bytes) -> dict[str, Any]:
    page = parse_json(body)
    if (
        not isinstance(page, dict)
        or not isinstance(page.get("hashRecords"), list)
        or not isinstance(page.get("hasMoreRecords"), bool)
        or not isinstance(page.get("nextSetTimestamp"), int)
    ):
        raise ListFileError("the response is not a page of StopNCII", hint="Nothing was changed.")
    return page


def _items(records: Iterator[Any]) -> Iterator[DeliveredItem]:
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            yield BadRow(number, "the record is not an object")
            continue
        kind, value = as_text(record.get("signalType")), as_text(record.get("hashValue"))
        status, changed = record.get("hashStatus"), record.get("lastModtimestamp")
        if not kind or not value:
            yield BadRow(number, "there is no hash")
            continue
        entry_id = _identity(kind, value)
        if not isinstance(status, str) or not _is_moment(changed):
            yield BadRow(number, "there is no status, or no time of change", entry_id)
            continue
        if kind in _NO_HASHES:
            yield Excluded(number)
        elif status not in _WITHDRAWN:
            yield RawRow(
                number,
                _ALGORITHMS.get(kind, kind),
                value,
                entry_id,
                tags=("video",) if kind.startswith("Video") else (),
                added_at=datetime.fromtimestamp(changed, UTC).isoformat(),
                note=_cases(record.get("caseNumbers")),
                is_kind=True,
            )
        # Of fixed width, since moments are compared as text.
        yield EntryUpdate(number, entry_id, f"{changed:020}")


def _identity(kind: str, value: str) -> str:
    # Hexadecimal digits in another case are the same hash.
    return hashlib.sha256(f"{kind}:{value.lower()}".encode()).hexdigest()[:24]


def _is_moment(value: Any) -> TypeGuard[int]:
    # Up to the year 3058, which Python and the databases can represent.
    return isinstance(value, int) and 0 <= value < 1 << 35


def _cases(numbers: object) -> str:
    # Bounded, since the server may send any number of them.
    names = [as_text(one[:100]) or "?" for one in numbers] if isinstance(numbers, dict) else []
    return f"cases {', '.join(sorted(names)[:20])}" if names else ""
