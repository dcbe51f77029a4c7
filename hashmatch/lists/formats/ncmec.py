"""Responses of NCMEC's Hash Sharing, version 2: XML with entries, deletions and a next page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError

from .bounded import MAX_DEPTH, MAX_RECORD_PARTS, BoundedStream
from .interface import BadRow, Excluded, ListFormat, RawRow, Row
from .mapping import mapped_category

_ENTRIES = frozenset({"image", "video", "deletedImage", "deletedVideo"})
_ANY_CATEGORY = MappingSettings()


@dataclass(frozen=True, slots=True)
class NCMECEntry:
    """One entry of a response: its complete current state at NCMEC.

    An id is unique within its member. `hashes` are (algorithm, value); the value of a hash that is
    too large for the response is the address at which it can be fetched. A deleted entry has none,
    nor has one whose fingerprints are all empty; one without the element for them is damaged.
    """

    member_id: str
    member: str
    entry_id: str
    timestamp: str
    is_video: bool
    is_deleted: bool
    classification: str
    hashes: tuple[tuple[str, str], ...]
    has_fingerprints: bool = True

    @property
    def identity(self) -> str:
        """Return an id that is unique among all members."""
        return f"{self.member_id}/{self.entry_id}"


@dataclass(frozen=True, slots=True)
class NextPage:
    """Address of the next page, relative to the base of the list."""

    address: str


def read_response(stream: BinaryIO) -> Iterator[NCMECEntry | BadRow | NextPage]:
    """Yield the entries and the next page of a response to a query for entries, in bounded memory.

    Raises `ListFileError` where it is not such a response, is truncated, or is hostile.
    """
    bounded = BoundedStream(stream)
    path: list[Element] = []
    number = parts = 0
    try:
        for event, element in iterparse(bounded, ("start", "end"), forbid_dtd=True):
            bounded.bytes_since_event = 0
            name = _local_name(element)
            if event == "start":
                _require_sane(name, path, parts)
                path.append(element)
                parts += 1
                continue
            path.pop()
            if name in _ENTRIES and len(path) > 1 and _local_name(path[-1]) not in _ENTRIES:
                number += 1
                yield _read_entry(number, name, element)
                # Otherwise the tree would grow with every entry.
                path[-1].remove(element)
                # The limit is for each entry.
                parts = 0
            elif name == "next" and path and _local_name(path[-1]) == "paging":
                yield NextPage((element.text or "").strip())
    except (ParseError, DefusedXmlException, UnicodeError, LookupError, ValueError) as error:
        # The parser's own message may quote the file.
        raise ListFileError(
            "the response is not XML, is truncated, or defines entities",
            hint="Nothing was changed; fetch it again.",
        ) from error


class NCMECFormat(ListFormat):
    """Response of NCMEC's Hash Sharing, stored as a file; deleted entries are excluded."""

    name = "ncmec"
    suffixes = (".xml",)
    unit = "record"

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; a mapping's `categories` apply to the classification."""
        for number, item in enumerate(read_response(stream), start=1):
            if isinstance(item, NextPage):
                # Replacing a list from one page would withdraw the entries of all others.
                raise ListFileError(
                    "the file is one page of several, and not a complete list",
                    hint="Sync the list from a source of type ncmec, which reads all pages.",
                )
            if isinstance(item, BadRow):
                yield item
            elif item.is_deleted:
                yield Excluded(number)
            else:
                yield from entry_rows(item, number, mapping or _ANY_CATEGORY)


def entry_rows(entry: NCMECEntry, number: int, mapping: MappingSettings) -> Iterator[Row]:
    """Yield the rows of one entry that is not deleted."""
    category = mapped_category(mapping, number, entry.classification, entry.identity)
    if not isinstance(category, str):
        yield category
        return
    tags = (*((f"member:{entry.member}",) if entry.member else ()), *("video",) * entry.is_video)
    for algorithm, value in entry.hashes:
        name = mapping.algorithms.get(algorithm, algorithm)
        yield RawRow(
            number, name, value, entry.identity, category, tags, entry.timestamp, is_kind=True
        )
    if not entry.has_fingerprints:
        yield BadRow(number, "there are no fingerprints", entry.identity)


def _require_sane(name: str, path: list[Element], parts: int) -> None:
    if not path and name != "queryResult":
        raise ListFileError(
            "this is not a response of NCMEC's Hash Sharing: its root is not queryResult"
        )
    if len(path) >= MAX_DEPTH:
        raise ListFileError(f"the response is nested more than {MAX_DEPTH} levels deep")
    if parts > MAX_RECORD_PARTS:
        raise ListFileError("an entry of the response has more than 100,000 parts")


def _read_entry(number: int, kind: str, element: Element) -> NCMECEntry | BadRow:
    parts = {_local_name(child): child for child in element}
    member = parts.get("member")
    member_id = "" if member is None else member.get("id", "").strip()
    entry_id = _text(parts.get("id"))
    if not member_id or not entry_id:
        return BadRow(number, "there is no member id or no entry id")
    is_video = kind.endswith(("video", "Video"))
    return NCMECEntry(
        member_id=member_id,
        member=_text(member),
        entry_id=entry_id,
        timestamp=_text(parts.get("timestamp")),
        is_video=is_video,
        is_deleted=kind.startswith("deleted"),
        classification=_text(parts.get("classification")),
        hashes=tuple(_hashes(parts.get("fingerprints"), is_video=is_video)),
        has_fingerprints="fingerprints" in parts,
    )


def _hashes(fingerprints: Element | None, *, is_video: bool) -> Iterator[tuple[str, str]]:
    for one in () if fingerprints is None else fingerprints:
        # A hash that is too large for the response has an address instead of text.
        name, value = _local_name(one), _text(one) or one.get("href", "").strip()
        # The PhotoDNA hash of a video cannot be compared with that of a picture.
        if is_video and name == "pdna":
            name = "video-photodna"
        if value:
            yield name, value


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _local_name(element: Element) -> str:
    # ElementTree writes the namespace of a tag before it, in braces.
    return str(element.tag).rpartition("}")[2]
