"""Hash sets and case files of VICS 1.x and 2.0 (Project VIC), and CAID, its UK profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError

from .interface import BadRow, Excluded, ListFormat, RawRow, Row
from .mapping import TAG_SEPARATOR, as_flag, as_text, mapped_category
from .records import JSONEvent, json_events, records_at

_CONTEXTS = ("odata.metadata", "@odata.context", "odata.context")
_MEDIA, _CASES = ["value", "item"], ["value", "item", "Media", "item"]
_HASHES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "PhotoDNA": "photodna"}
# Their values are the strings "True" and "False" in the files seen.
_FLAGS = {
    "VictimIdentified": "victim-identified",
    "OffenderIdentified": "offender-identified",
    "IsDistributed": "distributed",
    "IsSuspected": "suspected",
    "SelfGenerated": "self-generated",
}


class VICSFormat(ListFormat):
    """JSON by the OData model of VICS, read as a stream.

    The meaning of a category depends on the country, and not every category is abuse material;
    therefore a mapping with `categories` is required.
    """

    suffixes = ()
    unit = "record"

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, stream: BinaryIO, mapping: MappingSettings | None = None) -> Iterator[Row]:
        """Yield the rows of the file; records are counted across all cases."""
        if mapping is None or not mapping.categories:
            raise ListFileError(
                "the meaning of this file's categories depends on its country",
                hint="Use --mapping with a mapping whose 'categories' lists those to import, such"
                " as { 1 = 'A', 2 = 'B' }, and 'excluded_categories' those to exclude.",
            )
        events = json_events(stream)
        for number, record in enumerate(records_at(events, _path_of_media(events)), start=1):
            if isinstance(record, dict):
                yield from _rows_of(mapping, number, record)
            else:
                yield BadRow(number, "not a JSON object")


def _path_of_media(events: Iterator[JSONEvent]) -> list[str]:
    """Read up to the entries and return the path to them: at the top level, or within cases."""
    context = ""
    for path, event, value in events:
        # The context comes before the entries and shows how they are nested.
        if len(path) == 1 and path[0] in _CONTEXTS and event == "string":
            context = value
        if path == ["value"] and event == "start_array":
            kind = context.rpartition("#")[2].rpartition("/")[2].lower()
            if kind in ("media", "cases"):
                return _MEDIA if kind == "media" else _CASES
            break
    raise ListFileError(
        "not a VICS or CAID file: its context is neither Media nor Cases",
        hint="For other JSON use --format json and a mapping.",
    )


def _rows_of(mapping: MappingSettings, number: int, media: Mapping[str, Any]) -> Iterator[Row]:
    entry_id = as_text(media.get("MediaID"))
    category = as_text(media.get("Category"))
    if not entry_id or category is None:
        yield BadRow(number, "there is no MediaID, or Category is not a number", entry_id or "")
        return
    mapped = mapped_category(mapping, number, category, entry_id)
    if isinstance(mapped, BadRow | Excluded):
        yield mapped
        return
    hashes = _hashes_of(media)
    note, added_at = as_text(media.get("Comments")), as_text(media.get("DateUpdated"))
    tags = _tags_of(media)
    if hashes is None or note is None or added_at is None or tags is None:
        yield BadRow(number, "a value of the record has the wrong type", entry_id)
        return
    if not hashes:
        yield BadRow(number, "there is no hash", entry_id)
    # A record may have one hash twice, under its own key and among the alternative ones.
    for algorithm, value in dict.fromkeys(hashes):
        name = mapping.algorithms.get(algorithm, algorithm)
        yield RawRow(number, name, value, entry_id, mapped, tags, added_at, note)


def _hashes_of(media: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Return the algorithms and values of an entry, None where they have the wrong type."""
    found = [(name, as_text(media.get(key))) for key, name in _HASHES.items()]
    alternative = media.get("AlternativeHashes") or []
    if not isinstance(alternative, list):
        return None
    for one in alternative:
        name = as_text(one.get("HashName")) if isinstance(one, dict) else None
        if not name:
            return None
        found.append((name.strip().lower(), as_text(one.get("HashValue"))))
    given = [(name, value.strip()) for name, value in found if value and value.strip()]
    return None if any(value is None for _, value in found) else given


def _tags_of(media: Mapping[str, Any]) -> tuple[str, ...] | None:
    tags: list[str] = []
    for key, tag in _FLAGS.items():
        if as_flag(media.get(key)):
            tags.append(tag)
    # Tags are an array in some files, and one string with separators in others.
    series, given = as_text(media.get("Series")), media.get("Tags")
    texts = [as_text(one) for one in given] if isinstance(given, list) else [as_text(given)]
    if series is None or None in texts:
        return None
    if series.strip():
        tags.append(f"series:{series.strip()}")
    for text in texts:
        tags += filter(None, map(str.strip, (text or "").replace(",", TAG_SEPARATOR).split(";")))
    return tuple(tags)
