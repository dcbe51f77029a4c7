"""Removal of what has reached the end of its retention, in turns of a bounded number of rows.

A turn looks at a page of rows that are old, and removes those of them that may go, with all below
them, by a constant number of statements. What is too much for one turn goes from below, so that
what is left is whole: a case goes after its matches, content after its case. Every removal of an
audited row is recorded, by key alone.
"""

from .content import (
    OldCases,
    count_old_cases,
    count_old_contents,
    count_old_details,
    remove_old_cases,
    remove_old_contents,
    remove_old_details,
)
from .notices import count_old_notices, remove_old_notices
from .others import (
    count_old_backfills,
    count_old_days,
    count_old_lookups,
    count_old_messages,
    count_old_prompts,
    count_old_references,
    count_old_tokens,
    remove_old_backfills,
    remove_old_days,
    remove_old_lookups,
    remove_old_messages,
    remove_old_prompts,
    remove_old_references,
    remove_old_tokens,
)
from .turns import Place, Removed

__all__ = [
    "OldCases",
    "Place",
    "Removed",
    "count_old_backfills",
    "count_old_cases",
    "count_old_contents",
    "count_old_days",
    "count_old_details",
    "count_old_lookups",
    "count_old_messages",
    "count_old_notices",
    "count_old_prompts",
    "count_old_references",
    "count_old_tokens",
    "remove_old_backfills",
    "remove_old_cases",
    "remove_old_contents",
    "remove_old_days",
    "remove_old_details",
    "remove_old_lookups",
    "remove_old_messages",
    "remove_old_notices",
    "remove_old_prompts",
    "remove_old_references",
    "remove_old_tokens",
]
