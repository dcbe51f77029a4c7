"""XML documents of a report, in the order that NCMEC's schema (ispws) prescribes.

They state only facts on record and details that the platform sent. Above all they never state that
anybody viewed a file unless the platform says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from hashmatch.config import CyberTiplineEscalation
from hashmatch.hashes import View
from hashmatch.store.schema import Content, ContentHash, MatchRecord
from hashmatch.uploaders import Account, Address, Details, Device

# One of the incident types that the schema permits.
_INCIDENT = "Child Pornography (possession, manufacture, and distribution)"
_CLASSIFICATIONS = ("A1", "A2", "B1", "B2")  # The most severe first, so that `min` finds it.
_FILE_ALGORITHMS = ("md5", "sha1", "sha256")


@dataclass(frozen=True, slots=True)
class Incident:
    """Facts to report: one case, with its content, matches, hashes and uploader details.

    Each match comes with the name of its list.
    """

    case: int
    content: Content
    matches: Sequence[tuple[MatchRecord, str]]
    hashes: Sequence[ContentHash]
    details: Details

    @property
    def matched_at(self) -> datetime:
        """Return the time of the first match."""
        return min(record.matched_at for record, _ in self.matches)


def report_document(
    settings: CyberTiplineEscalation, incident: Incident, *, without_file: str = ""
) -> bytes:
    """Return the report document; `without_file` is the reason where no file will follow."""
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
    return _serialize(report)


def file_details(
    settings: CyberTiplineEscalation, incident: Incident, report_id: str, file_id: str
) -> bytes:
    """Return the document about the file that was uploaded to a report."""
    file = incident.details.file
    root = ET.Element("fileDetails")
    _add(root, "reportId", report_id)
    _add(root, "fileId", file_id)
    if file is not None:
        _add_optional(root, "originalFileName", file.name)
        _add_optional(root, "uploadedToEspTimestamp", file.uploaded_at)
        _add_optional(root, "locationOfFile", file.url)
        _add_optional(root, "fileViewedByEsp", file.viewed_by_platform)
        _add_optional(root, "publiclyAvailable", file.publicly_available)
    _add(root, "fileRelevance", "Reported")
    if _is_generated(settings, incident):
        _add(_add(root, "fileAnnotations"), "generativeAi", "true")
    _add_optional(root, "industryClassification", _classification(settings, incident))
    for one in _reported_hashes(settings, incident):
        _add(root, "originalFileHash", one.value.hex()).set("hashType", one.algorithm.upper())
    if file is not None and file.address is not None:
        _add_address(root, file.address)
    return _serialize(root)


def _add_summary(report: ET.Element, settings: CyberTiplineEscalation, incident: Incident) -> None:
    # The order of elements, here and below, is that of the schema.
    summary = _add(report, "incidentSummary")
    _add(summary, "incidentType", _INCIDENT)
    _add_optional(summary, "platform", settings.platform or None)
    moment = incident.details.moment()
    _add(summary, "incidentDateTime", _timestamp(moment or incident.matched_at))
    # The schema demands a time. Where the platform gives none, the text says which time this is.
    meaning = "time of the incident, from the platform" if moment else "time of the match"
    _add(summary, "incidentDateTimeDescription", meaning)


def _add_reporter(report: ET.Element, settings: CyberTiplineEscalation) -> None:
    given = settings.reporter
    reporter = _add(report, "reporter")
    person = _add(reporter, "reportingPerson")
    _add_optional(person, "firstName", given.first_name or None)
    _add_optional(person, "lastName", given.last_name or None)
    _add(person, "email", given.email)
    _add_optional(reporter, "companyTemplate", given.company or None)
    _add_optional(reporter, "termsOfService", given.terms_of_service or None)
    _add_optional(reporter, "legalURL", given.legal_url or None)


def _add_account(report: ET.Element, settings: CyberTiplineEscalation, account: Account) -> None:
    root = _add(report, "personOrUserReported")
    if account.first_name or account.last_name or account.phones or account.emails:
        person = _add(root, "personOrUserReportedPerson")
        _add_optional(person, "firstName", account.first_name)
        _add_optional(person, "lastName", account.last_name)
        _add_each(person, "phone", account.phones)
        _add_each(person, "email", account.emails)
    _add_optional(root, "espIdentifier", account.id)
    _add_optional(root, "espService", settings.platform or None)
    _add_optional(root, "screenName", account.screen_name)
    _add_each(root, "displayName", account.display_names)
    _add_each(root, "profileUrl", account.profile_urls)
    for address in account.addresses:
        _add_address(root, address)
    for device in account.devices:
        _add_device(root, device)
    _add_optional(root, "additionalInfo", account.info)


def _add_address(root: ET.Element, address: Address) -> None:
    event = _add(root, "ipCaptureEvent")
    _add(event, "ipAddress", address.ip)
    _add(event, "eventName", address.event)
    _add_optional(event, "dateTime", address.at)
    _add_optional(event, "possibleProxy", address.possible_proxy)
    _add_optional(event, "port", None if address.port is None else str(address.port))


def _add_device(root: ET.Element, device: Device) -> None:
    one = _add(root, "deviceId")
    _add(one, "idType", device.type)
    _add(one, "idValue", device.value)
    _add(one, "eventName", device.event)
    _add_optional(one, "dateTime", device.at)


def _additional(settings: CyberTiplineEscalation, incident: Incident, without_file: str) -> str:
    lines = [
        f"Found by comparing hashes with licensed lists (hashmatch, case {incident.case}).",
        f"The platform's name for the content: {incident.content.content_id}",
    ]
    if incident.content.reference:
        lines.append(f"Where the platform stores it: {incident.content.reference}")
    for record, list_name in incident.matches:
        distance = f"distance {record.distance_bits} of at most {record.threshold_bits} bits"
        category = f", category {record.category}" if record.category else ""
        lines.append(
            f"Matched list {list_name}: entry {record.entry_id}{category},"
            f" by {record.algorithm}, {distance}"
        )
    if without_file:
        lines.append(f"The file is not uploaded with this report: {without_file}")
        lines += [
            f"Hash of the file, {one.algorithm.upper()}: {one.value.hex()}"
            for one in _reported_hashes(settings, incident)
        ]
    if incident.details.info:
        lines.append(incident.details.info)
    return "\n".join(lines)


def _is_generated(settings: CyberTiplineEscalation, incident: Incident) -> bool:
    file = incident.details.file
    if file is not None and file.generated is True:
        return True
    return any(name in settings.generative_ai_lists for _, name in incident.matches)


def _classification(settings: CyberTiplineEscalation, incident: Incident) -> str | None:
    """Return the most severe classification of the matches' categories, None without one."""
    # A list may use NCMEC's classifications as its categories; the configuration maps others.
    known = {one: one for one in _CLASSIFICATIONS} | dict(settings.classifications)
    found = [known[one.category] for one, _ in incident.matches if one.category in known]
    return min(found, default=None)


