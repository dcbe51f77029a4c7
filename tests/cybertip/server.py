"""A CyberTipline for tests, which minds order, schema and state as the real one does."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from lxml import etree

from tests.conftest import SHARED_DATA
from tests.lists.loopback import Answer, Request, Service

SCHEMA = SHARED_DATA / "cybertip" / "cyber_tipline.xsd"
USER, PASSWORD = "platform", "secret-of-the-reporter"
_IDLE, _AT_ALL = timedelta(hours=1), timedelta(hours=24)


@cache
def load_schema(path: Path = SCHEMA) -> etree.XMLSchema | None:
    """Return the schema of reports, None where it is not at hand."""
    return etree.XMLSchema(etree.parse(str(path))) if path.exists() else None


@dataclass
class Report:
    """A report as the server keeps it: open until it is finished, retracted or deleted."""

    number: int
    opened_at: datetime
    touched_at: datetime
    document: bytes
    state: str = "open"
    files: dict[str, bytes] = field(default_factory=dict)
    described: list[str] = field(default_factory=list)


class CyberTiplineServer(Service):
    """Takes reports. A fault is used up by one request.

    "before" breaks off before anything is done, "after" once it was done, "garbled" and "empty"
    answer so once it was done; a number is a status. `clock` may be moved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[str, Report] = {}
        self.calls: list[str] = []
        self.wrong: list[str] = []
        self.offset = timedelta()
        self.schema = load_schema()
        self.on_call: Callable[[str], None] = lambda _: None
        self._lock = threading.Lock()
        self._numbers = iter(range(1000, 10**6))

    def time(self) -> datetime:
        """Return the time by the server's clock."""
        return datetime.now(UTC) + self.offset

    def finished(self) -> list[Report]:
        """Return the reports that are NCMEC's."""
        return [one for one in self.reports.values() if one.state == "finished"]

    def still_open(self) -> list[Report]:
        """Return the reports that are neither finished nor gone."""
        self._delete_old()
        return [one for one in self.reports.values() if one.state == "open"]

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a call."""
        name = request.path.rpartition("/")[2]
        with self._lock:
            self.calls.append(name)
            if fault == "before":
                return Answer(200, b"<resp", {})
            if request.headers.get("authorization") != self._credentials():
                return Answer(401)
            self._delete_old()
            answer = self._carry_out(name, request)
        self.on_call(name)
        if fault in ("after", "garbled"):
            return Answer(200, b"<reportResponse><respo")
        if fault == "empty":
            return Answer(502)
        return answer

    def _credentials(self) -> str:
        return f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"

    def _carry_out(self, name: str, request: Request) -> Answer:
        match name:
            case "submit":
                return self._submit(request)
            case "upload":
                return self._upload(request)
            case "fileinfo":
                return self._describe(request)
            case "finish" | "retract":
                return self._end(name, parse_qs(request.body.decode())["id"][0])
        return Answer(404)

    def _submit(self, request: Request) -> Answer:
        if self._is_invalid(request, "report"):
            return _reply(4100, "Validation failed")
        number = next(self._numbers)
        now = self.time()
        self.reports[str(number)] = Report(number, now, now, request.body)
        return _reply(0, "Success", reportId=str(number))

    def _upload(self, request: Request) -> Answer:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parts: dict[Any, Any] = {
            one.get_param("name", header="content-disposition"): one.get_payload(decode=True)
            for one in message_from_bytes(head + request.body).walk()
            if not one.is_multipart()
        }
        report_id = parts["id"].decode()
        if (report := self._open(report_id)) is None:
            return self._not_open(report_id)
        data = bytes(parts["file"])
        file_id = hashlib.md5(data).hexdigest()
        if file_id in report.files or report.described:
            self.wrong.append("a second file")
        report.files[file_id] = data
        return _reply(0, "Success", reportId=report_id, fileId=file_id, hash=file_id)

    def _describe(self, request: Request) -> Answer:
        if self._is_invalid(request, "fileDetails"):
            return _reply(4100, "Validation failed")
        root = etree.fromstring(request.body)
        report_id, file_id = str(root.findtext("reportId")), str(root.findtext("fileId"))
        if (report := self._open(report_id)) is None:
            return self._not_open(report_id)
        if file_id not in report.files:
            return _reply(5101, "File does not exist")
        report.described.append(file_id)
        return _reply(0, "Success", reportId=report_id)

    def _end(self, name: str, report_id: str) -> Answer:
        if (report := self._open(report_id)) is None:
            return self._not_open(report_id)
        if name == "finish" and set(report.files) != set(report.described):
            self.wrong.append("a file without details")
        report.state = "finished" if name == "finish" else "retracted"
        return _reply(0, "Success", reportId=report_id)

    def _open(self, report_id: str) -> Report | None:
        report = self.reports.get(report_id)
        if report is None or report.state != "open":
            return None
        report.touched_at = self.time()
        return report

    def _not_open(self, report_id: str) -> Answer:
        found = self.reports.get(report_id)
        is_finished = found is not None and found.state == "finished"
        code = (5002, "finished already") if is_finished else (5001, "does not exist")
        return _reply(*code)

    def _delete_old(self) -> None:
        now = self.time()
        for one in self.reports.values():
            is_old = now - one.touched_at > _IDLE or now - one.opened_at > _AT_ALL
            if one.state == "open" and is_old:
                one.state = "deleted"

    def _is_invalid(self, request: Request, root: str) -> bool:
        try:
            document = etree.fromstring(request.body)
        except etree.XMLSyntaxError:
            self.wrong.append("no XML")
            return True
        if document.tag != root or (self.schema and not self.schema.validate(document)):
            self.wrong.append(f"not of the schema: {root}")
            return True
        return False


def _reply(code: int, words: str, **fields: str) -> Answer:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    body = (
        f"<?xml version='1.0'?><reportResponse><responseCode>{code}</responseCode>"
        f"<responseDescription>{words}</responseDescription>{inner}</reportResponse>"
    )
    return Answer(200, body.encode(), {"Content-Type": "text/xml", "Request-ID": "r-1"})
