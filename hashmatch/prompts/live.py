"""Live terms: a matcher that follows the lists of terms in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock

from hashmatch.errors import InputError
from hashmatch.store.engine import Database, Rows
from hashmatch.store.lists import (
    ALLOW,
    TERMS,
    FollowedTermLists,
    ListState,
    TermEntry,
    Terms,
    parse_terms,
    read_lists,
    read_terms,
)
from hashmatch.terms import LOOSE_TAG, parse_term

from .matcher import ListedTerm, Matcher, Occurrence


@dataclass(frozen=True, slots=True)
class AllowedPhrase:
    """A phrase of an allow list: a term that lies in it is no match, under its terms."""

    owner: ListState
    terms: Terms

    def allows(self, list_name: str, today: date) -> bool:
        """Say whether it explains matches of a list on a day."""
        until, only = self.terms.until, self.terms.only_lists
        if self.owner.licence_has_ended(today) or (until is not None and today > until):
            return False
        return not only or list_name in only


@dataclass(frozen=True, slots=True)
class TermSnapshot:
    """The lists of terms at one moment, and a matcher of all their terms and allowed phrases."""

    lists: Mapping[int, ListState]
    terms: Mapping[int, TermEntry]
    phrases: Mapping[int, AllowedPhrase]
    matcher: Matcher

    def find(self, text: str, now: datetime) -> list[TermEntry]:
        """Return the entries whose terms are in a text, some place of which stands, by their keys.

        A place that lies in an allowed phrase does not stand. Raises `TooManyCandidatesError`.
        """
        return self.entries_at(self.matcher.find(text), now)

    def entries_at(self, places: Sequence[Occurrence], now: datetime) -> list[TermEntry]:
        """Return the same of the places that were found."""
        allowed = [one for one in places if one.number in self.phrases]
        found = {
            one.number
            for one in places
            if one.number in self.terms and not self._is_allowed(one, allowed, now)
        }
        entries = (self.terms[key] for key in sorted(found))
        return [one for one in entries if one.disabled_until is None or one.disabled_until <= now]

    def _is_allowed(self, one: Occurrence, phrases: Sequence[Occurrence], now: datetime) -> bool:
        name = self.lists[self.terms[one.number].list_key].name
        return any(
            other.reading == one.reading
            and other.place.covers(one.place)
            and self.phrases[other.number].allows(name, now.date())
            for other in phrases
        )


class LiveTerms:
    """Terms that are never older than the store. Safe to use from many threads.

    The first access after a change waits until the matcher is built again: seconds, for a hundred
    thousand terms.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lists = FollowedTermLists(database)
        self._lock = Lock()
        self._rows: Rows | None = None
        self._snapshot: TermSnapshot | None = None

    def snapshot(self) -> TermSnapshot:
        """Return the terms of this moment. Raises `StoreError`."""
        with self._lock:
            rows = self._lists.read()
            if self._snapshot is None or rows != self._rows:
                self._snapshot = self._read()
                # What changed meanwhile is in other rows, and read again then.
                self._rows = rows
            return self._snapshot

    def close(self) -> None:
        """Give up the connection."""
        with self._lock:
            self._lists.close()

    def _read(self) -> TermSnapshot:
        with self._database.reading() as session:
            lists = {one.key: one for one in read_lists(session, TERMS)}
            allow_lists = {one.key: one for one in read_lists(session, ALLOW)}
            terms = {one.key: one for one in read_terms(session, TERMS)}
            allowing = list(read_terms(session, ALLOW))
        phrases: dict[int, AllowedPhrase] = {}
        for one in allowing:
            # One without an actor or a reason, which nothing here writes, allows nothing.
            with suppress(InputError):
                phrases[one.key] = AllowedPhrase(
                    allow_lists[one.list_key], parse_terms(one.tags, one.note)
                )
        listed = [
            ListedTerm(one.key, parse_term(one.value.decode()), LOOSE_TAG in one.tags)
            for one in (*terms.values(), *(one for one in allowing if one.key in phrases))
        ]
        return TermSnapshot(lists, terms, phrases, Matcher(listed))
