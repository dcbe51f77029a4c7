"""The document about one file of a report, in the order that NCMEC's schema (ispws) prescribes.

It never states that anybody viewed a file unless the platform says so.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hashmatch.config import CyberTiplineEscalation
from hashmatch.store.schema import utc_now
from hashmatch.uploaders import File, FurtherFile

from .elements import add, add_address, add_each, add_optional, serialize
from .incident import Incident
from .report import add_flags

_CLASSIFICATIONS = ("A1", "A2", "B1", "B2")  # The most severe first, so that `min` finds it.
_REPORTED, _SUPPLEMENTAL = "Reported", "Supplemental Reported"


def file_details(
    settings: CyberTiplineEscalation, incident: Incident, report_id: str, file_id: str
) -> bytes:
    """Return the document about the file that matched."""
    incident = incident.as_of(utc_now())
    root = _begin(report_id, file_id)
    file = incident.details.file or File()
    annotations: list[str] = [*file.annotations]
    if incident.is_generated(settings):
        annotations.append("generativeAi")
    _add_facts(root, file, _REPORTED, annotations)
    add_optional(root, "industryClassification", _classification(settings, incident))
    for one in incident.reported_hashes(settings):
        add(root, "originalFileHash", one.value.hex()).set("hashType", one.algorithm.upper())
    return _end(root, file)


def further_file_details(incident: Incident, number: int, report_id: str, file_id: str) -> bytes:
    """Return the document about one of the further files that the platform names."""
    file: FurtherFile = incident.as_of(utc_now()).details.further_files[number]
    root = _begin(report_id, file_id)
    relevance = _REPORTED if file.is_reported else _SUPPLEMENTAL
    # The schema permits a meme only where the file itself is reported.
    annotations = [
        *(one for one in file.annotations if file.is_reported or one != "potentialMeme"),
        *(["generativeAi"] if file.generated else []),
    ]
    _add_facts(root, file, relevance, annotations)
    add(root, "originalFileHash", file.sha256).set("hashType", "SHA256")
    return _end(root, file)


def _begin(report_id: str, file_id: str) -> ET.Element:
    root = ET.Element("fileDetails")
    add(root, "reportId", report_id)
    add(root, "fileId", file_id)
    return root


def _add_facts(root: ET.Element, file: File, relevance: str, annotations: list[str]) -> None:
    add_optional(root, "originalFileName", file.name)
    add_optional(root, "uploadedToEspTimestamp", file.uploaded_at)
    add_optional(root, "locationOfFile", file.url)
    add_optional(root, "fileViewedByEsp", file.viewed_by_platform)
    # That its metadata was viewed counts only where the file was.
    exif_viewed = file.exif_viewed_by_platform if file.viewed_by_platform else None
    add_optional(root, "exifViewedByEsp", exif_viewed)
    add_optional(root, "publiclyAvailable", file.publicly_available)
    add(root, "fileRelevance", relevance)
    if annotations:
        add_flags(add(root, "fileAnnotations"), annotations)


def _end(root: ET.Element, file: File) -> bytes:
    if file.address is not None:
        add_address(root, file.address)
    add_each(root, "additionalInfo", [file.info] if file.info else [])
    return serialize(root)


def _classification(settings: CyberTiplineEscalation, incident: Incident) -> str | None:
    """Return the most severe classification of the matches' categories, None without one."""
    # A list may use NCMEC's classifications as its categories; the configuration maps others.
    known = {one: one for one in _CLASSIFICATIONS} | dict(settings.classifications)
    found = [known[one.category] for one, _ in incident.within_threshold if one.category in known]
    return min(found, default=None)
