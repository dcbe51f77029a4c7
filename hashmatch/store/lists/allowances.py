"""Known false positives: hashes whose matches are allowed, each with a reason and an actor.

They are entries of lists of the kind `allow`, which are only read when something has matched: an
index that held them could match against them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError

from ..engine import as_table, audit
from ..schema import Entry, EntryChange, HashList, utc_now
from .entries import IS_ALLOWING, are_listed, is_in_force, shown_entry_id
from .figures import DISABLED, change_figures, follow_figures
from .generations import Counts, Keys, next_number, publish_generation
from .registry import ALLOW, MATCH, OWN, find_list, find_or_create_list, require_kind

_HASHES_A_QUERY = 200
_TAG = re.compile(r"(by|until|only):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Terms:
    """Actor of an allowance, its last day, and the lists whose matches it covers.

    Without a last day it does not expire; without lists it covers all of them.
    """

    actor: str
    until: date | None = None
    only_lists: frozenset[str] = frozenset()

    def as_tags(self) -> tuple[str, ...]:
        """Return the terms as the tags of an entry."""
        until = () if self.until is None else (f"until:{self.until}",)
        return (f"by:{self.actor}", *until, *(f"only:{one}" for one in sorted(self.only_lists)))


@dataclass(frozen=True, slots=True)
class Allowance:
    """A hash whose matches are allowed."""

    list_key: int
    list_name: str
    entry_key: int
    entry_id: str
    algorithm: str
    value: bytes
    reason: str
    terms: Terms

    def covers(self, list_name: str, today: date) -> bool:
        """Say whether it is in force today for matches of that list."""
        terms = self.terms
        is_expired = terms.until is not None and today > terms.until
        return not is_expired and (not terms.only_lists or list_name in terms.only_lists)


def parse_terms(tags: Sequence[str], reason: str) -> Terms:
    """Return the terms in an entry's tags. Raises `InputError` without an actor or a reason."""
    given: dict[str, list[str]] = {"by": [], "until": [], "only": []}
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            given[found[1]].append(found[2].strip())
    if not reason.strip():
        raise InputError("there is no reason why the hash is allowed")
    if len(given["by"]) != 1 or not given["by"][0]:
        raise InputError("exactly one tag 'by:NAME' has to say who allowed the hash")
    try:
        days = [date.fromisoformat(text) for text in given["until"]]
    except ValueError as error:
        raise InputError("the tag 'until:' is not followed by a date as YYYY-MM-DD") from error
    return Terms(given["by"][0], min(days, default=None), frozenset(given["only"]))


def allow_hash(
    session: Session, name: str, algorithm: str, value: bytes, terms: Terms, reason: str
) -> int:
    """Add a hash to an allow list, which is created if it is new; returns the entry's key.

    Raises `InputError` where the hash is on it already, or where the list is of another kind,
    and `UnknownListError` where the terms name a list that does not exist.
    """
    for one in sorted(terms.only_lists):
        require_kind(find_list(session, one), MATCH, OWN)
    row, _ = find_or_create_list(session, name, ALLOW)
    of_hash = (IS_ALLOWING, Entry.algorithm == algorithm, Entry.value == value)
    for known in session.scalars(select(Entry).where(*of_hash, Entry.list_key == row.key)):
        _require_no_other(session, row, known)
    entry = Entry(
        list_key=row.key,
        algorithm=algorithm,
        value=value,
        tags=json.dumps(terms.as_tags(), ensure_ascii=False),
        added_at=utc_now().isoformat(timespec="seconds"),
        note=reason,
        added_generation=next_number(row),
        allows=True,
    )
    session.add(entry)
    session.flush()
    publish_generation(
        session,
        row,
        Counts(added=1),
        source=f"allowed by {terms.actor}",
        keys=Keys.of([entry.key]),
    )
    follow_figures(session, row, added=[entry.key])
    audit(session, "hash.allowed", row, {"list": name, "entry": entry.key, "by": terms.actor})
    return entry.key


def _require_no_other(session: Session, row: HashList, known: Entry) -> None:
    """Raise `InputError` where a row of the same hash stands in the way of another."""
    if known.added_generation <= row.emptied:  # Left behind by a removal.
        session.delete(known)
        session.flush()
    elif known.added_generation == row.preparing:
        raise InputError(
            f"a delivery with this hash is being applied to list {row.name}",
            hint="Wait for it; the hash is allowed then.",
        )
    elif known.withdrawn_generation in (None, row.preparing):
        shown = shown_entry_id(known.entry_id, known.key)
        raise InputError(
            f"list {row.name} allows this hash already, as {shown}",
            hint="Disable that entry first with 'hashmatch lists disable'.",
        )
    elif known.disabled and not known.entry_id:  # It is the same entry that is allowed again.
        known.disabled = False
        change_figures(session, row.key, {(DISABLED, ""): -1})


def read_allowances(
    session: Session, hashes: Collection[tuple[str, bytes]], today: date
) -> list[Allowance]:
    """Return the allowances of any of these (algorithm, value), whatever their terms."""
    lists = {
        key: name
        for key, name, licence_end in session.execute(_ALLOW_LISTS)
        if licence_end is None or today <= licence_end
    }
    found: list[Allowance] = []
    wanted = sorted(set(hashes)) if lists else []
    for algorithm, some in groupby(wanted, itemgetter(0)):
        values = [value for _, value in some]
        for start in range(0, len(values), _HASHES_A_QUERY):
            chosen = values[start : start + _HASHES_A_QUERY]
            for entry, *change in session.execute(_allowing(lists, algorithm, chosen)):
                # One without an actor or a reason, which nothing here writes, allows nothing.
                with suppress(InputError):
                    found.append(_allowance(entry, lists[entry.list_key], *change))
    return sorted(found, key=lambda one: one.entry_key)


# Built once, since each image that matches asks for it.
_LISTS = as_table(HashList).c
_ALLOW_LISTS = select(_LISTS.key, _LISTS.name, _LISTS.licence_end).where(
    _LISTS.kind == ALLOW, _LISTS.removed_at.is_(None), _LISTS.active_entries > 0
)


def _allowing(
    lists: Collection[int], algorithm: str, values: Sequence[bytes]
) -> Select[Entry, str, str]:
    """Return a query of the entries that allow hashes of an algorithm, with their new contents.

    One algorithm at a time: of pairs, SQLite would use the index of the first alone.
    """
    return (
        select(Entry, EntryChange.tags, EntryChange.note)
        .join(HashList, HashList.key == Entry.list_key)
        .outerjoin(EntryChange, is_in_force())
        .where(
            IS_ALLOWING,
            Entry.algorithm == algorithm,
            Entry.value.in_(values),
            Entry.list_key.in_(lists),
            are_listed(),
        )
    )


def _allowance(
    entry: Entry, list_name: str, new_tags: str | None, new_note: str | None
) -> Allowance:
    tags, note = new_tags or entry.tags, entry.note if new_note is None else new_note
    return Allowance(
        entry.list_key,
        list_name,
        entry.key,
        shown_entry_id(entry.entry_id, entry.key),
        entry.algorithm,
        entry.value,
        note,
        parse_terms(json.loads(tags), note),
    )
