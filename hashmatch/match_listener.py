"""Listeners to recorded matches, called within the transaction that records them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from hashmatch.outcome import Action, Match
from hashmatch.store.lookups import LimitedEntry
from hashmatch.store.matches import ContentFacts, FloodingEntry


@dataclass(frozen=True, slots=True)
class RecordedMatch:
    """A match on record, and the action that the policy wants for it."""

    match: Match
    action: Action


@dataclass(frozen=True, slots=True)
class NewMatches:
    """New matches of one content item, which has that key in the store; there is at least one.

    A match on record that says more now is new, too: the item `is_known` where it had any before.
    """

    content: ContentFacts
    content_key: int
    matches: Sequence[RecordedMatch]
    is_known: bool = False


class MatchListener(Protocol):
    """Reacts to new matches of content items that were recorded together."""

    def on_new_matches(self, session: Session, recorded: Sequence[NewMatches]) -> None:
        """Add to the session what has to be committed together with the matches, or not at all.

        Matches that were on record before are not among them, so that a repeated scan changes
        nothing. A content item is there once. The statements do not grow with the number of items.
        """

    def on_flooding_entries(self, session: Session, entries: Sequence[FloodingEntry]) -> None:
        """Add to the session what tells people of entries that flood, once a day."""

    def on_limited_entries(self, session: Session, entries: Sequence[LimitedEntry]) -> None:
        """Add to the session what tells people of entries that reached the limit of look-ups."""
