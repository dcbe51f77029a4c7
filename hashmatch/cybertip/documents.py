"""The XML of a report, in the order that NCMEC's schema (ispws) prescribes.

It says what is on record and what the platform told, and nothing else: above all not that anybody
viewed a file unless somebody did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from hashmatch.config import CyberTiplineEscalation
from hashmatch.details import Account, Address, Details, Device
from hashmatch.store.schema import Content, ContentHash, MatchRecord

_INCIDENT = "Child Pornography (possession, manufacture, and distribution)"
_CLASSIFICATIONS = ("A1", "A2", "B1", "B2")  # The gravest first.
_WHOLE_FILE = ("md5", "sha1", "sha256")


@dataclass(frozen=True, slots=True)
class Incident:
    """What is to be reported: one case, with its content, matches and hashes."""

    case: int
    content: Content
    matches: Sequence[tuple[MatchRecord, str]]
    hashes: Sequence[ContentHash]
    details: Details

    @property
    def matched_at(self) -> datetime:
        """Return when the content matched first."""
        return min(record.matched_at for record, _ in self.matches)


def report_document(
    settings: CyberTiplineEscalation, incident: Incident, *, without_file: str = ""
) -> bytes:
    """Return the report, without its file; `without_file` says why none will follow."""
    report = ET.Element("report")
    _add_summary(report, settings, incident)
    url = incident.details.file.url if incident.details.file else None
    if url is not None:
        page = _add(_add(report, "internetDetails"), "webPageIncident")
        _add(page, "url", url)
    _add_reporter(report, settings)
    if incident.details.account is not None:
        _add_account(report, settings, incident.details.account)
    _add(report, "additionalInfo", _additional(settings, incident, without_file))
    return _written(report)


def file_details(
    settings: CyberTiplineEscalation, incident: Incident, report_id: str, file_id: str
) -> bytes:
    """Return what is told of the file that was uploaded."""
    file = incident.details.file
    root = ET.Element("fileDetails")
    _add(root, "reportId", report_id)
    _add(root, "fileId", file_id)
    if file is not None:
        _add_given(root, "originalFileName", file.name)
        _add_given(root, "uploadedToEspTimestamp", file.uploaded_at)
        _add_given(root, "locationOfFile", file.url)
        _add_given(root, "fileViewedByEsp", file.viewed_by_platform)
        _add_given(root, "publiclyAvailable", file.publicly_available)
    _add(root, "fileRelevance", "Reported")
    if _is_generated(settings, incident):
        _add(_add(root, "fileAnnotations"), "generativeAi", "true")
    _add_given(root, "industryClassification", _classification(settings, incident))
    for one in _told_hashes(settings, incident):
        _add(root, "originalFileHash", one.value.hex()).set("hashType", one.algorithm.upper())
    if file is not None and file.address is not None:
        _add_address(root, file.address)
    return _written(root)


def _add_summary(report: ET.Element, settings: CyberTiplineEscalation, incident: Incident) -> None:
    summary = _add(report, "incidentSummary")
    _add(summary, "incidentType", _INCIDENT)
    _add_given(summary, "platform", settings.platform or None)
    moment = incident.details.moment()
    _add(summary, "incidentDateTime", _moment(moment or incident.matched_at))
    words = "when the platform says that it happened" if moment else "when the file was matched"
    _add(summary, "incidentDateTimeDescription", words)


def _add_reporter(report: ET.Element, settings: CyberTiplineEscalation) -> None:
    given = settings.reporter
    reporter = _add(report, "reporter")
    person = _add(reporter, "reportingPerson")
    _add_given(person, "firstName", given.first_name or None)
    _add_given(person, "lastName", given.last_name or None)
    _add(person, "email", given.email)
    _add_given(reporter, "companyTemplate", given.company or None)
    _add_given(reporter, "termsOfService", given.terms_of_service or None)
    _add_given(reporter, "legalURL", given.legal_url or None)


def _add_account(report: ET.Element, settings: CyberTiplineEscalation, account: Account) -> None:
    root = _add(report, "personOrUserReported")
    if account.first_name or account.last_name or account.phones or account.emails:
        person = _add(root, "personOrUserReportedPerson")
        _add_given(person, "firstName", account.first_name)
        _add_given(person, "lastName", account.last_name)
        _add_each(person, "phone", account.phones)
        _add_each(person, "email", account.emails)
    _add_given(root, "espIdentifier", account.id)
    _add_given(root, "espService", settings.platform or None)
    _add_given(root, "screenName", account.screen_name)
    _add_each(root, "displayName", account.display_names)
    _add_each(root, "profileUrl", account.profile_urls)
    for address in account.addresses:
        _add_address(root, address)
    for device in account.devices:
        _add_device(root, device)
    _add_given(root, "additionalInfo", account.info)


def _add_address(root: ET.Element, address: Address) -> None:
    event = _add(root, "ipCaptureEvent")
    _add(event, "ipAddress", address.ip)
    _add(event, "eventName", address.event)
    _add_given(event, "dateTime", address.at)
    _add_given(event, "possibleProxy", address.possible_proxy)
    _add_given(event, "port", None if address.port is None else str(address.port))


def _add_device(root: ET.Element, device: Device) -> None:
    one = _add(root, "deviceId")
    _add(one, "idType", device.type)
    _add(one, "idValue", device.value)
    _add(one, "eventName", device.event)
    _add_given(one, "dateTime", device.at)


def _additional(settings: CyberTiplineEscalation, incident: Incident, without_file: str) -> str:
    lines = [
        f"Found by comparing hashes with licensed lists (hashmatch, case {incident.case}).",
        f"The platform's name for the content: {incident.content.content_id}",
    ]
    if incident.content.reference:
        lines.append(f"Where the platform keeps it: {incident.content.reference}")
    for record, list_name in incident.matches:
        found = f"{record.algorithm}, {record.distance_bits} of {record.threshold_bits} bits away"
        category = f", category {record.category}" if record.category else ""
        lines.append(f"Matched list {list_name}: entry {record.entry_id}{category}, by {found}")
    if without_file:
        lines.append(f"The file is not uploaded with this report: {without_file}")
        lines += [
            f"Hash of the file, {one.algorithm.upper()}: {one.value.hex()}"
            for one in _told_hashes(settings, incident)
        ]
    if incident.details.info:
        lines.append(incident.details.info)
    return "\n".join(lines)


def _is_generated(settings: CyberTiplineEscalation, incident: Incident) -> bool:
    said = incident.details.file is not None and incident.details.file.generated is True
    return said or any(name in settings.generative_ai_lists for _, name in incident.matches)


def _classification(settings: CyberTiplineEscalation, incident: Incident) -> str | None:
    """Return the gravest classification that a match's category stands for."""
    known = {one: one for one in _CLASSIFICATIONS} | dict(settings.classifications)
    found = [known[one.category] for one, _ in incident.matches if one.category in known]
    return min(found, default=None)


