"""Known false positives: hashes whose matches are not told, each with a reason and a person.

They are entries of lists of the kind `allow`. Only the store has them, and only a match asks for
them: an index that held them could take them for something to match against.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ScalarResult, select, tuple_
from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.outcome import Suppressed

from .auditing import audit
from .base import utc_now
from .lists import (
    ALLOW,
    MATCH,
    Counts,
    find_list,
    find_or_create_list,
    publish_generation,
    require_kind,
    shown_entry_id,
)
from .match_models import Content, SuppressionRecord
from .matches import ContentFacts, find_or_add_content
from .models import Entry, HashList

_HASHES_A_QUERY = 200
_TAG = re.compile(r"(by|until|only):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Terms:
    """Who allowed a hash, the last day of that, and the lists whose matches it is about.

    No last day: for good. No lists: all of them.
    """

    person: str
    until: date | None = None
    only_lists: frozenset[str] = frozenset()

    def as_tags(self) -> tuple[str, ...]:
        """Return the terms as the tags of an entry."""
        until = () if self.until is None else (f"until:{self.until}",)
        return (f"by:{self.person}", *until, *(f"only:{one}" for one in sorted(self.only_lists)))


@dataclass(frozen=True, slots=True)
class Allowance:
    """A hash whose matches are not told."""

    list_key: int
    list_name: str
    entry_key: int
    entry_id: str
    algorithm: str
    value: bytes
    reason: str
    terms: Terms

    def is_about(self, list_name: str, today: date) -> bool:
        """Say whether it holds today for matches of that list."""
        terms = self.terms
        is_over = terms.until is not None and today > terms.until
        return not is_over and (not terms.only_lists or list_name in terms.only_lists)


@dataclass(frozen=True, slots=True)
class NewSuppression:
    """A match that is not told, and what allows that."""

    list_key: int
    list_name: str
    generation: int
    entry_key: int
    entry_id: str
    algorithm: str
    distance_bits: int
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class StoredSuppression:
    """One such match as it was recorded, with the names of both lists, and its content."""

    record: SuppressionRecord
    list_name: str
    allow_list_name: str
    content: Content


def parse_terms(tags: Sequence[str], reason: str) -> Terms:
    """Return the terms that an entry's tags give. Raises `InputError` without person or reason."""
    given: dict[str, list[str]] = {"by": [], "until": [], "only": []}
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            given[found[1]].append(found[2].strip())
    if not reason.strip():
        raise InputError("there is no reason why the hash is allowed")
    if len(given["by"]) != 1 or not given["by"][0]:
        raise InputError("there is no one person who allowed the hash, in a tag 'by:NAME'")
    try:
        days = [date.fromisoformat(text) for text in given["until"]]
    except ValueError as error:
        raise InputError("the tag 'until:' gives no date as YYYY-MM-DD") from error
    return Terms(given["by"][0], min(days, default=None), frozenset(given["only"]))


def allow_hash(
    session: Session, name: str, algorithm: str, value: bytes, terms: Terms, reason: str
) -> int:
    """Put a hash on an allow list, which is made if it is new; returns the entry's key.

    Raises `InputError` where the hash is on it already, or where the list is of the other kind,
    and `UnknownListError` where the terms name a list that is not there.
    """
    for one in sorted(terms.only_lists):
        require_kind(find_list(session, one), MATCH)
    row, _ = find_or_create_list(session, name, ALLOW)
    of_hash = (Entry.algorithm == algorithm, Entry.value == value)
    active = (Entry.list_key == row.key, Entry.withdrawn_generation.is_(None))
    if known := session.scalar(select(Entry).where(*active, *of_hash)):
        raise InputError(
            f"list {name} allows this hash already, as {shown_entry_id(known.entry_id, known.key)}",
            hint="Withdraw that entry first with 'hashmatch lists withdraw'.",
        )
    entry = Entry(
        list_key=row.key,
        algorithm=algorithm,
        value=value,
        tags=json.dumps(terms.as_tags(), ensure_ascii=False),
        added_at=utc_now().isoformat(timespec="seconds"),
        note=reason,
        added_generation=row.generation + 1,
    )
    session.add(entry)
    publish_generation(session, row, Counts(added=1), source=f"allowed by {terms.person}")
    audit(session, "hash.allowed", row, {"list": name, "entry": entry.key, "by": terms.person})
    return entry.key


