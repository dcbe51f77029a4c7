"""What is said to the CyberTipline and what it answers: one call at a time, each with a limit."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hashmatch.config import CyberTiplineEscalation, read_secret
from hashmatch.errors import InputError, OutboxError, ReportGoneError
from hashmatch.outbound import Answer, ask

BASES = {
    "test": "https://exttest.cybertip.org/ispws",
    "production": "https://report.cybertip.org/ispws",
}
_OK = 0
_XML = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the CyberTipline answered to a call that it carried out."""

    report_id: str
    file_id: str
    md5: str


class CyberTipline:
    """The CyberTipline at one base. Its calls raise `OutboxError` where they may be tried again.

    And `InputError` where that is useless, `ReportGoneError` where the report is not open there.
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
            raise OutboxError("the CyberTipline opened a report and did not say which")
        return reply.report_id

    def upload(self, report_id: str, data: bytes, timeout_s: float) -> Reply:
        """Upload the file of a report."""
        boundary = secrets.token_hex(16)
        # Its name could tell more than it should; the file's own goes into its details.
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
            raise OutboxError("the CyberTipline took a file and did not say as which")
        return reply

    def describe(self, document: bytes, timeout_s: float) -> None:
        """Tell what is known of a file."""
        self._call("fileinfo", document, _XML, timeout_s)

    def finish(self, report_id: str, timeout_s: float) -> None:
        """Finish a report; only then NCMEC has it."""
        self._call_about("finish", report_id, timeout_s)

    def retract(self, report_id: str, timeout_s: float) -> None:
        """Take a report back that is not finished."""
        self._call_about("retract", report_id, timeout_s)

    def _call_about(self, name: str, report_id: str, timeout_s: float) -> None:
        body = urlencode({"id": report_id}).encode()
        self._call(name, body, "application/x-www-form-urlencoded", timeout_s)

    def _call(self, name: str, content: bytes, kind: str, timeout_s: float) -> Reply:
        credentials = f"{self._settings.username}:{read_secret(self._settings.password)}"
        answer = ask(
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
    """Return what was carried out. Raises what says why nothing was."""
    if answer.status in (401, 403):
        raise OutboxError(
            f"the CyberTipline refused {name}: it does not know the user, or not from here",
            hint="Set username and password of the escalation right; NCMEC knows the addresses.",
        )
    told = _parse(answer.body)
    if told is None:
        raise OutboxError(f"the CyberTipline answered {name} with status {answer.status} alone")
    code = told.get("responseCode", "")
    if code.isascii() and code.isdecimal() and int(code) == _OK:
        return Reply(told.get("reportId", ""), told.get("fileId", ""), told.get("hash", ""))
    request_id = answer.headers.get("request-id", "")[:64]
    words = f"the CyberTipline refused {name} with code {code[:8]} (request {request_id})"
    if code.startswith("50"):
        raise ReportGoneError(words)
    if code.startswith(("4", "51")):
        # Its description may quote what was sent.
        raise InputError(words, hint="See NCMEC's documentation for the code.")
    raise OutboxError(words)


def _parse(body: bytes) -> Mapping[str, str] | None:
    """Return the fields of an answer, None for anything else."""
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    if root is None or root.tag != "reportResponse":
        return None
    return {str(one.tag): (one.text or "").strip() for one in root}
