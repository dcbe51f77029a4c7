"""Matches that an allow list explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from hashmatch.outcome import AllowedMatch

from ..engine import as_table, audit_id, audit_rows, insert_rows
from ..lists import Allowance
from ..schema import AllowedMatchRecord, Content, Entry, HashList, utc_now

# A content item and an allowance, with the entry, or with the hash of a list.
_Identity: TypeAlias = tuple[int, int, int | tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class NewAllowedMatch:
    """A match about to be recorded as allowed, with its allowance.

    `listed` is the hash of the entry, which is not recorded.
    """

    list_key: int
    list_name: str
    generation: int
    entry_key: int
    entry_id: str
    algorithm: str
    distance_bits: int
    allowance: Allowance
    listed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class StoredAllowedMatch:
    """One recorded allowed match, with the names of both lists, and its content."""

    record: AllowedMatchRecord
    list_name: str
    allow_list_name: str
    content: Content


def record_allowed_matches(
    session: Session,
    contents: Sequence[tuple[int, Sequence[NewAllowedMatch]]],
    before: Sequence[int],
) -> list[list[AllowedMatch]]:
    """Record allowed matches of content items by key and return them, in the order given.

    The same match with the same allowance keeps the record that exists; content items that were
    known `before` may have some.
    """
    known = _read_known(session, before) if any(one for _, one in contents) else set()
    rows = list[dict[str, Any]]()
    for key, matches in contents:
        for one in matches:
            names = _identities(key, one)
            if known.isdisjoint(names):
                rows.append(_values(key, one))
            known.update(names)
    _insert(session, rows)
    return [[_as_match(one) for one in matches] for _, matches in contents]


def _read_known(session: Session, contents: Sequence[int]) -> set[_Identity]:
    """Return the identities of the allowed matches of content items."""
    found = set[_Identity]()
    for content_key, allow_entry_key, entry_key, list_key, value in session.execute(
        _READ, {"contents": contents}
    ):
        found.add((content_key, allow_entry_key, entry_key))
        if list_key is not None and value is not None:
            found.add((content_key, allow_entry_key, (list_key, value)))
    return found


def _identities(content_key: int, one: NewAllowedMatch) -> list[_Identity]:
    """Return the names of an allowed match: by its entry, and by the hash that it shares."""
    place = content_key, one.allowance.entry_key
    of_entry: list[_Identity] = [(*place, one.entry_key)]
    return [*of_entry, (*place, (one.list_key, one.listed))] if one.listed else of_entry


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    own = audit_id(session)
    rows = [{**row, "audit_id": own} for row in rows]
    by_place = {(row["content_key"], row["entry_key"], row["allow_entry_key"]): row for row in rows}
    for key, *place in insert_rows(session, _ADD, rows):
        by_place[place[0], place[1], place[2]]["key"] = key
    facts = [{"content": row["content_key"], "by": row["actor"]} for row in rows]
    audit_rows(session, "match.allowed", AllowedMatchRecord, rows, facts)


_ALLOWED, _ENTRIES = as_table(AllowedMatchRecord), as_table(Entry)
_PLACE = (_ALLOWED.c.content_key, _ALLOWED.c.entry_key, _ALLOWED.c.allow_entry_key)
_READ = (
    select(
        _ALLOWED.c.content_key,
        _ALLOWED.c.allow_entry_key,
        _ALLOWED.c.entry_key,
        _ENTRIES.c.list_key,
        _ENTRIES.c.value,
    )
    .select_from(_ALLOWED.outerjoin(_ENTRIES, _ENTRIES.c.key == _ALLOWED.c.entry_key))
    .where(_ALLOWED.c.content_key.in_(bindparam("contents", expanding=True)))
)
_ADD = insert(_ALLOWED).returning(_ALLOWED.c.key, *_PLACE)


def _values(content_key: int, one: NewAllowedMatch) -> dict[str, Any]:
    return {
        "allowed_at": utc_now(),
        "content_key": content_key,
        "list_key": one.list_key,
        "generation": one.generation,
        "entry_key": one.entry_key,
        "entry_id": one.entry_id,
        "algorithm": one.algorithm,
        "distance_bits": one.distance_bits,
        "allow_list_key": one.allowance.list_key,
        "allow_entry_key": one.allowance.entry_key,
        "allow_entry_id": one.allowance.entry_id,
        "reason": one.allowance.reason,
        "actor": one.allowance.terms.actor,
    }


def _as_match(one: NewAllowedMatch) -> AllowedMatch:
    return AllowedMatch(
        one.list_name,
        one.entry_id,
        one.algorithm,
        one.distance_bits,
        one.allowance.list_name,
        one.allowance.entry_id,
    )


def read_allowed_matches(session: Session, *, limit: int) -> list[StoredAllowedMatch]:
    """Return the newest allowed matches, newest first."""
    names = {row.key: row.name for row in session.scalars(select(HashList))}
    rows = session.execute(
        select(AllowedMatchRecord, Content)
        .join(Content, Content.key == AllowedMatchRecord.content_key)
        .order_by(AllowedMatchRecord.key.desc())
        .limit(limit)
    )
    return [
        StoredAllowedMatch(one, names[one.list_key], names[one.allow_list_key], content)
        for one, content in rows
    ]
