"""Test double of NCMEC's CyberTipline reporting service, written from outside evidence only."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message, message_from_bytes
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs
from uuid import uuid4

from lxml import etree

from tests.conftest import SHARED_DATA
from tests.lists.loopback import Answer, Request, Service

USER, PASSWORD = "platform", "secret-of-the-reporter"
SCHEMA = SHARED_DATA / "cybertip" / "cyber_tipline.xsd"

_LIFE, _LIFE_AFTER_CHANGE = timedelta(hours=24), timedelta(hours=1)
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_MEANINGS = {
    4000: "Invalid request",
    4100: "Validation failed",
    4110: "Malformed XML submittal",
    4200: "Malformed file submittal",
    5001: "Report does not exist",
    5002: "File does not exist",
    5101: "Report already retracted",
    5102: "Report already finished",
}
_LONGEST = {
    **dict.fromkeys(("escalateToHighPriority", "incidentDateTimeDescription"), 3000),
    **dict.fromkeys(("additionalInfo", "termsOfService"), 3000),
    **dict.fromkeys(("url", "profileUrl", "legalURL", "locationOfFile", "idValue"), 2083),
    **dict.fromkeys(("fileName", "originalFileName"), 2056),
    **dict.fromkeys(("platform", "screenName"), 256),
    **dict.fromkeys(("chatClient", "chatRoomName", "gameName", "console", "client"), 255),
    **dict.fromkeys(("locationName", "agencyName", "espIdentifier", "groupIdentifier"), 255),
    **dict.fromkeys(("schoolName", "idType", "email", "emailAddress", "region"), 255),
    **dict.fromkeys(("firstName", "lastName", "caseNumber", "nonUsaState", "espService"), 100),
}
_RANGES = {"port": range(1, 65536), "age": range(151), "approximateAge": range(151)}
_URLS = ("url", "profileUrl", "legalURL", "locationOfFile")
_MOMENT = "incidentSummary/incidentDateTime"


@cache
def load_schema(path: Path = SCHEMA) -> etree.XMLSchema | None:
    """Return the schema, or None where its file is absent."""
    return etree.XMLSchema(etree.parse(path)) if path.exists() else None


@dataclass
class Report:
    """Report that a client opened."""

    number: int
    opened_at: datetime
    touched_at: datetime
    document: bytes
    state: Literal["open", "finished", "retracted", "deleted"] = "open"
    files: dict[str, bytes] = field(default_factory=dict)
    described: list[str] = field(default_factory=list)
    details: dict[str, bytes] = field(default_factory=dict)


class _RefusedError(Exception):
    """Call that the service refuses: the code, and the reasons in words."""


@dataclass
class CyberTiplineServer(Service):
    """The service; own faults: "before", "after" and "garbled" (a cut answer), "empty" (a 502)."""

    password: str = PASSWORD
    reports: dict[str, Report] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    offset: timedelta = timedelta()
    on_call: Callable[[str], None] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def time(self) -> datetime:
        """Return the time by the service's clock."""
        return self.now() + self.offset

    def finished(self) -> list[Report]:
        """Return the reports that were filed."""
        with self._lock:
            return [report for report in self.reports.values() if report.state == "finished"]

    def still_open(self) -> list[Report]:
        """Return the reports that are neither filed, nor taken back, nor too old."""
        with self._lock:
            self._delete_old()
            return [report for report in self.reports.values() if report.state == "open"]

    def answer(self, request: Request, fault: str) -> Answer:
        """Carry a call out and answer it, or do what the fault says."""
        name = request.path.rpartition("/")[2]
        known = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        with self._lock:
            self.calls.append(name)
            if fault == "before":
                return Answer(200, b"<resp")
            if request.headers.get("authorization") != f"Basic {known}":
                return Answer(401, headers={"WWW-Authenticate": 'Basic realm="ispws"'})
            self._delete_old()
            try:
                answer = self._carry_out(name, request)
            except _RefusedError as refusal:
                code, *reasons = refusal.args
                answer = self._response(code, "\n".join((_MEANINGS[code], *reasons)))
        self.on_call(name)
        if fault == "empty":
            return Answer(502)
        if fault in ("after", "garbled"):
            return Answer(200, answer.content[: len(answer.content) // 2], answer.headers)
        return answer

    def _carry_out(self, name: str, request: Request) -> Answer:
        posts = {"submit": self._submit, "upload": self._upload, "fileinfo": self._describe}
        posts |= {"finish": self._finish, "retract": self._retract}
        if request.method == "POST" and name in posts:
            return posts[name](request)
        if request.method == "GET" and name == "status":
            return self._response(0, f"Remote User : {USER}, Remote Ip : 127.0.0.1")
        if request.method == "GET" and name == "xsd" and SCHEMA.exists():
            return Answer(200, SCHEMA.read_bytes(), {"Content-Type": "application/xml"})
        self.wrong.append(f"{request.method} {request.path} is no call of the service")
        return Answer(405 if name in (*posts, "status", "xsd") else 404)

    def _submit(self, request: Request) -> Answer:
        self._document(request, "report")
        number, now = 4564654 + len(self.reports), self.time()
        self.reports[str(number)] = Report(number, now, now, request.body)
        return self._response(0, reportId=str(number))

    def _upload(self, request: Request) -> Answer:
        number, data = self._fields(request, _MULTIPART)
        report = self._changeable(number, "upload")
        if data is None:
            raise _RefusedError(4200)
        identifier = uuid4().hex
        report.files[identifier] = data
        report.touched_at = self.time()
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return self._response(0, reportId=number, fileId=identifier, hash=digest)

    def _describe(self, request: Request) -> Answer:
        document = self._document(request, "fileDetails")
        number = (document.findtext("reportId") or "").strip()
        report = self._changeable(number, "fileinfo")
        identifier = (document.findtext("fileId") or "").strip()
        if identifier not in report.files:
            raise _RefusedError(5002)
        if identifier not in report.described:
            report.described.append(identifier)
        report.details[identifier] = request.body
        report.touched_at = self.time()
        return self._response(0, reportId=number)

    def _finish(self, request: Request) -> Answer:
        number, _ = self._fields(request, _FORM, _MULTIPART)
        report = self.reports.get(number)
        already = report is not None and report.state == "finished"
        if report is None or not already:
            report = self._changeable(number, "finish")
            report.state = "finished"
        root = etree.Element("reportDoneResponse")
        etree.SubElement(root, "responseCode").text = "5102" if already else "0"
        etree.SubElement(root, "reportId").text = number
        files = etree.SubElement(root, "files")
        for identifier in report.files:
            etree.SubElement(files, "fileId").text = identifier
        return self._send(root)

    def _retract(self, request: Request) -> Answer:
        number, _ = self._fields(request, _FORM, _MULTIPART)
        self._changeable(number, "retract").state = "retracted"
        return self._response(0, reportId=number)

    def _changeable(self, number: str, name: str) -> Report:
        report = self.reports.get(number)
        if report is None or report.state == "deleted":
            raise _RefusedError(5001 if number.isdecimal() else 4000)
        if report.state == "open":
            return report
        if name in ("upload", "fileinfo"):
            self.wrong.append(f"{name} for a report that is {report.state}")
        raise _RefusedError(5101 if report.state == "retracted" else 5102)

    def _delete_old(self) -> None:
        """Delete 24 h after the opening or 1 h after the last change, whichever is later."""
        for report in self.reports.values():
            end = max(report.opened_at + _LIFE, report.touched_at + _LIFE_AFTER_CHANGE)
            if report.state == "open" and self.time() >= end:
                report.state = "deleted"

    def _content_type(self, request: Request, *accepted: str) -> message.Message:
        kind = message_from_bytes(f"Content-Type: {request.headers.get('content-type')}".encode())
        if kind.get_content_type() not in accepted:
            self.wrong.append(f"{request.path} with a body of {kind['Content-Type']}")
            raise _RefusedError(4000)
        return kind

    def _document(self, request: Request, root: str) -> etree._Element:
        self._content_type(request, "text/xml")
        try:
            document = etree.fromstring(request.body, etree.XMLParser(resolve_entities=False))
        except etree.XMLSyntaxError as error:
            raise _RefusedError(4110) from error
        schema = load_schema()
        if document.tag != root or b"<!DOCTYPE" in request.body:
            raise _RefusedError(4100, f"not a plain {root}")
        if schema is not None and not schema.validate(document):
            raise _RefusedError(4100, str(schema.error_log))
        if refusals := list(_refusals(document, self.time())):
            raise _RefusedError(4100, *refusals)
        self.wrong.extend(_faults(document))
        return document

    def _fields(self, request: Request, *accepted: str) -> tuple[str, bytes | None]:
        kind = self._content_type(request, *accepted)
        if kind.get_content_type() == _FORM:
            return parse_qs(request.body.decode("latin-1")).get("id", [""])[-1], None
        delimiter = b"\r\n--" + str(kind.get_boundary()).encode()
        _, *parts, end = (b"\r\n" + request.body).split(delimiter)
        if not end.startswith(b"--"):
            raise _RefusedError(4200)
        fields = {}
        for part in parts:
            head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            name = message_from_bytes(head).get_param("name", header="content-disposition")
            fields[name] = data
        return fields.get("id", b"").decode("latin-1"), fields.get("file")

    def _response(self, code: int, description: str = "Success", **more: str) -> Answer:
        root = etree.Element("reportResponse")
        texts = {"responseCode": str(code), "responseDescription": description, **more}
        for name, text in texts.items():
            etree.SubElement(root, name).text = text
        return self._send(root, 400 if 4000 <= code < 5000 else 200)

    def _send(self, root: etree._Element, status: int = 200) -> Answer:
        schema = load_schema()
        if schema is not None and not schema.validate(root):
            self.wrong.append(f"fault of the server: {schema.error_log}")
            raise AssertionError(self.wrong[-1])
        content = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        kind = "application/xml;charset=ISO-8859-1"
        return Answer(status, content, {"Content-Type": kind, "Request-ID": uuid4().hex})


def _refusals(document: etree._Element, now: datetime) -> Iterator[str]:
    """Yield what the service refuses beyond the schema."""
    for element in document.iter("*"):
        name, text = str(element.tag), element.text or ""
        if name in _LONGEST and len(text) > _LONGEST[name]:
            yield f"{name} is longer than {_LONGEST[name]} characters"
        if name in _URLS and re.search(r"[\s\x00-\x1f\x7f]", text):
            yield f"{name} must be a valid URL"
        if name in _RANGES and int(text) not in _RANGES[name]:
            yield f"{name} is out of range"
    moment = datetime.fromisoformat(document.findtext(_MOMENT, "2000-01-01"))
    if moment.replace(tzinfo=moment.tzinfo or UTC) >= now:
        yield "incidentDateTime must be a past date"
    if not document.findtext("incidentSummary/escalateToHighPriority", "none").strip():
        yield "escalateToHighPriority must not be blank"
    exif, file = (document.findtext(f"{name}ViewedByEsp") for name in ("exif", "file"))
    if exif in ("true", "1") and file not in ("true", "1"):
        yield "fileViewedByEsp must be true when exifViewedByEsp is true"
    if document.findtext("fileRelevance") == "Supplemental Reported":
        found = document.iter("industryClassification", "potentialMeme")
        yield from (f"{element.tag!r} is only for a Reported file" for element in found)


def _faults(document: etree._Element) -> Iterator[str]:
    """Yield what the service takes and a client must not send."""
    if document.tag == "report" and not document.findtext("reporter/reportingPerson/email"):
        yield "a reportingPerson without an email"
    if document.tag == "report" and document.find("internetDetails") is None:
        yield "a report without internetDetails"
    for element in document.iter("incidentDateTime", "dateTime"):
        if not re.search(r"(Z|[+-]\d\d:\d\d)$", element.text or ""):
            yield f"{element.tag!r} without a time zone"
    for element in document.iter("ipAddress"):
        try:
            ipaddress.ip_address(element.text or "")
        except ValueError:
            yield "an ipAddress that is none"