def _told_hashes(settings: CyberTiplineEscalation, incident: Incident) -> list[ContentHash]:
    """Return the hashes that are told: of the whole file, and of the picture as it was uploaded."""
    return [
        one
        for one in incident.hashes
        if one.algorithm in settings.include_hashes
        and (one.algorithm in _WHOLE_FILE or (one.orientation == "original" and one.frame == 0))
        and one.view == "whole"
    ]


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = None if text is None else _harmless(text)
    return element


def _add_given(
    parent: ET.Element,
    name: str,
    value: str | bool | datetime | None,  # noqa: FBT001 (a value, and no switch)
) -> None:
    match value:
        case None:
            return
        case bool():
            _add(parent, name, "true" if value else "false")
        case datetime():
            _add(parent, name, _moment(value))
        case _:
            _add(parent, name, value)


def _add_each(parent: ET.Element, name: str, values: Iterable[str]) -> None:
    for value in values:
        _add(parent, name, value)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _harmless(text: str) -> str:
    """Return the text with all escaped that XML 1.0 cannot hold."""
    return "".join(one if _is_allowed(ord(one)) else f"\\u{ord(one):04x}" for one in text)


def _is_allowed(code: int) -> bool:
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or (code >= 0x10000)
    )


def _written(root: ET.Element) -> bytes:
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written
