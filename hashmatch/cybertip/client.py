"""Client of the CyberTipline's web service (ispws): one call at a time, each with a time limit."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hashmatch.config import CyberTiplineEscalation, read_secret
from hashmatch.errors import (
    FileGoneError,
    HashmatchError,
    InputError,
    OutboxError,
    ReportFinishedError,
    ReportGoneError,
)
from hashmatch.outbound import Answer, send_request

BASES = {
    "test": "https://exttest.cybertip.org/ispws",
    "production": "https://report.cybertip.org/ispws",
}
# `responseCode` of a call that was carried out, and the answer that each call has in the schema.
_OK = "0"
_DONE = {"finish": "reportDoneResponse"}
_OTHERS = "reportResponse"
# Codes that say what became of the report or the file.
_STATES: Mapping[str, type[HashmatchError]] = {
    "5001": ReportGoneError,
    "5002": FileGoneError,
    "5101": ReportGoneError,
    "5102": ReportFinishedError,
}
# The first digit of the codes of requests that are wrong, and stay so.
_WRONG = "4"
_XML = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """The CyberTipline's answer to a call that it carried out."""

    report_id: str
    file_id: str
    md5: str


class CyberTipline:
    """The CyberTipline at one base address.

    Its calls raise `OutboxError` where a retry may help, `InputError` where it cannot, and
    `ReportGoneError`, `ReportFinishedError` or `FileGoneError` where the report is not open there.
    """

    def __init__(
        self, settings: CyberTiplineEscalation, base: str, private_hosts: tuple[str, ...]
    ) -> None:
        self._settings = settings
        self._base = base
        self._private_hosts = private_hosts

    def submit(self, document: bytes, timeout_s: float) -> str:
        """Open a report and return its id."""
        reply = self._call("submit", document, _XML, timeout_s)
        if not reply.report_id:
            raise OutboxError("the CyberTipline opened a report and returned no report id")
        return reply.report_id

    def upload(self, report_id: str, data: bytes, timeout_s: float) -> Reply:
        """Upload a file of a report. Raises `FileGoneError` where other bytes arrived."""
        boundary = secrets.token_hex(16)
        # The name here is a placeholder: the original one goes into the file details, and only
        # where the platform gives it.
        body = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="id"\r\n\r\n'
            f"{report_id}\r\n--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="file"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        body += data + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        reply = self._call("upload", body, kind, timeout_s)
        if not reply.file_id:
            raise OutboxError("the CyberTipline accepted a file and returned no file id")
        if reply.md5 and reply.md5.lower() != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise FileGoneError("the CyberTipline received another file than was sent")
        return reply

    def describe(self, document: bytes, timeout_s: float) -> None:
        """Send the details of an uploaded file."""
        self._call("fileinfo", document, _XML, timeout_s)

    def finish(self, report_id: str, timeout_s: float) -> None:
        """Finish a report, which submits it to NCMEC; one that is finished already stays so."""
        with suppress(ReportFinishedError):
            self._call_about("finish", report_id, timeout_s)

    def retract(self, report_id: str, timeout_s: float) -> None:
        """Retract an unfinished report."""
        self._call_about("retract", report_id, timeout_s)

    def _call_about(self, name: str, report_id: str, timeout_s: float) -> None:
        body = urlencode({"id": report_id}).encode()
        self._call(name, body, "application/x-www-form-urlencoded", timeout_s)

    def _call(self, name: str, content: bytes, kind: str, timeout_s: float) -> Reply:
        # Read for each call, so that a changed password needs no restart.
        credentials = f"{self._settings.username}:{read_secret(self._settings.password)}"
        answer = send_request(
            "POST",
            f"{self._base}/{name}",
            timeout_s=min(timeout_s, self._settings.timeout_s),
            private_hosts=self._private_hosts,
            content=content,
            headers={
                "Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}",
                "Content-Type": kind,
            },
        )
        return _read(name, answer)


def _read(name: str, answer: Answer) -> Reply:
    """Return the reply to a call. Raises the error that fits where it was not carried out."""
    if answer.status in (401, 403):
        raise OutboxError(
            f"the CyberTipline refused {name}: unknown user, or not permitted from this address",
            hint="Check the escalation's username and password; NCMEC keeps the list of addresses.",
        )
    fields = _parse(answer.body, _DONE.get(name, _OTHERS))
    code = (fields or {}).get("responseCode", "")
    if fields is None or not code.isascii() or not code.isdecimal():
        raise OutboxError(
            f"the CyberTipline answered {name} with status {answer.status} and no response document"
        )
    if code == _OK:
        return Reply(fields.get("reportId", ""), fields.get("fileId", ""), fields.get("hash", ""))
    request_id = answer.headers.get("request-id", "")[:64]
    # The code only: NCMEC's description may quote the document that was sent.
    message = f"the CyberTipline refused {name} with code {code[:8]} (request {request_id})"
    if code in _STATES:
        raise _STATES[code](message)
    if code.startswith(_WRONG):
        raise InputError(message, hint="See NCMEC's documentation for the code.")
    raise OutboxError(message)


def _parse(body: bytes, expected: str) -> Mapping[str, str] | None:
    """Return the fields of a response document, None for any other content.

    A refusal may be a `reportResponse` where a success is something else.
    """
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    if root is None or root.tag not in (expected, _OTHERS):
        return None
    fields = {str(one.tag): (one.text or "").strip() for one in root}
    if root.tag != expected and fields.get("responseCode") == _OK:
        return None
    return fields
