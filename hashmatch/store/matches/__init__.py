"""Matches in the store, with their content, and the counts of everything else."""

from .allowed import (
    NewAllowedMatch,
    StoredAllowedMatch,
    read_allowed_matches,
)
from .content import ContentFacts, read_content_hashes, read_content_values
from .counts import Tally, add_daily_counts, read_counts_by_day, read_daily_counts
from .exporting import MatchColumns, moment_text, read_match_columns, read_match_page
from .flooding import (
    FloodAction,
    FloodingEntry,
    count_cases_of,
    count_contents,
    note_flooding,
    read_flooding,
    read_for_review,
    set_flood_action,
)
from .matches import (
    MatchFilter,
    MatchPlace,
    StoredMatch,
    read_entry_history,
    read_match,
    read_matches,
)
from .recording import NewItem, NewMatch, RecordedItem, record_items

__all__ = [
    "ContentFacts",
    "FloodAction",
    "FloodingEntry",
    "MatchColumns",
    "MatchFilter",
    "MatchPlace",
    "NewAllowedMatch",
    "NewItem",
    "NewMatch",
    "RecordedItem",
    "StoredAllowedMatch",
    "StoredMatch",
    "Tally",
    "add_daily_counts",
    "count_cases_of",
    "count_contents",
    "moment_text",
    "note_flooding",
    "read_allowed_matches",
    "read_content_hashes",
    "read_content_values",
    "read_counts_by_day",
    "read_daily_counts",
    "read_entry_history",
    "read_flooding",
    "read_for_review",
    "read_match",
    "read_match_columns",
    "read_match_page",
    "read_matches",
    "record_items",
    "set_flood_action",
]
