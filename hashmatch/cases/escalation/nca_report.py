"""Report of a case for the NCA: the facts that Schedule 1 of SI 2026/268 lists, as JSON.

docs/reference/nca-report.schema.json has its shape, docs/reference/nca.md where each fact is known
from. A fact that nobody has is null, and named in `not_known`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hashmatch.config import NCAEscalation, NCAPriority
from hashmatch.cybertip import Evidence
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Kind, is_match
from hashmatch.provenance import Declared
from hashmatch.store.schema import Case, MatchRecord, ReviewResult
from hashmatch.uploaders import Account, Address, Details, File

FORMAT = "hashmatch NCA report 1"
NCA = "NCA"
# Regulation 8(1)(a): as long as that from the day on which the NCA issued it.
_REFERENCE_YEARS = 5
_FILE_ALGORITHMS = ("md5", "sha1", "sha256")
_DECLARATION = (
    "All information that Schedule 1 of the Online Safety (CSEA Content Reporting by Regulated"
    " User-to-User Service Providers) Regulations 2026 lists and that is available is in this"
    " report, and it is true to the best of my knowledge."
)


@dataclass(frozen=True, slots=True)
class EarlierReference:
    """Earlier report of a case to an authority, by its reference there."""

    authority: str
    reference: str
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class NCAFacts:
    """Facts of a case for a report; `details` are None where they were withheld."""

    row: Case
    matches: Sequence[tuple[MatchRecord, str]]
    evidence: Sequence[Evidence]
    details: Details | None
    has_details: bool
    earlier: Sequence[EarlierReference]
    prior_reports: Sequence[str]


def keep_reference_until(issued_at: datetime) -> datetime:
    """Return the time up to which the NCA's reference of a report has to be kept."""
    try:
        return issued_at.replace(year=issued_at.year + _REFERENCE_YEARS)
    except ValueError:  # 29 February.
        return issued_at.replace(year=issued_at.year + _REFERENCE_YEARS, month=3, day=1)


def reported_abroad(
    target: NCAEscalation, earlier: Sequence[EarlierReference]
) -> list[EarlierReference]:
    """Return the references of authorities abroad, whose reports free from the duty."""
    abroad = {one.casefold() for one in target.authorities_abroad}
    return [one for one in earlier if one.authority.casefold() in abroad]


def nca_priority(target: NCAEscalation, facts: NCAFacts) -> tuple[NCAPriority, str]:
    """Return the priority of a report, and why: the platform's own word, or the categories."""
    incident = facts.details.incident if facts.details is not None else None
    if incident is not None and incident.high_priority is not None:
        return 1, "the platform's details say so"
    found = {
        one.category: target.priorities[one.category]
        for one, _ in _within_threshold(facts.matches)
        if one.category in target.priorities
    }
    if not found:
        return target.priority, "no category of it has a priority of its own"
    category = min(found, key=lambda one: (found[one], one))
    return found[category], f"category {category}"


def nca_document(target: NCAEscalation, facts: NCAFacts, now: datetime) -> dict[str, Any]:
    """Return the report of a case."""
    priority, reason = nca_priority(target, facts)
    abroad = reported_abroad(target, facts.earlier)
    own = [one for one in facts.earlier if one.authority.casefold() == NCA.casefold()]
    others = [one for one in facts.earlier if one not in abroad and one not in own]
    report = {
        "format": FORMAT,
        "case": facts.row.key,
        "made_at": _moment(now),
        "uploader_details": _state_of_details(facts),
        "priority": priority,
        "priority_reason": reason,
        "due_at": _moment(facts.row.opened_at + timedelta(hours=target.due_hours[priority - 1])),
        "duty": {
            "applies": not abroad,
            "basis": "reported abroad already" if abroad else "detected and not reported",
            "reported_abroad": [_reference(one) for one in abroad],
        },
        "reporter": _reporter(target),
        "platform": target.platform or None,
        "content": _content(target, facts),
        "earlier_reports": {
            "nca_references": [_reference(one) for one in own],
            "other_references": [_reference(one) for one in others],
            "of_the_account": list(facts.prior_reports),
        },
        "account": _account(facts),
        "declaration": {"text": _DECLARATION, "declared_by": None, "declared_at": None},
    }
    return {**report, "not_known": sorted(_unknown(report))}


def _reporter(target: NCAEscalation) -> dict[str, Any]:
    one = target.reporter
    name = f"{one.first_name} {one.last_name}".strip()
    return {
        "name": name or None,
        "email": one.email,
        "phone": one.phone or None,
        "company": one.company or None,
    }


