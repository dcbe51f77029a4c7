"""Servers that speak the protocols of NCMEC, StopNCII and ThreatExchange, with made-up entries.

Their entries are put there by name: a number becomes a hash, None takes the entry away.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.lists.loopback import Answer, Request, Service

_XML_NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    """An entry as it now is, or that it is gone."""

    name: str
    number: int | None
    changed: datetime


@dataclass
class Exchange(Service):
    """Common part of the servers. Their clock stands until it is moved.

    The faults of their own are "elsewhere", a next page of another query, and "endless", one that
    was before.
    """

    items: dict[str, Item] = field(default_factory=dict)
    corrupt: int = 0
    page_size: int = 5
    # Feedback of members: (hash, verdict).
    opinions: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the clock."""
        self.clock = EPOCH
        self.now = lambda: self.clock

    def put(self, name: str, number: int | None) -> None:
        """Change an entry now."""
        self.items[name] = Item(name, number, self.clock)

    def pass_time(self, **parts: float) -> None:
        """Move the clock."""
        self.clock += timedelta(**parts)

    @property
    def numbers(self) -> set[int]:
        """Numbers of the entries that the server has now."""
        return {one.number for one in self.items.values() if one.number is not None}

    @abstractmethod
    def is_allowed(self, request: Request) -> bool:
        """Say whether the request has the right key."""

    @abstractmethod
    def respond(self, request: Request, fault: str) -> Answer:
        """Answer a request that has it."""

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        return self.respond(request, fault) if self.is_allowed(request) else Answer(401)


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


class NCMECServer(Exchange):
    """Hash Sharing, version 2: windows of time, within them any order."""

    username, password = "user", "secret-of-ncmec"
    reasons = {"guid-1": "Not CSAM"}  # noqa: RUF012

    def is_allowed(self, request: Request) -> bool:
        """Look at the Basic authorization."""
        given = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {given}"

    def respond(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if request.path == "/v2/status":
            return self._xml("status", '<ipAddress/><username/><member id="1">One</member>')
        if request.path == "/v2/entries":
            return self._entries(request, fault)
        if request.path == "/v2/feedback/MD5/reasons":
            content = "".join(f'<reason guid="{g}" name="{n}"/>' for g, n in self.reasons.items())
            return self._xml("x", f"<availableFeedbackReasons>{content}</availableFeedbackReasons>")
        given = re.fullmatch(r"/v2/entries/7/(.+)/MD5/feedback", request.path)
        if request.method == "PUT" and given:
            return self._opinion(given[1], request)
        return Answer(404)

    def _opinion(self, entry_id: str, request: Request) -> Answer:
        root = ElementTree.fromstring(request.body)
        (vote,) = root
        reasons = [one.text or "" for one in vote.iter(f"{{{_XML_NAMESPACE}}}guid")]
        is_positive = vote.tag == f"{{{_XML_NAMESPACE}}}affirmative"
        if is_positive is bool(reasons) or not set(reasons) <= set(self.reasons):
            return Answer(400)
        self.opinions.append((unquote(entry_id), "yes" if is_positive else f"no: {reasons[0]}"))
        return self._xml("ok", "")

    def _entries(self, request: Request, fault: str) -> Answer:
        query = request.query
        after, until = (_moment(query[name]) for name in ("from", "to"))
        inside = [one for one in self.items.values() if after < one.changed <= until]
        random.Random(query["from"]).shuffle(inside)
        start = int(query.get("start", "1")) - 1
        page = inside[start : start + self.page_size]
        images = [one for one in page if "film" not in one.name]
        films = [one for one in page if "film" in one.name]
        rest = ""
        if start + self.page_size < len(inside):
            following = {name: query[name] for name in ("from", "to")}
            following |= {"start": str(start + self.page_size + 1), "size": "1000"}
            following["max"] = str(len(inside))
            if fault == "elsewhere":
                following["from"] = (after - timedelta(hours=1)).strftime(_MOMENT)
            if fault == "endless":
                following["start"] = "1"
            link = escape(f"/v2/entries?{urlencode(following)}")
            rest = f"<paging><next>{link}</next></paging>"
        content = self._group("image", images) + self._group("video", films) + rest
        return self._xml("queryResult", content)

    def _group(self, kind: str, items: Sequence[Item]) -> str:
        if not items:
            return ""
        newest = max(one.changed for one in items).strftime(_MOMENT)
        entries = "".join(self._entry(kind, one) for one in items)
        return f'<{kind}s count="{len(items)}" maxTimestamp="{newest}">{entries}</{kind}s>'

    def _entry(self, kind: str, item: Item) -> str:
        content = (
            f'<member id="7">Member</member><timestamp>{item.changed.strftime(_MOMENT)}'
            f"</timestamp><id>{item.name}</id>"
        )
        if item.number is None:
            name = f"deleted{kind.capitalize()}"
            return f"<{name}>{content}</{name}>"
        prints = f"<md5>{item.number:032x}</md5><pdna>{base64.b64encode(b'p').decode()}</pdna>"
        if self.corrupt > 0:
            self.corrupt -= 1
            prints += "<pdq>00ff</pdq>"
        content += f"<classification>A1</classification><fingerprints>{prints}</fingerprints>"
        return f"<{kind}>{content}</{kind}>"

    def _xml(self, name: str, content: str) -> Answer:
        text = f'<?xml version="1.0"?><{name} xmlns="{_XML_NAMESPACE}">{content}</{name}>'
        return Answer(200, text.encode(), {"Content-Type": "application/xml"})


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)


