"""Recording of matches: any number of content items in a constant number of statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from hashmatch.hashes import Hash, Orientation, View
from hashmatch.outcome import Action, AllowedMatch, Match, Nearness, nearness, strongest

from ..engine import as_table, audit_id, audit_rows, insert_rows
from ..schema import Entry, MatchRecord, utc_now
from .allowed import NewAllowedMatch, record_allowed_matches
from .content import ContentFacts, add_hashes, find_or_add_contents

# What two matches of one content item are the same by: a list's hash, or else the entry.
_Identity: TypeAlias = tuple[int, str, bytes] | int


@dataclass(frozen=True, slots=True)
class NewMatch:
    """A match that is about to be recorded, with the entry that stands for all of its hash.

    `listed` is the hash of that entry, which is not recorded, and `entries` the number of enabled
    entries of the list that share it.
    """

    list_key: int
    list_name: str
    licensor: str
    generation: int
    entry_key: int
    entry_id: str
    category: str
    action: Action
    found: Hash
    distance_bits: int
    threshold_bits: int
    listed: bytes = field(default=b"", repr=False)
    entries: int = 1

    @property
    def nearness(self) -> Nearness:
        """Return whether the match is within its list's threshold, or only near it."""
        return nearness(self.distance_bits, self.threshold_bits)


@dataclass(frozen=True, slots=True)
class NewItem:
    """A content item, with the matches of it that are about to be recorded."""

    content: ContentFacts
    matches: Sequence[NewMatch] = ()
    allowed: Sequence[NewAllowedMatch] = ()


@dataclass(frozen=True, slots=True)
class RecordedItem:
    """The matches of a content item as they are on record, in the order given.

    Each comes with whether it is new. A content item `is_known` that had matches before.
    """

    content_key: int
    matches: Sequence[tuple[Match, bool]]
    allowed: Sequence[AllowedMatch]
    is_known: bool


def record_items(session: Session, items: Sequence[NewItem]) -> list[RecordedItem]:
    """Record the matches of content items; returns them in the same order.

    The same content matching the same hash of a list again keeps the record that exists, and its
    id. One that was only near and is within the threshold now is recorded as it is now, and counts
    as new; so does one of which another entry asks for a stronger action.
    """
    contents = find_or_add_contents(session, [one.content for one in items])
    keys = [contents[one.content.name].key for one in items]
    hashes = dict[int, list[Hash]]()
    for key, item in zip(keys, items, strict=True):
        if item.matches:
            hashes.setdefault(key, []).extend(item.content.hashes)
    add_hashes(session, hashes)
    before = [one.key for one in contents.values() if not one.is_new]
    records = _Records(session, before)
    known = records.contents()
    rows = [
        [records.plan(key, one) for one in item.matches]
        for key, item in zip(keys, items, strict=True)
    ]
    records.write()
    explained = [(key, item.allowed) for key, item in zip(keys, items, strict=True)]
    allowed = record_allowed_matches(session, explained, before)
    return [
        RecordedItem(
            key,
            [_as_match(*one) for one in zip(own, item.matches, strict=True)],
            some,
            is_known=key in known,
        )
        for key, item, own, some in zip(keys, items, rows, allowed, strict=True)
    ]


@dataclass(slots=True)
class _Row:
    """A row of matches, as it is on record or is about to be; `new` is the match it changed by."""

    values: dict[str, Any]
    new: NewMatch | None = None

    def yields_to(self, new: NewMatch) -> bool:
        """Say whether a match of the same hash says more than this row does."""
        values = self.values
        is_near = nearness(values["distance_bits"], values["threshold_bits"]) is Nearness.NEAR
        if is_near is not (new.nearness is Nearness.NEAR):
            return is_near
        # The policy may have changed; that alone makes nothing new of what is on record.
        is_other = new.entry_key != values["entry_key"]
        recorded = Action(values["action"])
        return is_other and strongest((new.action, recorded)) is not recorded