def _content(target: NCAEscalation, facts: NCAFacts) -> dict[str, Any]:
    file = _file(facts)
    first = facts.evidence[0]
    matches = _within_threshold(facts.matches) or facts.matches
    address = file.address or _first_upload(_account_of(facts))
    return {
        "content_id": first.content.content_id,
        "reference": first.content.reference or None,
        "kind": "image",
        "media_format": first.content.format or None,
        "url": file.url,
        "detected_at": _moment(min(one.matched_at for one, _ in matches)),
        "detection": [_detection(*one) for one in facts.matches],
        "confirmed_by_a_person": facts.row.result == ReviewResult.CONFIRMED,
        "uploaded_at": _moment(file.uploaded_at or (facts.details or Details()).moment()),
        "upload_address": None if address is None else _address(address),
        "has_exif": file.has_exif,
        "original_hash": file.original_sha256,
        "hashes": [_hashes(one) for one in facts.evidence],
        "publicly_available": file.publicly_available,
        "generated": _is_generated(target, facts, file),
    }


def _detection(record: MatchRecord, list_name: str) -> dict[str, Any]:
    algorithm = ALGORITHMS.get(record.algorithm)
    is_perceptual = algorithm is not None and algorithm.kind is Kind.PERCEPTUAL
    return {
        "means": "perceptual hash" if is_perceptual else "exact hash",
        "algorithm": record.algorithm,
        "list": list_name,
        "licensor": record.licensor or None,
        "category": record.category or None,
        "matched_at": _moment(record.matched_at),
        "distance_bits": record.distance_bits,
        "threshold_bits": record.threshold_bits,
        "is_match": is_match(record.distance_bits, record.threshold_bits),
    }


def _hashes(one: Evidence) -> dict[str, Any]:
    """Return the hashes of the file as it was screened, with none of its picture."""
    found = {each.algorithm: each.value.hex() for each in one.hashes}
    return {
        "evidence": one.content.key,
        **{name: found.get(name) for name in _FILE_ALGORITHMS},
    }


def _account(facts: NCAFacts) -> dict[str, Any]:
    one = _account_of(facts)
    logins = [address for address in one.addresses if address.event == "Login"]
    others = [address for address in one.addresses if address.event != "Login"]
    names = (one.first_name, one.last_name)
    return {
        "id": one.id,
        "user_name": one.screen_name,
        "display_names": one.display_names or None,
        "name": " ".join(filter(None, names)) or None,
        "date_of_birth": None if one.date_of_birth is None else one.date_of_birth.isoformat(),
        "billing": one.billing,
        "emails": one.emails or None,
        "recovery_emails": one.recovery_emails or None,
        "phones": one.phones or None,
        "verified_phones": one.verified_phones,
        "profile_urls": one.profile_urls or None,
        "login_addresses": [_address(address) for address in logins] or None,
        "other_addresses": [_address(address) for address in others] or None,
    }


def _address(one: Address) -> dict[str, Any]:
    return {"ip": one.ip, "port": one.port, "event": one.event, "at": _moment(one.at)}


def _first_upload(account: Account) -> Address | None:
    return next((one for one in account.addresses if one.event == "Upload"), None)


def _is_generated(target: NCAEscalation, facts: NCAFacts, file: File) -> bool | None:
    """Say whether the platform, a list or the file says that it was generated; None if nobody."""
    listed = any(name in target.generative_ai_lists for _, name in _within_threshold(facts.matches))
    if listed or file.generated is not None:
        return listed or file.generated
    declared = {one.content.declared for one in facts.evidence}
    if target.declared_generative_ai and declared & {Declared.GENERATED, Declared.PARTLY}:
        return True
    return None


def _within_threshold(
    matches: Sequence[tuple[MatchRecord, str]],
) -> list[tuple[MatchRecord, str]]:
    return [one for one in matches if is_match(one[0].distance_bits, one[0].threshold_bits)]


def _state_of_details(facts: NCAFacts) -> str:
    if not facts.has_details:
        return "none"
    return "withheld" if facts.details is None else "included"


def _account_of(facts: NCAFacts) -> Account:
    return (facts.details and facts.details.account) or Account()


def _file(facts: NCAFacts) -> File:
    return (facts.details and facts.details.file) or File()


def _reference(one: EarlierReference) -> dict[str, Any]:
    return {
        "authority": one.authority,
        "reference": one.reference,
        "made_at": _moment(one.made_at),
    }


def _unknown(part: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Yield the places of facts that nobody has; a declaration is yet to be made."""
    for name, value in part.items():
        if name == "declaration":
            continue
        if isinstance(value, Mapping):
            yield from _unknown(value, f"{place}{name}.")
        elif value is None:
            yield f"{place}{name}"


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
