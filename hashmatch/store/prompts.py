"""Prompts in the store: those that matched listed terms, and how many were screened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .engine import (
    BufferedCounts,
    Database,
    as_table,
    audit_id,
    audit_rows,
    insert_rows,
    is_sqlite,
    upsert,
    upsert_into,
)
from .schema import PromptCount, PromptMatch, utc_now

# Day, source, outcome and reason.
_Counted: TypeAlias = tuple[date, str, str, str]


@dataclass(frozen=True, slots=True)
class NewPromptMatch:
    """A match of a prompt that is about to be recorded."""

    prompt_id: str
    digest: bytes
    list_key: int
    entry_key: int
    generation: int
    licensor: str
    entry_id: str
    category: str
    action: str


def record_prompt_matches(session: Session, matches: Sequence[NewPromptMatch]) -> None:
    """Record the matches of a prompt; those that are on record already stay as they are."""
    if not matches:
        return
    own = audit_id(session)
    rows = [{**asdict(one), "matched_at": utc_now(), "audit_id": own} for one in matches]
    table = as_table(PromptMatch)
    new = upsert_into(table, is_sqlite=is_sqlite(session)).on_conflict_do_nothing()
    added = {
        entry_key: key
        for key, entry_key in insert_rows(
            session, new.returning(table.c.key, table.c.entry_key), rows
        )
    }
    recorded = [
        {**row, "key": added[row["entry_key"]]} for row in rows if row["entry_key"] in added
    ]
    audit_rows(session, "prompt.matched", PromptMatch, recorded, [{}] * len(recorded))


class PromptTally(BufferedCounts[_Counted]):
    """Counts of prompts, which reach the store soon."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, _add_to_store, "hashmatch-prompt-counts")


def _add_to_store(session: Session, counts: Mapping[_Counted, int]) -> None:
    names = ("day", "source", "outcome", "reason")
    new = upsert(session, PromptCount)
    session.execute(
        new.on_conflict_do_update(
            index_elements=list(names), set_={"count": PromptCount.count + new.excluded.count}
        ),
        [{**dict(zip(names, key, strict=True)), "count": one} for key, one in counts.items()],
    )


@dataclass(frozen=True, slots=True)
class PromptTotal:
    """Number of prompts with one outcome, over the days that were asked for."""

    source: str
    outcome: str
    reason: str
    count: int


def read_prompt_totals(
    session: Session, since: date | None = None, until: date | None = None
) -> list[PromptTotal]:
    """Return the outcomes of prompts on the days from `since` to before `until`."""
    named = (PromptCount.source, PromptCount.outcome, PromptCount.reason)
    query = select(*named, func.sum(PromptCount.count)).group_by(*named).order_by(*named)
    if since is not None:
        query = query.where(PromptCount.day >= since)
    if until is not None:
        query = query.where(PromptCount.day < until)
    return [PromptTotal(*row[:3], int(row[3])) for row in session.execute(query)]