def read_allowances(
    session: Session, hashes: Collection[tuple[str, bytes]], today: date
) -> list[Allowance]:
    """Return what allows any of these (algorithm, value), without regard to its terms."""
    lists = {
        row.key: row.name
        for row in session.scalars(
            select(HashList).where(
                HashList.kind == ALLOW, HashList.removed_at.is_(None), HashList.active_entries > 0
            )
        )
        if row.licence_end is None or today <= row.licence_end
    }
    found: list[Allowance] = []
    wanted = sorted(set(hashes)) if lists else []
    for start in range(0, len(wanted), _HASHES_A_QUERY):
        entries: ScalarResult[Entry] = session.scalars(
            select(Entry).where(
                Entry.list_key.in_(lists),
                tuple_(Entry.algorithm, Entry.value).in_(wanted[start : start + _HASHES_A_QUERY]),
                Entry.withdrawn_generation.is_(None),
            )
        )
        for entry in entries:
            # One without person or reason, which nothing here writes, allows nothing.
            with suppress(InputError):
                found.append(_allowance(entry, lists[entry.list_key]))
    return sorted(found, key=lambda one: one.entry_key)


def record_suppressions(
    session: Session, facts: ContentFacts, suppressions: Sequence[NewSuppression]
) -> list[Suppressed]:
    """Record matches of one content item that are not told, and return them, in the order given.

    The same match suppressed by the same allowance again keeps the record that is there.
    """
    content = find_or_add_content(session, facts)
    known = {
        (one.entry_key, one.allow_entry_key)
        for one in session.scalars(
            select(SuppressionRecord).where(SuppressionRecord.content_key == content.key)
        )
    }
    records = [
        SuppressionRecord(
            content_key=content.key,
            list_key=one.list_key,
            generation=one.generation,
            entry_key=one.entry_key,
            entry_id=one.entry_id,
            algorithm=one.algorithm,
            distance_bits=one.distance_bits,
            allow_list_key=one.allowance.list_key,
            allow_entry_key=one.allowance.entry_key,
            allow_entry_id=one.allowance.entry_id,
            reason=one.allowance.reason,
            person=one.allowance.terms.person,
        )
        for one in suppressions
        if (one.entry_key, one.allowance.entry_key) not in known
    ]
    session.add_all(records)
    session.flush()
    for one in records:
        audit(session, "match.suppressed", one, {"content": content.key, "by": one.person})
    return [
        Suppressed(
            one.list_name,
            one.entry_id,
            one.algorithm,
            one.distance_bits,
            one.allowance.list_name,
            one.allowance.entry_id,
        )
        for one in suppressions
    ]


def read_suppressions(session: Session, *, limit: int) -> list[StoredSuppression]:
    """Return the newest matches that were not told, newest first."""
    names = {row.key: row.name for row in session.scalars(select(HashList))}
    rows = session.execute(
        select(SuppressionRecord, Content)
        .join(Content, Content.key == SuppressionRecord.content_key)
        .order_by(SuppressionRecord.key.desc())
        .limit(limit)
    )
    return [
        StoredSuppression(one, names[one.list_key], names[one.allow_list_key], content)
        for one, content in rows
    ]


def _allowance(entry: Entry, list_name: str) -> Allowance:
    return Allowance(
        entry.list_key,
        list_name,
        entry.key,
        shown_entry_id(entry.entry_id, entry.key),
        entry.algorithm,
        entry.value,
        entry.note,
        parse_terms(json.loads(entry.tags), entry.note),
    )
