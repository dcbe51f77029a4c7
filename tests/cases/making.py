"""Cases for tests: matched content, actors, decisions, and settings with more sections."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from hashmatch.cases import (
    ActionDone,
    Actor,
    CaseAction,
    CaseOpener,
    Role,
    State,
    case_of_match,
    decide,
)
from hashmatch.config import CasesSettings, Settings
from hashmatch.match_listener import NewMatches, RecordedMatch
from hashmatch.outcome import Action, Media
from hashmatch.store.engine import Database
from hashmatch.store.matches import ContentFacts, NewItem, NewMatch, record_items
from hashmatch.store.schema import Case
from tests.pictures import hashes_of

THRESHOLD_BITS = 31
REVIEWER = Actor("alice", "token 1 (alice)", frozenset({Role.REVIEWER}))
OTHER = Actor("bob", "token 2 (bob)", frozenset({Role.REVIEWER}))
ADMINISTRATOR = Actor("carol", "token 3 (carol)", frozenset({Role.ADMINISTRATOR}))
SCANNER = Actor("platform", "token 4 (platform)", frozenset({Role.SCANNER}))


def make_match(
    database: Database,
    content_id: str = "post/1",
    *,
    entries: Sequence[int] = (1,),
    category: str = "A",
    settings: Settings | None = None,
    data: bytes = b"",
    reference: str = "",
    distance_bits: int = 4,
    list_key: int = 1,
) -> int:
    """Record matches of one content item, as a scan would, and return the key of its case."""
    facts = ContentFacts(
        content_id,
        reference,
        hashlib.sha256(data or content_id.encode()).digest(),
        Media("JPEG", 640, 480, 1),
        list(hashes_of(1, "pdq", "sha256").values()),
    )
    new = [_new(entry, category, distance_bits, list_key) for entry in entries]
    with database.writing() as session:
        (recorded,) = record_items(session, [NewItem(facts, new)])
        matches = [
            RecordedMatch(match, one.action)
            for one, (match, is_new) in zip(new, recorded.matches, strict=True)
            if is_new
        ]
        if matches:
            opener = CaseOpener((settings or Settings()).cases)
            new_matches = NewMatches(
                facts, recorded.content_key, matches, is_known=recorded.is_known
            )
            opener.on_new_matches(session, [new_matches])
        session.flush()
        return case_of_match(session, recorded.matches[0][0].match_id)


def _new(entry: int, category: str, distance_bits: int, list_key: int) -> NewMatch:
    return NewMatch(
        list_key=list_key,
        list_name="one",
        licensor="IWF",
        generation=1,
        entry_key=entry,
        entry_id=f"e{entry}",
        category=category,
        action=Action.BLOCK if distance_bits <= THRESHOLD_BITS else Action.REVIEW,
        found=hashes_of(1, "pdq")["pdq"],
        distance_bits=distance_bits,
        threshold_bits=THRESHOLD_BITS,
    )


def act(
    database: Database,
    case: int,
    action: CaseAction,
    actor: Actor = REVIEWER,
    *,
    note: str = "because",
    settings: CasesSettings | None = None,
    revision: int | None = None,
) -> ActionDone:
    """Decide about a case, in a transaction of its own."""
    with database.writing(actor.audit_name) as session:
        return decide(
            session,
            Settings(cases=settings or CasesSettings()),
            case,
            action,
            actor,
            note=note,
            revision=revision,
        )


def state_of(database: Database, case: int) -> State:
    """Return where a case stands."""
    return State(row_of(database, case).state)


def row_of(database: Database, case: int) -> Case:
    """Return a case."""
    with database.reading() as session:
        row = session.get_one(Case, case)
        session.expunge(row)
        return row


def settings_with(settings: Settings, **sections: Any) -> Settings:
    """Return settings over the same store, with more sections."""
    return Settings.model_validate(
        {"data_dir": settings.data_dir, "database": {"url": settings.database_url}, **sections}
    )