class StopNCIIServer(Exchange):
    """StopNCII: a record is its hash; pages by token."""

    function_key, subscription_key = "secret-function-key", "secret-subscription-key"
    feedback_key = "secret-feedback-key"

    def put(self, name: str, number: int | None) -> None:
        """Change an entry now: another hash is another record, and the old one is withdrawn."""
        before = self.items.get(name)
        if before is not None and before.number not in (None, number):
            gone = f"{name} once {before.number}"
            self.items[gone] = Item(f"{before.number}", None, self.clock)
        if number is not None:
            self.items[name] = Item(name, number, self.clock)
        else:
            self.items.pop(name, None)

    def is_allowed(self, request: Request) -> bool:
        """Look at both keys."""
        given = (
            request.headers.get("x-functions-key"),
            request.headers.get("ocp-apim-subscription-key"),
        )
        key = self.feedback_key if request.path == "/SubmitFeedback" else self.function_key
        return given == (key, self.subscription_key)

    def respond(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if request.path == "/SubmitFeedback":
            said = json.loads(request.body)
            if request.method != "POST" or said["count"] != len(said["hashFeedbacks"]):
                return Answer(400)
            for one in said["hashFeedbacks"]:
                self.opinions.append((one["hashValue"], one["feedbackValue"]))
            return _json({})
        start = int(request.query.get("startTimestamp", "0"))
        if request.path != "/FetchHashes" or start < 10:
            return Answer(400)
        since = [one for one in self.items.values() if one.changed.timestamp() >= start]
        since.sort(key=lambda one: one.changed)
        offset = int(request.query.get("nextPageToken", "token-0").removeprefix("token-"))
        page = since[offset : offset + self.page_size]
        records: list[Any] = [self._record(one) for one in page]
        if self.corrupt > 0:
            self.corrupt -= 1
            records += [_stopncii_record("ImagePDQ", "0" * 32, "Active", 11), "none", {}]
        offset += self.page_size
        has_more = offset < len(since)
        token = {"endless": "token-0", "elsewhere": ""}.get(fault, f"token-{offset}")
        return _json(
            {
                "count": len(records),
                "nextPageToken": token if has_more else None,
                "nextSetTimestamp": int(self.clock.timestamp()),
                "hasMoreRecords": has_more,
                "hashRecords": records,
            }
        )

    def _record(self, item: Item) -> dict[str, Any]:
        # A withdrawn one is named by its number.
        number = int(item.name) if item.number is None else item.number
        status = "Withdrawn" if item.number is None else "Active"
        moment = int(item.changed.timestamp())
        return _stopncii_record("ImagePDQ", f"{number:064x}", status, moment)


def _stopncii_record(kind: str, value: str, status: str, moment: int) -> dict[str, Any]:
    return {
        "lastModtimestamp": moment,
        "signalType": kind,
        "hashValue": value,
        "hashStatus": status,
        "caseNumbers": {f"case-{value[-4:]}": status},
        "CSPFeedbacks": [{"source": "One", "feedbackValue": "Blocked", "tags": ["x"]}],
    }


class ThreatExchangeServer(Exchange):
    """ThreatExchange: in the order of time, by cursor; deletions are shown for ninety days."""

    access_token = "12345678|secret-of-threatexchange"
    privacy_group = "4242"

    def is_allowed(self, request: Request) -> bool:
        """Look at the token."""
        body = parse_qs(request.body.decode())
        given = request.query.get("access_token") or body.get("access_token", [""])[0]
        return given == self.access_token

    def respond(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        query = request.query
        if request.method == "POST":
            reactions = parse_qs(request.body.decode())["reactions"]
            self.opinions.append((request.path.strip("/"), reactions[0]))
            return _json({"success": True})
        if query.get("fields") == "descriptors":
            named = request.path.strip("/")
            return _json({"id": named, "descriptors": {"data": [{"id": f"{named}1"}]}})
        if request.path.rstrip("/") != f"/{self.privacy_group}/threat_updates":
            return Answer(404)
        start = int(query.get("start_time", "0"))
        since = [one for one in self.items.values() if one.changed.timestamp() >= start]
        since = [one for one in since if one.number is not None or self._is_shown(one)]
        since.sort(key=lambda one: one.changed)
        limit = min(self.page_size, int(query.get("limit", "100")))
        offset = int(query.get("after", "0"))
        records: list[Any] = [self._record(one) for one in since[offset : offset + limit]]
        if self.corrupt > 0:
            self.corrupt -= 1
            bad = self._record(Item("bad", 0, self.clock)) | {"indicator": "0" * 32}
            records += [bad, "none", {}]
        answer: dict[str, Any] = {"data": records}
        if offset + limit < len(since):
            following = query | {"after": str(offset + limit)}
            base = self.url
            if fault == "endless":
                following = query
            if fault == "elsewhere":
                base = "http://127.0.0.2:1"
            address = f"{base}/{self.privacy_group}/threat_updates?{urlencode(following)}"
            answer["paging"] = {"cursors": {"after": "x"}, "next": address}
        return _json(answer)

    def _is_shown(self, item: Item) -> bool:
        return self.clock - item.changed < timedelta(days=90)

    def _record(self, item: Item) -> dict[str, Any]:
        opinion = {"id": "1", "owner": {"id": "9"}, "status": "MALICIOUS", "tags": ["made-up"]}
        return {
            "id": indicator_id(item.name),
            "indicator": f"{item.number or 0:064x}",
            "type": "HASH_PDQ",
            "last_updated": int(item.changed.timestamp()),
            "should_delete": item.number is None,
            **({} if item.number is None else {"descriptors": {"data": [opinion]}}),
        }


def indicator_id(name: str) -> str:
    """Return the id that ThreatExchange gives the entry of a name."""
    return str(int(hashlib.sha256(name.encode()).hexdigest()[:12], 16))
