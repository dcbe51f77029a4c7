"""The hash list of StopNCII.org, as independent clients and their recordings show it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from tests.lists.loopback import Answer, Request, Service

Key = tuple[str, str]
VALUES = (
    *("Unknown", "None", "QualityUnknown", "PendingReview", "Blocked", "NotBlocked"),
    *("Withdrawn", "Deleted"),
)

KINDS = ("ImagePDQ", "VideoMD5", "VideoTMK", "Text", "URL")


@dataclass
class Opinion:
    """Feedback of a platform that a record shows."""

    source: str = "Facebook"
    value: str = "Blocked"
    tags: list[str] = field(default_factory=list)


@dataclass
class Record:
    """Record of the list.

    `raw` holds members to send in place of the record's own; one that is ... is not sent.
    """

    value: str
    kind: str = "ImagePDQ"
    status: str = "Active"
    cases: dict[str, str] = field(default_factory=lambda: {"cc592711-7068": "Active"})
    opinions: list[Opinion] = field(default_factory=list)
    raw: dict[str, object] = field(default_factory=dict)
    modified: int = 0

    def members(self) -> dict[str, object]:
        """Return the members of the JSON object; no case at all is an empty list, as seen."""
        members: dict[str, object] = {
            "lastModtimestamp": self.modified,
            "hashValue": self.value,
            "hashStatus": self.status,
            "caseNumbers": self.cases or [],
            "signalType": self.kind,
        }
        if self.opinions:
            members["CSPFeedbacks"] = [
                {"source": opinion.source, "feedbackValue": opinion.value, "tags": opinion.tags}
                for opinion in self.opinions
            ]
        return {name: value for name, value in (members | self.raw).items() if value is not ...}


@dataclass(frozen=True)
class Feedback:
    """Feedback of a client on a hash."""

    value: str
    verdict: str
    tags: tuple[str, ...] = ()


@dataclass
class _Cursor:
    query: dict[str, str]
    since: datetime
    found: list[tuple[int, Key]]
    offset: int


@dataclass
class StopNciiServer(Service):
    """Records, oldest first, as they are at each page; `wrong` tells the client's mistakes.

    The fault "throttled" refuses a request for its rate.
    """

    subscription_key: str = "subscription"
    fetch_key: str = "fetch"
    feedback_key: str = "feedback"
    submission_key: str = "submission"
    source: str = "Our Platform"
    page_size: int = 1000
    inclusive: bool = True
    cursor_life: timedelta = timedelta(hours=1)
    expired_status: int = 400
    entries: dict[Key, Record] = field(default_factory=dict)
    feedback: list[Feedback] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    complete: int | None = None
    _cursors: dict[str, _Cursor] = field(default_factory=dict)

    def put(self, record: Record, at: datetime | None = None) -> Record:
        """Add a record, or put it in the place of the one of its kind and value."""
        record.modified = int((at or self.now()).timestamp())
        self.entries[record.kind, record.value] = record
        return record

    def withdraw(
        self, record: Record, status: str = "Withdrawn", at: datetime | None = None
    ) -> Record:
        """Give a record and its cases another status; it stays in the list."""
        record.status = status
        record.cases = dict.fromkeys(record.cases, status)
        return self.put(record, at)

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if fault == "before":
            raise ConnectionAbortedError("broken off")
        if fault == "throttled":
            return _json(429, {"statusCode": 429, "message": "slow down"}, {"Retry-After": "1"})
        answer = self._carry_out(request, whole=fault in ("", "unmeasured"))
        if fault == "empty":
            return Answer(502)
        return _cut(answer) if fault == "after" else answer

    def _carry_out(self, request: Request, *, whole: bool) -> Answer:
        place = request.path.removeprefix(f"{urlsplit(self.url).path}/")
        keys = {
            "FetchHashes": self.fetch_key,
            "SubmitFeedback": self.feedback_key,
            "SubmitHashes": self.submission_key,
        }
        if place not in keys or (request.method == "GET") is not (place == "FetchHashes"):
            return self._refuse(404, f"nothing is there: {request.method} {request.path}")
        for name in ("x-functions-key", "ocp-apim-subscription-key"):
            if name not in request.headers:
                self.wrong.append(f"no {name}: {place}")
        if request.headers.get("ocp-apim-subscription-key") != self.subscription_key:
            return _json(401, {"statusCode": 401, "message": "invalid subscription key"})
        if request.headers.get("x-functions-key") != keys[place]:
            return Answer(401)
        if place == "FetchHashes":
            return self._fetch(request.query, whole=whole)
        return self._submit(request) if place == "SubmitHashes" else self._take(request)

    def _fetch(self, query: dict[str, str], *, whole: bool) -> Answer:
        numbers = [query.get("startTimestamp", ""), query.get("pageSize", "")]
        if not all(number.isdecimal() for number in numbers) or int(numbers[0]) < 10:
            return self._refuse(400, f"no startTimestamp of at least 10, or no pageSize: {query}")
        start, size = int(numbers[0]), max(1, min(int(numbers[1]), self.page_size))
        now, known, since = self.now(), self.complete, start if self.inclusive else start + 1
        records = list(self.entries.values())
        records.sort(key=lambda record: record.modified)
        gap = start > known if known else any(record.modified < since for record in records)
        token = query.pop("nextPageToken", "")
        cursor = self._cursors.get(token)
        if token and cursor is None:
            return self._refuse(400, f"a token that was never given: {token!r}")
        if cursor is None:
            if gap or start > now.timestamp():
                self.wrong.append(f"a start that leaves a gap after {known}: {query}")
            found = [(r.modified, (r.kind, r.value)) for r in records if r.modified >= since]
            cursor = _Cursor(query, now, found, 0)
        elif now - cursor.since > self.cursor_life:
            return Answer(self.expired_status)
        elif query != cursor.query:
            self.wrong.append(f"a token of {cursor.query} used with {query}")
        stop = cursor.offset + size
        more = stop < len(cursor.found)
        page = [self.entries[key] for _, key in cursor.found[cursor.offset : stop]]
        last = max([start, *(time for time, _ in cursor.found)])
        earlier = max([start, *(time for time, _ in cursor.found[: cursor.offset])])
        if more:
            token = base64.b64encode(b"\xfb\xff\xfe%d" % len(self._cursors)).decode()
            if whole:
                self._cursors[token] = _Cursor(query, cursor.since, cursor.found, stop)
        elif whole and not gap:
            self.complete = max(known or last, last)
        return _json(
            200,
            {
                "count": len(page),
                "nextPageToken": token if more else None,
                "nextSetTimestamp": earlier if cursor.offset and not more else last,
                "hasMoreRecords": more,
                "hashRecords": [record.members() for record in page],
            },
        )

    def _submit(self, request: Request) -> Answer:
        """Take hashes of a platform; a record that it submits again is the same one."""
        try:
            body = json.loads(request.body)
            records = [
                Record(
                    one["hashValue"],
                    one["signalType"],
                    cases={},
                    opinions=[
                        Opinion(self.source, said["feedbackValue"], said["tags"])
                        for said in one["CSPFeedbacks"]
                    ],
                )
                for one in body["hashRecords"]
            ]
            times = [one["lastModtimestamp"] for one in body["hashRecords"]]
            good = body["count"] == len(records) and all(isinstance(one, int) for one in times)
            good = good and {one.kind for one in records} <= set(KINDS)
        except (ValueError, KeyError, TypeError):
            good = False
        if not good or "json" not in request.headers.get("content-type", ""):
            return self._refuse(400, "hashes of another form")
        for one in records:
            self.put(one)
        return _json(200, {"statusCode": 200})

    def _take(self, request: Request) -> Answer:
        try:
            body = json.loads(request.body)
            given = [
                Feedback(item["hashValue"], item["feedbackValue"], tuple(item["tags"]))
                for item in body["hashFeedbacks"]
            ]
            good = body["count"] == len(given) and {item.verdict for item in given} <= set(VALUES)
        except (ValueError, KeyError, TypeError):
            good = False
        if not good or "json" not in request.headers.get("content-type", ""):
            return self._refuse(400, f"feedback of another form: {request.body!r}")
        self.feedback.extend(given)
        for item in given:
            for record in [r for r in list(self.entries.values()) if r.value == item.value]:
                others = [o for o in record.opinions if o.source != self.source]
                record.opinions = [*others, Opinion(self.source, item.verdict, list(item.tags))]
                self.put(record)
        return _json(200, {"count": len(given)})

    def _refuse(self, status: int, reason: str) -> Answer:
        self.wrong.append(reason)
        return _json(status, {"statusCode": status, "message": reason})


def _json(status: int, value: object, headers: dict[str, str] | None = None) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status, json.dumps(value).encode(), kind | (headers or {}))


def _cut(answer: Answer) -> Answer:
    """Return an answer that promises its whole content and ends in the middle of it."""
    size = len(answer.content)
    headers = answer.headers | {"Transfer-Encoding": "chunked", "Connection": "close"}
    return Answer(answer.status, f"{size:x}\r\n".encode() + answer.content[: size // 2], headers)
