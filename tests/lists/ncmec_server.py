"""NCMEC Hash Sharing, version 2, as its documentation and independent clients show it."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlencode, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tests.lists.loopback import Answer, Request, Service

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:?\d\d)")
GUID = "01234567-abcd-0123-4567-012345678900"
Key = tuple[int, str]


@dataclass(frozen=True, order=True)
class Member:
    """Organisation that shares entries."""

    id: int = 42
    name: str = "Example Member"


@dataclass
class Entry:
    """Entry; fingerprints that are None have an address; `xml` is the rest, as `<feedback/>`."""

    id: str
    fingerprints: dict[str, str | None] = field(default_factory=dict)
    member: Member = Member()
    video: bool = False
    classification: str = "A1"
    xml: str = ""
    deleted: bool = False
    timestamp: datetime = datetime.min


@dataclass(frozen=True)
class Feedback:
    """Feedback of a client on one fingerprint of an entry."""

    member: int
    entry: str
    kind: str
    affirmative: bool
    reasons: tuple[str, ...] = ()


@dataclass
class NcmecServer(Service):
    """Entries of many members, as they are at each page; `wrong` tells the client's mistakes."""

    username: str = "user"
    password: str = "password"
    member: Member = Member(1, "Our Platform")
    page_size: int = 1000
    cursor_life: timedelta = timedelta(hours=12)
    expired_status: int = 500
    reasons: dict[str, str] = field(default_factory=lambda: {GUID: "Example Reason 1"})
    entries: dict[Key, Entry] = field(default_factory=dict)
    feedback: list[Feedback] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    complete: datetime | None = None
    _listings: dict[tuple[datetime, ...], tuple[datetime, list[Key]]] = field(default_factory=dict)
    _links: list[dict[str, str]] = field(default_factory=list)

    def put(self, entry: Entry, at: datetime | None = None) -> Entry:
        """Add an entry, or put it in the place of the one of its member and id."""
        entry.timestamp = (at or self.now()).astimezone(UTC).replace(microsecond=0)
        self.entries[entry.member.id, entry.id] = entry
        return entry

    def withdraw(self, entry: Entry, at: datetime | None = None) -> Entry:
        """Leave nothing but a tombstone of an entry."""
        return self.put(replace(entry, deleted=True), at)

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a request."""
        if fault == "before":
            raise ConnectionAbortedError("broken off")
        answer = self._carry_out(request, whole=fault in ("", "unmeasured"))
        if fault == "empty":
            return Answer(502)
        return _cut(answer) if fault == "after" else answer

    def _carry_out(self, request: Request, *, whole: bool) -> Answer:
        base, _, rest = request.path.partition("/v2/")
        credentials = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if base != urlsplit(self.url).path:
            return self._refuse(404, f"an address outside of the base: {request.path}")
        if "authorization" not in request.headers:
            self.wrong.append(f"no credentials: {request.path}")
        if request.headers.get("authorization") != f"Basic {credentials}":
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="Hash Sharing"'})
        match request.method, [unquote(part) for part in rest.split("/")]:
            case "GET", ["status" | "members" as name]:
                return self._tell_members(name)
            case "GET", ["entries"]:
                return self._list(request.query, whole=whole)
            case "GET", ["feedback", kind, "reasons"]:
                return self._tell_reasons(kind)
            case "PUT", ["entries", id_, name, kind, "feedback"] if id_.isdigit():
                return self._vote(self.entries.get((int(id_), name)), kind, request)
        return self._refuse(404, f"nothing is there: {request.method} {request.path}")

    def _tell_members(self, name: str) -> Answer:
        members = {entry.member for entry in list(self.entries.values())} | {self.member}
        root = Element(name, xmlns=NAMESPACE)
        if name == "status":
            members = {self.member}
            SubElement(root, "ipAddress").text = "127.0.0.1"
            SubElement(root, "username").text = self.username
        for member in sorted(members):
            SubElement(root, "member", id=f"{member.id}").text = member.name
        return _xml(root)

    def _tell_reasons(self, kind: str) -> Answer:
        root = Element("availableFeedbackReasons", xmlns=NAMESPACE)
        for guid, name in self.reasons.items():
            SubElement(root, "reason", guid=guid, name=name, type=kind.capitalize())
        return _xml(root)

    def _list(self, query: dict[str, str], *, whole: bool) -> Answer:
        times = [query.get("from", ""), query.get("to", "")]
        if not all(_TIME.fullmatch(time) for time in times):
            return self._refuse(400, f"no window in UTC: {query}")
        start, end = (datetime.fromisoformat(time).astimezone(UTC) for time in times)
        now, entries, known = self.now(), list(self.entries.values()), self.complete
        gap = start > known if known else any(entry.timestamp <= start for entry in entries)
        offset = int(query.get("start", "1")) - 1
        mistakes = {
            "a window that ends in the future, or before it begins": start > end or end > now,
            "a page that no link led to": offset and query not in self._links,
            f"a window that leaves a gap after {known}": not offset and gap,
        }
        self.wrong += [f"{words}: {query}" for words, is_so in mistakes.items() if is_so]
        if not offset or (start, end) not in self._listings:
            keys = [(e.member.id, e.id) for e in entries if start < e.timestamp <= end]
            keys.sort(key=lambda key: zlib.crc32(f"{key}".encode()))
            self._listings[start, end] = now, keys
        since, keys = self._listings[start, end]
        if now - since > self.cursor_life:
            return Answer(self.expired_status)
        stop = offset + int(query.get("size", self.page_size))
        page = [self.entries[key] for key in keys[offset:stop] if key in self.entries]
        root = Element("queryResult", xmlns=NAMESPACE)
        for name, video in (("images", False), ("videos", True)):
            group = [e for e in page if start < e.timestamp <= end and e.video == video]
            if group or not keys:
                root.append(self._group(name, group))
        if stop < len(keys):
            numbers = {"start": stop + 1, "size": self.page_size, "max": len(keys)}
            link = {"from": _iso(start), "to": _iso(end)} | {n: f"{v}" for n, v in numbers.items()}
            SubElement(SubElement(root, "paging"), "next").text = f"/v2/entries?{urlencode(link)}"
            if whole:
                self._links.append(link)
        elif whole and not gap:
            self.complete = max(known or end, end)
        return _xml(root)

    def _group(self, name: str, entries: list[Entry]) -> Element:
        root = Element(name, count=f"{len(entries)}")
        for entry in entries:
            kind = "Video" if entry.video else "Image"
            time = f"{entry.timestamp:%Y-%m-%dT%H:%M:%SZ}"
            root.set("maxTimestamp", max(root.get("maxTimestamp", ""), time))
            node = SubElement(root, f"deleted{kind}" if entry.deleted else kind.lower())
            SubElement(node, "member", id=f"{entry.member.id}").text = entry.member.name
            for tag in ("id", "timestamp") if entry.deleted else ("timestamp", "id"):
                SubElement(node, tag).text = entry.id if tag == "id" else time
            if entry.deleted:
                continue
            if entry.classification:
                SubElement(node, "classification").text = entry.classification
            prints = SubElement(node, "fingerprints")
            for tag, value in entry.fingerprints.items():
                href = f"/v2/entries/{entry.id}/fingerprints/{tag.upper().replace('-', '_')}"
                large = {"rel": "self", "href": href} if value is None else {}
                SubElement(prints, tag, large).text = value
            node.extend(ElementTree.fromstring(f"<entry>{entry.xml}</entry>"))
        return root

    def _vote(self, entry: Entry | None, kind: str, request: Request) -> Answer:
        if entry is None or entry.deleted:
            return Answer(404)
        name = f"{{{NAMESPACE}}}"
        try:
            root = ElementTree.fromstring(request.body)
        except ElementTree.ParseError:
            root = Element("nothing")
        verdicts = [child.tag.removeprefix(name) for child in root]
        guids = tuple(guid.text or "" for guid in root.iter(f"{name}guid"))
        good = verdicts == ["negative" if guids else "affirmative"]
        good = good and set(guids) <= set(self.reasons)
        good = good and "xml" in request.headers.get("content-type", "")
        kinds = {tag.replace("-", "_").upper() for tag in entry.fingerprints}
        if root.tag != f"{name}feedbackSubmission" or not good or kind not in kinds:
            return self._refuse(400, f"feedback on {kind} of another form: {request.body!r}")
        self.feedback.append(Feedback(entry.member.id, entry.id, kind, not guids, guids))
        return _xml(Element("submissionResult", xmlns=NAMESPACE))

    def _refuse(self, status: int, reason: str) -> Answer:
        self.wrong.append(reason)
        return Answer(status, reason.encode(), {"Content-Type": "text/plain"})


def _xml(root: Element) -> Answer:
    content = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Answer(200, content, {"Content-Type": "application/xml"})


def _cut(answer: Answer) -> Answer:
    """Return an answer that promises its whole content and ends in the middle of it."""
    size = len(answer.content)
    headers = answer.headers | {"Transfer-Encoding": "chunked", "Connection": "close"}
    return Answer(answer.status, f"{size:x}\r\n".encode() + answer.content[: size // 2], headers)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
