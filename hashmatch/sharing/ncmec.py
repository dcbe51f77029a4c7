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
from functools import lru_cache
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hashmatch.config import SharingSettings
from hashmatch.errors import InputError
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
_IN_ATTRIBUTES = str.maketrans({'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"})
# Times and members that are written once: thousands of entries have the same.
_CACHED = 1_024
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
    asker = _element("ipAddress", _text(address)) + _element("username", _text(name))
    return _document("status", asker + _member_of(settings, ""))


def members_document(settings: SharingSettings, members: Sequence[str]) -> bytes:
    """Return the members whose entries a list has."""
    return _document("members", "".join(_member_of(settings, one) for one in members))


def reasons_document(kind: str) -> bytes:
    """Return the reasons for negative feedback on a kind of fingerprint. Raises `InputError`."""
    require_kind(kind)
    offered = "".join(
        _element("reason", guid=guid, name=name, type=kind) for guid, name in reasons().items()
    )
    # The list is in an element of its own, as clients read it.
    return _document("feedbackReasons", _element("availableFeedbackReasons", offered))


def entries_document(
    pulled: Pulled, settings: SharingSettings, window: Window, whole: Pull
) -> bytes:
    """Return a page of entries and tombstones, with the address of the next page."""
    content = ""
    for kind, video in (("image", False), ("video", True)):
        items = [one for one in pulled.items if _is_video(one) is video]
        newest = max((one.published_at for one in items), default=window.begin)
        entries = "".join(_entry(kind, one, settings, pulled.counts) for one in items)
        content += _element(
            f"{kind}s", entries, count=str(len(items)), maxTimestamp=_moment(newest)
        )
    if not pulled.is_complete:
        following = window.following(whole, pulled.rest)
        content += _element("paging", _element("next", _text(following)))
    return _document("queryResult", content)


def _entry(
    kind: str,
    one: SharedItem,
    settings: SharingSettings,
    counts: Mapping[str, Mapping[str, FeedbackCounts]],
) -> str:
    known = (
        f"{_member_of(settings, member_of(one.entry_id))}"
        f"<timestamp>{_moment(one.published_at)}</timestamp>"
        f"{_element('id', _text(_own_id(one.entry_id)))}"
    )
    if one.is_withdrawn:
        return f"<deleted{kind.capitalize()}>{known}</deleted{kind.capitalize()}>"
    if one.category:
        known += f"<classification>{_text(one.category)}</classification>"
    fingerprints = "".join(
        f"<{tag}>{value.hex()}</{tag}>"
        for algorithm, values in sorted(one.hashes.items())
        if _is_tag(tag := _ELEMENTS.get(algorithm, algorithm))
        for value in values
    )
    own = counts.get(one.entry_id)
    feedback = _feedback(own) if own else ""
    return f"<{kind}>{known}{_element('fingerprints', fingerprints)}{feedback}</{kind}>"


def _is_tag(name: str) -> bool:
    """Say whether the name of an algorithm, which may be installed, is one of elements, too."""
    return name[:1].isalpha() and set(name) <= _TAG_CHARACTERS


def _feedback(counts: Mapping[str, FeedbackCounts]) -> str:
    kinds = {own: kind for kind, own in KINDS.items()}
    content = ""
    for algorithm, one in sorted(counts.items()):
        kind = kinds.get(algorithm, algorithm.upper())
        # Who gave it is between them and the publisher.
        if one.affirmative:
            content += _element("affirmativeFeedback", type=kind)
        if one.negative:
            content += _element("negativeFeedback", type=kind)
    newest = max(one.newest for one in counts.values())
    return _element("feedback", content, lastUpdateTimestamp=_moment(newest))


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


def full_id(member: str, entry_id: str, settings: SharingSettings) -> str:
    """Return the id of an entry here, of its member's id and its own."""
    return entry_id if member == str(settings.member_id) else f"{member}/{entry_id}"


def _own_id(entry_id: str) -> str:
    return entry_id.partition("/")[2] if "/" in entry_id else entry_id


def _member_of(settings: SharingSettings, member: str) -> str:
    return _member(settings.publisher, settings.member_id, member)


@lru_cache(_CACHED)
def _member(publisher: str, own: int, member: str) -> str:
    name = f"Member {member}" if member else publisher or "hashmatch"
    return _element("member", _text(name), id=member or str(own))


def _is_video(one: SharedItem) -> bool:
    return "video" in one.tags


# Written by hand in 6 µs an entry; a tree of elements took 27.
def _document(name: str, content: str) -> bytes:
    document = (
        f"<?xml version='1.0' encoding='utf-8'?>\n{_element(name, content, xmlns=_NAMESPACE)}"
    )
    return document.encode()


def _element(tag: str, content: str = "", /, **attributes: str) -> str:
    start = tag
    for key, value in attributes.items():
        start += f' {key}="{_text(value).translate(_IN_ATTRIBUTES)}"'
    return f"<{start}>{content}</{tag}>" if content else f"<{start} />"


def _text(text: str) -> str:
    """Return a text as content, without the characters that no XML can have."""
    return escape(_ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text))


@lru_cache(_CACHED)
def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
