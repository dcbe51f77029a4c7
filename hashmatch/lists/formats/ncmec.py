"""Answers of NCMEC's Hash Sharing, version 2: XML with entries, withdrawn ones and a next page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError

from .interface import BadRow, LeftOut, ListFormat, RawRow, Row
from .mapping import mapped_category
from .watched import MAX_DEPTH, MAX_RECORD_PARTS, WatchedStream

_ENTRIES = frozenset({"image", "video", "deletedImage", "deletedVideo"})
_ANY_CATEGORY = MappingSettings()


@dataclass(frozen=True, slots=True)
class NCMECEntry:
    """One entry of an answer, which is all that NCMEC now says of it.

    An id is unique within its member. `hashes` are (algorithm, value); what is too large to stand
    there has the address of its own as the value. A withdrawn entry has none.
    """

    member_id: str
    member: str
    entry_id: str
    timestamp: str
    is_video: bool
    is_deleted: bool
    classification: str
    hashes: tuple[tuple[str, str], ...]

    @property
    def identity(self) -> str:
        """What tells the entry from all others of all members."""
        return f"{self.member_id}/{self.entry_id}"


@dataclass(frozen=True, slots=True)
class NextPage:
    """Where the answer goes on, relative to the base."""

    address: str


def read_answer(stream: BinaryIO) -> Iterator[NCMECEntry | BadRow | NextPage]:
    """Yield what an answer to a query for entries holds, in bounded memory.

    Raises `ListFileError` where it is no such answer, breaks off, or is hostile.
    """
    watched = WatchedStream(stream)
    path: list[Element] = []
    number = parts = 0
    try:
        for event, element in iterparse(watched, ("start", "end"), forbid_dtd=True):
            watched.bytes_unheard = 0
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
                path[-1].remove(element)
                parts = 0
            elif name == "next" and path and _local_name(path[-1]) == "paging":
                yield NextPage((element.text or "").strip())
    except (ParseError, DefusedXmlException, UnicodeError, LookupError, ValueError) as error:
        # The parser's own words may quote the file.
        raise ListFileError(
            "the answer is not XML, breaks off, or defines entities",
            hint="Nothing was changed; fetch it again.",
        ) from error


class NCMECFormat(ListFormat):
    """Such an answer as a file; entries that it calls deleted are left out."""

    name = "ncmec"
    suffixes = (".xml",)
    unit = "record"

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield what the file holds; with a mapping, by its `categories`."""
        for number, item in enumerate(read_answer(stream), start=1):
            if isinstance(item, NextPage):
                raise ListFileError(
                    "the file is one page of several, and no whole list",
                    hint="Put all pages into the list by a source of type ncmec.",
                )
            if isinstance(item, BadRow):
                yield item
            elif item.is_deleted:
                yield LeftOut(number)
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
        yield RawRow(number, name, value, entry.identity, category, tags, entry.timestamp)
    if not entry.hashes:
        yield BadRow(number, "there is no hash", entry.identity)


def _require_sane(name: str, path: list[Element], parts: int) -> None:
    if not path and name != "queryResult":
        raise ListFileError("this is no answer of NCMEC's Hash Sharing: it is no queryResult")
    if len(path) >= MAX_DEPTH:
        raise ListFileError(f"the answer is nested more than {MAX_DEPTH} deep")
    if parts > MAX_RECORD_PARTS:
        raise ListFileError("an entry of the answer has more than 100,000 parts")


def _read_entry(number: int, kind: str, element: Element) -> NCMECEntry | BadRow:
    parts = {_local_name(child): child for child in element}
    member = parts.get("member")
    member_id = "" if member is None else member.get("id", "").strip()
    entry_id = _text(parts.get("id"))
    if not member_id or not entry_id:
        return BadRow(number, "there is no member or no id")
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
    )


def _hashes(fingerprints: Element | None, *, is_video: bool) -> Iterator[tuple[str, str]]:
    for one in () if fingerprints is None else fingerprints:
        name, value = _local_name(one), _text(one) or one.get("href", "").strip()
        # The PhotoDNA of a film is another thing than that of a picture.
        if is_video and name == "pdna":
            name = "video-photodna"
        if value:
            yield name, value


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _local_name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
