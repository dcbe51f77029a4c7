"""Matches in the store, with their content, and the counts of everything else."""

from .allowed import (
    NewAllowedMatch,
    StoredAllowedMatch,
    read_allowed_matches,
    record_allowed_matches,
)
from .content import ContentFacts, read_content_hashes
from .counts import Tally, read_daily_counts
from .matches import (
    MatchFilter,
    NewMatch,
    StoredMatch,
    content_key_of,
    read_entry_history,
    read_match,
    read_matches,
    record_matches,
)

__all__ = [
    "ContentFacts",
    "MatchFilter",
    "NewAllowedMatch",
    "NewMatch",
    "StoredAllowedMatch",
    "StoredMatch",
    "Tally",
    "content_key_of",
    "read_allowed_matches",
    "read_content_hashes",
    "read_daily_counts",
    "read_entry_history",
    "read_match",
    "read_matches",
    "record_allowed_matches",
    "record_matches",
]