class _Records:
    """The rows of matches of some content items, read and written together."""

    def __init__(self, session: Session, contents: Sequence[int]) -> None:
        self._session = session
        self._rows = dict[tuple[int, _Identity], _Row]()
        for values, listed in _read_rows(session, contents) if contents else ():
            row = _Row(values)
            self._rows.setdefault((values["content_key"], values["entry_key"]), row)
            if listed is not None:
                self._rows.setdefault((values["content_key"], listed), row)

    def contents(self) -> frozenset[int]:
        """Return the keys of those content items that have any."""
        return frozenset(content_key for content_key, _ in self._rows)

    def plan(self, content_key: int, new: NewMatch) -> _Row:
        """Return the row of a match, which `write` adds or changes where the match is new."""
        identities = _identities(content_key, new)
        row = next((self._rows[one] for one in identities if one in self._rows), None)
        if row is None:
            row = _Row({"content_key": content_key, **_values(new)}, new)
        elif row.yields_to(new):
            row.values |= _values(new)
            row.new = new
        for one in identities:
            self._rows.setdefault(one, row)
        return row

    def write(self) -> None:
        """Write the rows of new matches, which have their keys afterwards."""
        now, own = utc_now(), audit_id(self._session)
        new = {id(row): row for row in self._rows.values() if row.new is not None}.values()
        added = [row for row in new if "key" not in row.values]
        changed = [row for row in new if "key" in row.values]
        for row in new:
            # Readers of what is new since a time learn of a change, too; the audit log has both.
            row.values |= {"matched_at": now, "audit_id": own}
        if added:
            self._insert(added)
        if changed:
            values = [
                {f"new_{name}": value for name, value in row.values.items()} for row in changed
            ]
            self._session.execute(_CHANGE, values)
        facts = [_facts(row) for row in (*added, *changed)]
        rows = [row.values for row in (*added, *changed)]
        audit_rows(self._session, "match.recorded", MatchRecord, rows, facts)

    def _insert(self, rows: Sequence[_Row]) -> None:
        by_place = {(row.values["content_key"], row.values["entry_key"]): row for row in rows}
        for key, *place in insert_rows(self._session, _ADD, [row.values for row in rows]):
            by_place[place[0], place[1]].values["key"] = key


def _identities(content_key: int, new: NewMatch) -> list[tuple[int, _Identity]]:
    """Return the names of a match's row: by its entry, and by the hash that it shares."""
    of_entry: list[tuple[int, _Identity]] = [(content_key, new.entry_key)]
    if not new.listed:
        return of_entry
    return [*of_entry, (content_key, (new.list_key, new.found.algorithm.name, new.listed))]


def _read_rows(
    session: Session, contents: Sequence[int]
) -> Iterator[tuple[dict[str, Any], _Identity | None]]:
    """Yield the matches of content items, oldest first, with the hashes of their entries."""
    for *values, listed in session.execute(_READ, {"contents": contents}):
        row = dict(zip(_NAMES, values, strict=True))
        yield row, None if listed is None else (row["list_key"], row["algorithm"], listed)


# Built once: to build a statement for each image takes longer than to execute it.
_MATCHES, _ENTRIES = as_table(MatchRecord), as_table(Entry)
_NAMES = [one.name for one in _MATCHES.c]
_READ = (
    select(*_MATCHES.c, _ENTRIES.c.value)
    .select_from(_MATCHES.outerjoin(_ENTRIES, _ENTRIES.c.key == _MATCHES.c.entry_key))
    .where(_MATCHES.c.content_key.in_(bindparam("contents", expanding=True)))
    .order_by(_MATCHES.c.key)
)
_ADD = insert(_MATCHES).returning(_MATCHES.c.key, _MATCHES.c.content_key, _MATCHES.c.entry_key)
_CHANGE = (
    update(_MATCHES)
    .where(_MATCHES.c.key == bindparam("new_key"))
    .values({name: bindparam(f"new_{name}") for name in _NAMES if name != "key"})
)


# Faster than the enumerations themselves, of which a batch would ask thousands of times.
_ORIENTATIONS = {one.value: one for one in Orientation}
_VIEWS = {one.value: one for one in View}


def _as_match(row: _Row, new: NewMatch) -> tuple[Match, bool]:
    """Return a match as it was found first, in the category that its list gives it now."""
    values = row.values
    match = Match(
        match_id=str(values["key"]),
        list_name=new.list_name,
        generation=values["generation"],
        entry_key=values["entry_key"],
        entry_id=values["entry_id"],
        algorithm=values["algorithm"],
        distance_bits=values["distance_bits"],
        threshold_bits=values["threshold_bits"],
        orientation=_ORIENTATIONS[values["orientation"]],
        frame=values["frame"],
        view=_VIEWS[values["view"]],
        category=new.category,
        entries=values["entries"],
    )
    return match, row.new is not None


def _facts(row: _Row) -> dict[str, object]:
    values = row.values
    return {
        "content": values["content_key"],
        "list": "" if row.new is None else row.new.list_name,
        "generation": values["generation"],
        "entry": values["entry_key"],
        "entries": values["entries"],
        "category": values["category"],
        "algorithm": values["algorithm"],
        "distance_bits": values["distance_bits"],
        "action": values["action"],
    }


def _values(new: NewMatch) -> dict[str, Any]:
    """Return the columns of a match's record, but for its content."""
    return {
        "list_key": new.list_key,
        "entry_key": new.entry_key,
        "entries": new.entries,
        "generation": new.generation,
        "licensor": new.licensor,
        "entry_id": new.entry_id,
        "category": new.category,
        "action": new.action.value,
        "algorithm": new.found.algorithm.name,
        "hasher_version": new.found.algorithm.version,
        "value": new.found.value,
        "distance_bits": new.distance_bits,
        "threshold_bits": new.threshold_bits,
        "quality": new.found.quality,
        "frame": new.found.frame,
        "orientation": new.found.orientation.value,
        "view": new.found.view.value,
        "decode": new.found.decode.value,
    }
