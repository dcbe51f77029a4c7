"""Decisions about feedback, and what is shared at the moment."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import HashmatchError, InputError
from hashmatch.store.engine import Database
from hashmatch.store.lists import OWN, find_list, withdraw_entry
from hashmatch.store.schema import FeedbackState
from hashmatch.store.sharing import FeedbackFacts, read_consumers, read_standing
from hashmatch.store.sharing import decide_feedback as record_decision

from .publishing import require_shareable


def decide_feedback(
    session: Session,
    number: int,
    *,
    accept: bool,
    withdraw: bool,
    actor: str,
    reason: str = "",
) -> FeedbackFacts:
    """Accept or decline feedback, and withdraw the entry of an own list where that is asked for.

    Raises `NotFoundError`, `CaseStateError`, and `InputError` where others own the entry.
    """
    state = FeedbackState.ACCEPTED if accept else FeedbackState.DECLINED
    found = record_decision(session, number, state, actor, reason)
    if withdraw:
        row = find_list(session, found.list_name)
        if row.kind != OWN or not found.entry_id.isdecimal():
            raise InputError(
                f"list {found.list_name} is not an own list: its licensor withdraws entries",
                hint="'hashmatch lists disable' takes an entry out of matching here.",
            )
        withdraw_entry(session, row, int(found.entry_id))
    return found


def sharing_facts(database: Database, settings: Settings) -> list[dict[str, Any]]:
    """Return the lists that the configuration shares, and why some of them are not."""
    facts = []
    with database.reading() as session:
        consumers = read_consumers(session)
        for name, section in settings.sharing.lists.items():
            row: dict[str, Any] = {"list": name, "tlp": section.tlp}
            try:
                found = require_shareable(session, settings, name)
            except HashmatchError as error:
                facts.append({**row, "state": "not shared", "reason": error.message})
                continue
            standing = read_standing(session, found.key)
            is_current = standing.generation == found.generation
            row |= {
                "state": "shared" if is_current else "being published",
                "reason": None,
                "generation": standing.generation,
                "position": standing.position,
                "published_at": standing.published_at and standing.published_at.isoformat(),
                "consumers": ", ".join(one.name for one in consumers if name in one.lists) or None,
            }
            facts.append(row)
    return facts
