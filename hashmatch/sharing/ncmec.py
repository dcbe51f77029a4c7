"""The shape of NCMEC's Hash Sharing, version 2: XML that every client with a base address reads.

Each list is a base of its own. Entries of a list that came from NCMEC keep their members; all
others are the publisher's.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hashmatch.config import SharingSettings
from hashmatch.errors import InputError
from hashmatch.store.schema import utc_moment
from hashmatch.store.sharing import FeedbackCounts, SharedItem, member_of

from .pulling import Pull, Pulled

MEDIA_TYPE = "application/xml"
MAX_FEEDBACK_BYTES = 64 * 1024
_NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
_GUIDS = uuid.UUID("7f2c5a0e-6f0b-4f2e-9a51-9d1f5d0f6a3b")
# NCMEC's names of the kinds of fingerprints that feedback is given on, and ours.
KINDS: Mapping[str, str] = {"MD5": "md5", "SHA1": "sha1", "PDNA": "photodna", "PDQ": "pdq"}
_ELEMENTS = {"photodna": "pdna"}
_TAG_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
# Characters that XML cannot contain at all.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Reasons for which consumers disagree with a fingerprint, by their name.
REASONS = (
    "Not the material that the list is of",
    "The hash matches other pictures",
    "The classification is wrong",
    "The hash is damaged",
)


def reasons() -> dict[str, str]:
    """Return the names of the reasons for negative feedback, by guid."""
    return {str(uuid.uuid5(_GUIDS, one)): one for one in REASONS}


@dataclass(frozen=True, slots=True)
class Window:
    """Query for entries: of the times after `begin` up to `end`, and the place of its next page."""

    begin: datetime
    end: datetime
    start: int = 1
    size: int = 1_000
    last: int | None = None

    def resume(self, whole: Pull) -> Pull:
        """Return the rest of the range that was published in the window."""
        first = whole.after
        until = whole.until if self.last is None else min(first + self.last, whole.until)
        return Pull(until, min(first + self.start - 1, until), until)

    def following(self, whole: Pull, rest: Pull) -> str:
        """Return the address of the next page, relative to the base."""
        query = {
            "from": _moment(self.begin),
            "to": _moment(self.end),
            "start": rest.after - whole.after + 1,
            "size": self.size,
            "max": rest.until - whole.after,
        }
        return f"/v2/entries?{urlencode(query)}"


def status_document(settings: SharingSettings, name: str, address: str) -> bytes:
    """Return who asks, as the server sees it, and the member whose base it is."""
    root = _root("status")
    SubElement(root, "ipAddress").text = address
    SubElement(root, "username").text = name
    _member(root, settings, "")
    return _written(root)


def members_document(settings: SharingSettings, members: Sequence[str]) -> bytes:
    """Return the members whose entries a list has."""
    root = _root("members")
    for one in members:
        _member(root, settings, one)
    return _written(root)


def reasons_document(kind: str) -> bytes:
    """Return the reasons for negative feedback on a kind of fingerprint. Raises `InputError`."""
    require_kind(kind)
    # The list is in an element of its own, as clients read it.
    root = _root("feedbackReasons")
    offered = SubElement(root, "availableFeedbackReasons")
    for guid, name in reasons().items():
        SubElement(offered, "reason", guid=guid, name=name, type=kind)
    return _written(root)


def entries_document(
    pulled: Pulled, settings: SharingSettings, window: Window, whole: Pull
) -> bytes:
    """Return a page of entries and tombstones, with the address of the next page."""
    root = _root("queryResult")
    groups = [
        (kind, [one for one in pulled.items if _is_video(one) is video])
        for kind, video in (("image", False), ("video", True))
    ]
    for kind, items in groups:
        newest = max((one.published_at for one in items), default=window.begin)
        group = SubElement(root, f"{kind}s", count=str(len(items)), maxTimestamp=_moment(newest))
        for one in items:
            _entry(group, kind, one, settings, pulled.counts.get(one.entry_id, {}))
    if not pulled.is_complete:
        paging = SubElement(root, "paging")
        SubElement(paging, "next").text = window.following(whole, pulled.rest)
    return _written(root)


def _entry(
    group: Element,
    kind: str,
    one: SharedItem,
    settings: SharingSettings,
    counts: Mapping[str, FeedbackCounts],
) -> None:
    name = f"deleted{kind.capitalize()}" if one.is_withdrawn else kind
    element = SubElement(group, name)
    _member(element, settings, member_of(one.entry_id))
    SubElement(element, "timestamp").text = _moment(one.published_at)
    SubElement(element, "id").text = _ILLEGAL.sub(
        "\N{REPLACEMENT CHARACTER}", _own_id(one.entry_id)
    )
    if one.is_withdrawn:
        return
    if one.category:
        SubElement(element, "classification").text = one.category
    fingerprints = SubElement(element, "fingerprints")
    for algorithm, values in sorted(one.hashes.items()):
        tag = _ELEMENTS.get(algorithm, algorithm)
        # Names of installed algorithms may be no names of elements.
        if not tag[:1].isalpha() or not set(tag) <= _TAG_CHARACTERS:
            continue
        for value in values:
            SubElement(fingerprints, tag).text = value.hex()
    if counts:
        _feedback(element, counts)


def _feedback(element: Element, counts: Mapping[str, FeedbackCounts]) -> None:
    newest = max(one.newest for one in counts.values())
    feedback = SubElement(element, "feedback", lastUpdateTimestamp=_moment(newest))
    kinds = {own: kind for kind, own in KINDS.items()}
    for algorithm, one in sorted(counts.items()):
        kind = kinds.get(algorithm, algorithm.upper())
        # Who gave it is between them and the publisher.
        if one.affirmative:
            SubElement(feedback, "affirmativeFeedback", type=kind)
        if one.negative:
            SubElement(feedback, "negativeFeedback", type=kind)


def parse_feedback(body: bytes) -> tuple[bool, str]:
    """Return whether a submission agrees, and the name of its reason. Raises `InputError`."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InputError("the feedback is not XML") from error
    names = [_local(one) for one in root]
    if _local(root) != "feedbackSubmission" or names not in (["affirmative"], ["negative"]):
        raise InputError("the feedback is no feedbackSubmission with one affirmative or negative")
    if names == ["affirmative"]:
        return True, ""
    offered = reasons()
    given = [(one.text or "").strip() for one in root.iter() if _local(one) == "guid"]
    if not given or any(one not in offered for one in given):
        raise InputError(
            "negative feedback needs one of the reasons on offer",
            hint="GET v2/feedback/KIND/reasons has their guids.",
        )
    return False, "; ".join(offered[one] for one in dict.fromkeys(given))


def require_kind(kind: str) -> str:
    """Return our name of a kind of fingerprint. Raises `InputError`."""
    if kind not in KINDS:
        raise InputError(
            "feedback on such fingerprints is not taken", hint=f"It is on {', '.join(KINDS)}."
        )
    return KINDS[kind]


def parse_moment(text: str) -> datetime:
    """Return a time of a query. Raises `InputError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError("from and to are times such as 2026-01-31T00:00:00Z") from error
    return utc_moment(moment)


def full_id(member: str, entry_id: str, settings: SharingSettings) -> str:
    """Return the id of an entry here, of its member's id and its own."""
    return entry_id if member == str(settings.member_id) else f"{member}/{entry_id}"


def _own_id(entry_id: str) -> str:
    return entry_id.partition("/")[2] if "/" in entry_id else entry_id


def _member(parent: Element, settings: SharingSettings, member: str) -> None:
    own = str(settings.member_id)
    name = f"Member {member}" if member else settings.publisher or "hashmatch"
    SubElement(parent, "member", id=member or own).text = name


def _is_video(one: SharedItem) -> bool:
    return "video" in one.tags


def _root(name: str) -> Element:
    return Element(name, xmlns=_NAMESPACE)


def _written(root: Element) -> bytes:
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
