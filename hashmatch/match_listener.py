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


class MatchListener(Protocol):
    """Reacts to new matches of one content item."""

    def on_new_matches(
        self, session: Session, content: ContentFacts, matches: Sequence[RecordedMatch]
    ) -> None:
        """Add to the session what has to be committed together with the matches, or not at all.

        Matches that were on record before are not among them, so that a repeated scan changes
        nothing.
        """

    def on_flooding_entry(self, session: Session, entry: FloodingEntry) -> None:
        """Add to the session what tells people of an entry that floods, once a day."""

    def on_limited_entry(self, session: Session, entry: LimitedEntry) -> None:
        """Add to the session what tells people of an entry that reached the limit of look-ups."""