def _reported_hashes(settings: CyberTiplineEscalation, incident: Incident) -> list[ContentHash]:
    """Return the hashes to report: of the complete file, and of its first frame as uploaded.

    Hashes of other orientations, frames and views are made for matching only.
    """
    return [
        one
        for one in incident.hashes
        if one.algorithm in settings.include_hashes
        and (
            one.algorithm in _FILE_ALGORITHMS or (one.orientation == "original" and one.frame == 0)
        )
        and one.view == View.FULL
    ]


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = None if text is None else _escaped(text)
    return element


def _add_optional(
    parent: ET.Element,
    name: str,
    value: str | bool | datetime | None,  # noqa: FBT001 (a value, not a switch)
) -> None:
    match value:
        case None:
            return
        case bool():
            _add(parent, name, "true" if value else "false")
        case datetime():
            _add(parent, name, _timestamp(value))
        case _:
            _add(parent, name, value)


def _add_each(parent: ET.Element, name: str, values: Iterable[str]) -> None:
    for value in values:
        _add(parent, name, value)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _escaped(text: str) -> str:
    """Return the text with escapes in place of the characters that XML 1.0 cannot hold."""
    return "".join(one if _is_xml_character(ord(one)) else f"\\u{ord(one):04x}" for one in text)


def _is_xml_character(code: int) -> bool:
    # The production Char of XML 1.0, section 2.2.
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or (code >= 0x10000)
    )


def _serialize(root: ET.Element) -> bytes:
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document
