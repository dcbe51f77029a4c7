"""The report document, in the order that NCMEC's schema (ispws) prescribes.

It states only facts on record and details that the platform sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from xml.etree import ElementTree as ET

from hashmatch.config import CyberTiplineEscalation
from hashmatch.hashes import is_match
from hashmatch.store.schema import MatchRecord, utc_now
from hashmatch.uploaders import Account, Circumstances

from .elements import (
    MAX_CHARACTERS,
    add,
    add_address,
    add_device,
    add_each,
    add_optional,
    cut,
    escaped,
    serialize,
    timestamp,
)
from .incident import Incident

# The incident types that the schema permits, by the names that details have for them.
_TYPES = {
    "csam": "Child Pornography (possession, manufacture, and distribution)",
    "trafficking": "Child Sex Trafficking",
    "tourism": "Child Sex Tourism",
    "molestation": "Child Sexual Molestation",
    "misleading_domain_name": "Misleading Domain Name",
    "misleading_words_or_images": "Misleading Words or Digital Images on the Internet",
    "enticement": "Online Enticement of Children for Sexual Acts",
    "unsolicited_material": "Unsolicited Obscene Material Sent to a Child",
}
_LONGEST_LINE = 300
# NCMEC's clock may be behind ours by so much.
_SLACK = timedelta(minutes=1)
# What the platform says about the incident has at least so many characters of the free text.
_OWN_WORDS = 1_500


def report_document(
    settings: CyberTiplineEscalation, incident: Incident, *, without_file: str = ""
) -> bytes:
    """Return the report document; `without_file` is the reason where no file will follow."""
    incident = incident.as_of(utc_now())
    details = incident.details
    report = ET.Element("report")
    _add_summary(report, settings, incident)
    _add_places(report, settings, incident)
    _add_reporter(report, settings)
    if details.account is not None:
        account = details.account
        prior = dict.fromkeys((*account.prior_reports, *incident.prior_reports))
        account = account.model_copy(update={"prior_reports": list(prior)})
        _add_account(report, "personOrUserReported", settings, account)
    for one in details.recipients:
        _add_account(report, "intendedRecipient", settings, one)
    for one in details.victims:
        _add_account(report, "victim", settings, one)
    add(report, "additionalInfo", _additional(settings, incident, without_file))
    return serialize(report)


def _add_summary(report: ET.Element, settings: CyberTiplineEscalation, incident: Incident) -> None:
    # The order of elements, here and below, is that of the schema.
    given = incident.details.incident or Circumstances()
    summary = add(report, "incidentSummary")
    add(summary, "incidentType", _TYPES[given.type])
    add_optional(summary, "platform", settings.platform)
    add_optional(summary, "escalateToHighPriority", (given.high_priority or "").strip())
    if given.annotations:
        annotations = add(summary, "reportAnnotations")
        add_flags(annotations, given.annotations)
    moment = incident.details.moment()
    # A match may be so recent that it lies in the future of NCMEC's clock.
    latest = utc_now() - _SLACK
    add(summary, "incidentDateTime", timestamp(min(moment or incident.matched_at, latest)))
    # The schema demands a time. Where the platform gives none, the text says which time this is.
    meaning = "time of the incident, from the platform" if moment else "time of the match"
    add(summary, "incidentDateTimeDescription", meaning)


def add_flags(parent: ET.Element, names: Sequence[str]) -> None:
    """Add elements that are true, once each."""
    for name in dict.fromkeys(names):
        add(parent, name, "true")


def _add_places(report: ET.Element, settings: CyberTiplineEscalation, incident: Incident) -> None:
    """Add where on the internet it happened; NCMEC wants one place at least."""
    given = incident.details.incident or Circumstances()
    file = incident.details.file
    urls = [one for one in (file.url if file else None, *given.urls) if one is not None]
    if urls:
        page = add(add(report, "internetDetails"), "webPageIncident")
        add_each(page, "url", urls)
    if given.chat is not None:
        chat = add(add(report, "internetDetails"), "chatImIncident")
        add_optional(chat, "chatClient", given.chat.client)
        add_optional(chat, "chatRoomName", given.chat.room)
        add_optional(chat, "content", given.chat.content)
    if given.game is not None:
        game = add(add(report, "internetDetails"), "onlineGamingIncident")
        add_optional(game, "gameName", given.game.name)
        add_optional(game, "console", given.game.console)
        add_optional(game, "content", given.game.content)
    if not (urls or given.chat or given.game):
        page = add(add(report, "internetDetails"), "webPageIncident")
        where = f" on {settings.platform}" if settings.platform else ""
        add(page, "additionalInfo", f"Found{where}; the platform gives no address of the content.")


def _add_reporter(report: ET.Element, settings: CyberTiplineEscalation) -> None:
    given = settings.reporter
    reporter = add(report, "reporter")
    person = add(reporter, "reportingPerson")
    add_optional(person, "firstName", given.first_name)
    add_optional(person, "lastName", given.last_name)
    add(person, "email", given.email)
    add_optional(reporter, "companyTemplate", given.company)
    add_optional(reporter, "termsOfService", given.terms_of_service)
    add_optional(reporter, "legalURL", given.legal_url)


def _add_account(
    report: ET.Element, name: str, settings: CyberTiplineEscalation, account: Account
) -> None:
    """Add a person or user: the one that is reported, a recipient or a victim."""
    root = add(report, name)
    person = ET.Element(f"{name}Person")
    add_optional(person, "firstName", account.first_name)
    add_optional(person, "lastName", account.last_name)
    add_each(person, "phone", account.phones)
    add_each(person, "email", account.emails)
    add_optional(person, "age", account.age)
    if account.date_of_birth is not None:
        add(person, "dateOfBirth", account.date_of_birth.isoformat())
    if len(person) or name == "victim":  # The schema demands it of victims.
        root.append(person)
    add_optional(root, "espIdentifier", account.id)
    add_optional(root, "espService", settings.platform)
    add_optional(root, "compromisedAccount", account.compromised)
    add_optional(root, "screenName", account.screen_name)
    add_each(root, "displayName", account.display_names)
    add_each(root, "profileUrl", account.profile_urls)
    add_optional(root, "profileBio", account.bio)
    for address in account.addresses:
        add_address(root, address)
    for device in account.devices:
        add_device(root, device)
    if name == "victim":
        add_optional(root, "schoolName", account.school)
    add_each(root, "priorCTReports", account.prior_reports)
    if name != "victim":
        add_optional(root, "groupIdentifier", account.group)
    if account.disabled is not None:
        disabled = add(root, f"account{account.disabled.capitalize()}Disabled", "true")
        if account.disabled_at is not None:
            disabled.set("disabledDate", timestamp(account.disabled_at))
    add_optional(root, "additionalInfo", account.info)


def _additional(settings: CyberTiplineEscalation, incident: Incident, without_file: str) -> str:
    """Return the free text: first what must be said, then as many matches as there is room for."""
    lines = [
        f"Found by comparing hashes with licensed lists (hashmatch, case {incident.case}).",
        _short(f"The platform's name for the content: {incident.content.content_id}"),
    ]
    if incident.content.reference:
        lines.append(_short(f"Where the platform stores it: {incident.content.reference}"))
    if incident.content.evidence:
        marks = incident.content.evidence.replace(" ", ", ")
        lines.append(
            _short(f"The file declares to be generated ({marks}); nobody verified that it is")
        )
    if incident.earlier_reports:
        numbers = ", ".join(incident.earlier_reports)
        lines.append(
            _short(f"Reported before under the same name, of what was known then: {numbers}")
        )
    if without_file:
        lines.append(f"The file is not uploaded with this report: {without_file}")
        lines += [
            f"Hash of the file, {one.algorithm.upper()}: {one.value.hex()}"
            for one in incident.all_reported_hashes(settings)
        ]
    further = len(incident.details.further_files)
    if further and settings.file is None:
        lines.append(f"{further} further files are not uploaded: the platform hands over none")
    own = escaped(incident.details.info or "")
    room = MAX_CHARACTERS - len("\n".join(lines)) - min(len(own), _OWN_WORDS) - 2
    lines += _matches(incident.matches, room)
    return "\n".join([*lines, own] if own else lines)


def _matches(matches: Sequence[tuple[MatchRecord, str]], room: int) -> list[str]:
    """Return a line for each match, or for some and the number of the others."""
    lines: list[str] = []
    for number, (record, list_name) in enumerate(matches):
        category = f", category {record.category}" if record.category else ""
        is_near = not is_match(record.distance_bits, record.threshold_bits)
        relation = "beyond the threshold of" if is_near else "of at most"
        line = _short(
            f"{'Is near' if is_near else 'Matched'} list {list_name}: entry"
            f" {record.entry_id}{category}, by {record.algorithm}, distance"
            f" {record.distance_bits} {relation} {record.threshold_bits} bits"
        )
        rest = f"and {len(matches) - number} more matches"
        room -= len(line) + 1
        if room < len(rest) + 1 and number + 1 < len(matches):
            return [*lines, rest]
        lines.append(line)
    return lines


def _short(line: str) -> str:
    return cut(escaped(line), _LONGEST_LINE)
