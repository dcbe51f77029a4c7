"""The store: lists, entries, matches and counts in one database, and its migrations."""

from .counts import Tally, read_daily_counts
from .database import Database
from .entries import EntryBatch, EntryFacts, read_active_entries, read_entry_facts
from .lists import (
    Change,
    Counts,
    ListState,
    count_active_entries,
    count_operator_withdrawals,
    create_list,
    find_list,
    has_list,
    read_lists,
    remove_list,
    restore_entries,
    set_licence,
    withdraw_entries,
)
from .matches import (
    ContentFacts,
    MatchFilter,
    NewMatch,
    StoredMatch,
    read_entry_history,
    read_match,
    read_matches,
    record_matches,
)
from .models import ContentHash, HashList, utc_now
from .staging import Comparison, StagedRow, Staging, open_staging, take_over

__all__ = [
    "Change",
    "Comparison",
    "ContentFacts",
    "ContentHash",
    "Counts",
    "Database",
    "EntryBatch",
    "EntryFacts",
    "HashList",
    "ListState",
    "MatchFilter",
    "NewMatch",
    "StagedRow",
    "Staging",
    "StoredMatch",
    "Tally",
    "count_active_entries",
    "count_operator_withdrawals",
    "create_list",
    "find_list",
    "has_list",
    "open_staging",
    "read_active_entries",
    "read_daily_counts",
    "read_entry_facts",
    "read_entry_history",
    "read_lists",
    "read_match",
    "read_matches",
    "record_matches",
    "remove_list",
    "restore_entries",
    "set_licence",
    "take_over",
    "utc_now",
    "withdraw_entries",
]
