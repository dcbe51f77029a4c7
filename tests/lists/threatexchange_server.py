"""Meta ThreatExchange's `threat_updates`, as its documentation and independent clients show it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.lists.loopback import Answer, Request, Service

STATUSES = ("MALICIOUS", "SUSPICIOUS", "NON_MALICIOUS", "UNKNOWN")
_Cursor = tuple[datetime, dict[str, str], tuple[int, int]]
_KEPT = timedelta(days=90)


@dataclass
class Descriptor:
    """Opinion of a member; what is None or empty is not shown."""

    id: str
    owner: str | None = "1234567890"
    status: str | None = "MALICIOUS"
    tags: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, object] = field(default_factory=dict)

    def node(self) -> dict[str, object]:
        """Return the JSON object."""
        tags = [{"id": f"{zlib.crc32(tag.encode())}", "text": tag} for tag in self.tags]
        return {
            "id": self.id,
            "owner": self.owner and {"id": self.owner},
            "status": self.status,
            "tags": tags and {"data": tags},
            "reactions": [{"key": k, "value": ",".join(v)} for k, v in self.reactions.items()],
        } | self.others


@dataclass
class Indicator:
    """Signal and the opinions about it, which nobody sees once it is deleted."""

    id: str
    indicator: str
    type: str = "HASH_PDQ"
    descriptors: list[Descriptor] = field(default_factory=list)
    should_delete: bool = False
    creation_time: int = 0
    last_updated: int = 0
    place: int = 0

    def node(self) -> dict[str, object]:
        """Return the JSON object."""
        statuses = {descriptor.status for descriptor in self.descriptors}
        nodes = [descriptor.node() for descriptor in self.descriptors if not self.should_delete]
        return {name: value for name, value in vars(self).items() if name != "place"} | {
            "tags": sorted({tag for descriptor in self.descriptors for tag in descriptor.tags}),
            "status": next((status for status in STATUSES if status in statuses), ""),
            "applications_with_opinions": sorted({d.owner for d in self.descriptors if d.owner}),
            "descriptors": nodes and {"data": nodes},
        }


@dataclass(frozen=True)
class Reaction:
    """What a client said of a descriptor."""

    descriptor: str
    names: tuple[str, ...]


@dataclass
class ThreatExchangeServer(Service):
    """Updates of one group, shown after a `delay`; `wrong` tells the client's mistakes.

    When `sparse`, the first page is empty. The fault "throttled" refuses for the rate.
    """

    token: str = "12345678|aSdF123GhKaSdF123GhK"
    privacy_group: str = "123456789012345"
    sparse: bool = False
    page_size: int = 1000
    delay: timedelta = timedelta()
    cursor_life: timedelta = timedelta(days=1)
    entries: dict[str, Indicator] = field(default_factory=dict)
    feedback: list[Reaction] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    complete: int | None = None
    polled: datetime | None = None
    _cursors: dict[str, _Cursor] = field(default_factory=dict)
    _places: int = 0

    def put(self, indicator: Indicator, at: datetime | None = None) -> Indicator:
        """Add an indicator, or put it in the place of the one of its id; it becomes the last."""
        self._places += 1
        indicator.place, indicator.last_updated = self._places, int((at or self.now()).timestamp())
        indicator.creation_time = indicator.creation_time or indicator.last_updated
        self.entries[indicator.id] = indicator
        return indicator

    def withdraw(self, indicator: Indicator, at: datetime | None = None) -> Indicator:
        """Tell for 90 days that an indicator is deleted."""
        indicator.should_delete = True
        return self.put(indicator, at)

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if fault == "before":
            raise ConnectionAbortedError("broken off")
        if fault == "throttled":
            return _error(400, 4, "(#4) Application request limit reached")
        answer = self._carry_out(request, whole=fault in ("", "unmeasured"))
        if fault == "empty":
            return Answer(502)
        return _cut(answer) if fault == "after" else answer

    def _carry_out(self, request: Request, *, whole: bool) -> Answer:
        place = request.path.removeprefix(f"{urlsplit(self.url).path}/").removesuffix("/")
        query = request.query | dict(parse_qsl(request.body.decode(errors="replace")))
        header = request.headers.get("authorization", "").partition(" ")[2]
        if query.pop("access_token", header) != self.token:
            return _error(400, 190, "Invalid OAuth access token.")
        if request.method == "GET" and place == f"{self.privacy_group}/threat_updates":
            return self._list(request.path, query, whole=whole)
        named, _, edge = place.partition("/")
        if request.method == "GET" and named in self.entries and edge in ("", "descriptors"):
            # An indicator, or its connection; one that is deleted has no opinions.
            opinions = self.entries[named].node()["descriptors"] or {"data": []}
            return _json(200, opinions if edge else {"id": named, "descriptors": opinions})
        if request.method == "POST":
            return self._react(place, query)
        return self._refuse(f"nothing is there: {request.path}")

    def _list(self, path: str, query: dict[str, str], *, whole: bool) -> Answer:
        now, known, after = self.now(), self.complete, query.pop("after", "")
        try:
            start, limit = int(query.get("start_time", "0")), int(query.get("limit", "25"))
            stop = int(query.get("stop_time", f"{1 << 62}"))
            fields = re.sub(r"([^{},]+)", r'"\1":{}', query.get("fields", "id,indicator,type"))
            selection = json.loads(f"{{{fields.replace(':{}{', ':{')}}}")
        except ValueError:
            return self._refuse(f"(#100) parameters that mean nothing: {query}")
        if set(selection) - set(Indicator("", "").node()) or limit < 1:
            return self._refuse(f"(#100) fields that do not exist, or no limit: {query}")
        since, given, position = self._cursors.get(after, (now, query, (0, 0)))
        if after and (after not in self._cursors or now - since > self.cursor_life):
            return self._refuse(f"(#100) a cursor that was never given or is too old: {after}")
        horizon, forgotten = (now - self.delay).timestamp(), (now - _KEPT).timestamp()
        entries = [e for e in list(self.entries.values()) if e.last_updated <= horizon]
        entries = [e for e in entries if not e.should_delete or e.last_updated >= forgotten]
        gap = start > known if known else any(e.last_updated < start for e in entries)
        if query != given:
            self.wrong.append(f"a cursor of {given} used with {query}")
        if not after and gap:
            self.wrong.append(f"a start that leaves a gap after {known}: {query}")
        if not after and start and self.polled and now - self.polled > _KEPT:
            self.wrong.append(f"a start after deletions were forgotten: {query}")
        types = query.get("types", "").split(",")
        entries = [e for e in entries if not types[0] or e.type in types]
        rest = sorted((e.last_updated, e.place, e.id) for e in entries)
        rest = [item for item in rest if position < item[:2] and start <= item[0] < stop]
        page = [] if self.sparse and not after else rest[: min(limit, self.page_size)]
        nodes = [_select(self.entries[id_].node(), selection) for _, _, id_ in page]
        more = len(rest) > len(page)
        after = base64.urlsafe_b64encode(f"{len(self._cursors)}".encode()).decode()
        link = urlencode({"access_token": self.token, **query, "after": after})
        origin = self.url.removesuffix(urlsplit(self.url).path)
        paging: dict[str, object] = {"cursors": {"before": "MAZDZD", "after": after}}
        paging |= {"next": f"{origin}{path}?{link}"} if more else {}
        if whole and more:
            self._cursors[after] = now, query, page[-1][:2] if page else position
        if whole and not gap:
            ends = [item[0] for item in page] + ([] if more or stop > horizon else [stop])
            self.complete = max([*ends, known or 0]) if ends else known
            self.polled = self.polled if more else now
        return _json(200, {"data": nodes} | ({"paging": paging} if rest else {}))

    def _react(self, place: str, query: dict[str, str]) -> Answer:
        names, app = query.get("reactions", "").split(","), self.token.partition("|")[0]
        for indicator, descriptor in [(e, d) for e in self.entries.values() for d in e.descriptors]:
            if descriptor.id == place and all(names) and descriptor.owner != app:
                self.feedback.append(Reaction(place, tuple(names)))
                for name in names:
                    descriptor.reactions.setdefault(name, []).append(app)
                self.put(indicator)
                return _json(200, {"success": True})
        return self._refuse(f"(#100) a reaction that cannot be: {place} {query}")

    def _refuse(self, reason: str) -> Answer:
        self.wrong.append(reason)
        return _error(400, 100, reason)


def _select(node: Any, selection: dict[str, Any]) -> Any:
    """Return the selected members of a node, or all of them, without what is empty."""
    if not isinstance(node, dict):
        return [_select(item, selection) for item in node] if isinstance(node, list) else node
    if "data" in node:
        return {"data": _select(node["data"], selection)}
    names = {"id": {}} | selection if selection else {name: {} for name in node}
    told = {name: _select(node[name], names[name]) for name in names if name in node}
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}


def _error(status: int, code: int, message: str) -> Answer:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "EJplcsCHu"}
    return _json(status, {"error": error})


def _json(status: int, value: object) -> Answer:
    headers = {"Content-Type": "application/json", "X-App-Usage": '{"call_count":28}'}
    return Answer(status, json.dumps(value).encode(), headers)


def _cut(answer: Answer) -> Answer:
    """Return an answer that promises its whole content and ends in the middle of it."""
    size = len(answer.content)
    headers = answer.headers | {"Transfer-Encoding": "chunked", "Connection": "close"}
    return Answer(answer.status, f"{size:x}\r\n".encode() + answer.content[: size // 2], headers)
