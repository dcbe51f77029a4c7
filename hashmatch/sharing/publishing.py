"""Which lists are shared, and the publication of their changes.

Own lists are, and licensed ones only where the configuration says that their licence permits it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from hashmatch.config import Settings, SharedListSettings
from hashmatch.errors import ForbiddenError, HashmatchError, UnknownListError
from hashmatch.store.engine import Database, Turns
from hashmatch.store.lists import MATCH, OWN, find_list
from hashmatch.store.schema import HashList, utc_now
from hashmatch.store.sharing import is_behind, publish_some


@dataclass(frozen=True, slots=True)
class RefusedList:
    """A list that the configuration names, and why it is not shared."""

    name: str
    reason: HashmatchError


def require_shareable(session: Session, settings: Settings, name: str) -> HashList:
    """Return a list that is shared.

    Raises `UnknownListError`, or `ForbiddenError` with the reason why it is not.
    """
    section = settings.sharing.lists.get(name)
    if not settings.sharing.enabled or section is None:
        raise ForbiddenError(
            f"list {name} is not shared",
            hint=f"Set sharing.enabled, and add a section [sharing.lists.{name}].",
        )
    row = find_list(session, name)
    _require_permission(row, section)
    return row


def _require_permission(row: HashList, section: SharedListSettings) -> None:
    if row.kind == OWN:
        return
    if row.kind != MATCH:
        raise ForbiddenError(f"list {row.name} is not shared: only lists of hashes to match are")
    if not section.redistribute:
        licensor = f", whose licensor is {row.licensor}" if row.licensor else ""
        raise ForbiddenError(
            f"list {row.name} is not shared: it is licensed{licensor}",
            hint="Set redistribute = true in its section of [sharing.lists] only where its licence"
            " permits others to have it.",
        )
    if row.licence_end is not None and utc_now().date() > row.licence_end:
        raise ForbiddenError(
            f"list {row.name} is not shared: its licence ended on {row.licence_end}",
            hint="'hashmatch lists licence' sets a new end.",
        )


def publish_changes(database: Database, settings: Settings) -> list[RefusedList]:
    """Publish what was changed of all shared lists; returns those that are not shared.

    One turn of each list after the other: a long list keeps no other waiting. Goes on where a crash
    left it, and changes nothing where nothing was changed. Raises `StoreError`.
    """
    refused, behind = [], list[tuple[int, Turns]]()
    for name in settings.sharing.lists if settings.sharing.enabled else ():
        try:
            with database.reading() as session:
                key = require_shareable(session, settings, name).key
                is_due = is_behind(session, key)
        except (ForbiddenError, UnknownListError) as error:
            refused.append(RefusedList(name, error))
            continue
        if is_due:
            behind.append((key, database.turns()))
    while behind:
        behind = [(key, turns) for key, turns in behind if _publish_turn(key, turns)]
    return refused


def publish_list(database: Database, list_key: int) -> None:
    """Publish what was changed of a list, in short turns."""
    turns = database.turns()
    while _publish_turn(list_key, turns):
        pass


def _publish_turn(list_key: int, turns: Turns) -> bool:
    with turns.next() as session:
        return publish_some(session, list_key, limit=turns.rows)
