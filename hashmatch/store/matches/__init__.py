"""Matches in the store, with their content, and the counts of everything else."""

from .allowed import NewSuppression, StoredSuppression, read_suppressions, record_suppressions
from .content import ContentFacts
from .counts import Tally, read_daily_counts
from .matches import (
    MatchFilter,
    NewMatch,
    StoredMatch,
    read_entry_history,
    read_match,
    read_matches,
    record_matches,
)

__all__ = [
    "ContentFacts",
    "MatchFilter",
    "NewMatch",
    "NewSuppression",
    "StoredMatch",
    "StoredSuppression",
    "Tally",
    "read_daily_counts",
    "read_entry_history",
    "read_match",
    "read_matches",
    "read_suppressions",
    "record_matches",
    "record_suppressions",
]
