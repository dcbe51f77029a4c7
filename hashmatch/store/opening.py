"""Opening and updating of cases, of many content ids in a constant number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from hashmatch.errors import StoreConflictError
from hashmatch.outcome import Nearness, nearness

from .engine import as_table, audit_id, audit_rows, insert_rows, is_sqlite, upsert_into
from .schema import Case, Content, ContentHash, HashList, MatchRecord, ReviewResult

_CASES = as_table(Case)
_CASE_COLUMNS = tuple(one.name for one in _CASES.c)
_NEW_COLUMNS = tuple(name for name in _CASE_COLUMNS if name != "key")
_SAVE = (
    update(_CASES)
    .where(_CASES.c.key == bindparam("new_key"))
    .values({name: bindparam(f"new_{name}") for name in _NEW_COLUMNS})
)
# The other columns of a new case.
_AS_OPENED: Mapping[str, object] = {
    "assignee": "",
    "decided_at": None,
    "notified_at": None,
    "proposal": "",
    "proposed_by": "",
    "legal_hold": "",
    "reopened": 0,
    "revision": 1,
    "result": ReviewResult.OPEN.value,
}
_LOCK = (
    select(*_CASES.c)
    .where(_CASES.c.content_id.in_(bindparam("contents", expanding=True)))
    .order_by(_CASES.c.key)
    .with_for_update()
)
_KEYS = select(_CASES.c.content_id, _CASES.c.key).where(
    _CASES.c.content_id.in_(bindparam("contents", expanding=True))
)
_CONTENTS, _MATCHES, _LISTS = as_table(Content), as_table(MatchRecord), as_table(HashList)
_HASHES = as_table(ContentHash)
_CONTENTS_OF = select(_CONTENTS.c.key, _CONTENTS.c.content_id, _CONTENTS.c.format).where(
    _CONTENTS.c.content_id.in_(bindparam("contents", expanding=True))
)
_EVIDENCE = (
    select(
        _MATCHES.c.content_key,
        _MATCHES.c.key,
        _LISTS.c.name,
        _MATCHES.c.entry_id,
        _MATCHES.c.category,
        _MATCHES.c.algorithm,
        _MATCHES.c.distance_bits,
        _MATCHES.c.threshold_bits,
    )
    .select_from(_MATCHES.join(_LISTS, _LISTS.c.key == _MATCHES.c.list_key))
    .where(_MATCHES.c.content_key.in_(bindparam("keys", expanding=True)))
)
_HASHES_OF = select(_HASHES.c.content_key, _HASHES.c.algorithm, _HASHES.c.value).where(
    _HASHES.c.content_key.in_(bindparam("keys", expanding=True))
)


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case of a content id that is about to be opened, by some evidence under that id."""

    content_id: str
    content_key: int
    state: str
    priority: int
    due_at: datetime
    opened_at: datetime
    newest_match: int


@dataclass(frozen=True, slots=True)
class EvidenceMatch:
    """A match under a content id: by which evidence and entry, and in which category."""

    content_key: int
    match_key: int
    list_name: str
    entry_id: str
    category: str
    algorithm: str
    nearness: Nearness


@dataclass(frozen=True, slots=True)
class EvidenceHashes:
    """The hashes of evidence, by algorithm and value, and whether its bytes were screened."""

    content_key: int
    has_bytes: bool
    hashes: set[tuple[str, bytes]] = field(default_factory=set, repr=False)


def lock_cases_of(session: Session, contents: Sequence[str]) -> dict[str, Case]:
    """Return the cases of content ids, locked until this transaction ends.

    `save_cases` writes what is changed of them.
    """
    rows = session.execute(_LOCK, {"contents": contents}).all()
    return {row.content_id: Case(**row._mapping) for row in rows}


def read_case_keys(session: Session, contents: Sequence[str]) -> dict[str, int]:
    """Return the keys of the cases of content ids."""
    return {row[0]: row[1] for row in session.execute(_KEYS, {"contents": contents})}


def save_cases(session: Session, cases: Sequence[Case]) -> None:
    """Write all values of cases that `lock_cases_of` returned."""
    rows = [{f"new_{name}": getattr(one, name) for name in _CASE_COLUMNS} for one in cases]
    if rows:
        session.execute(_SAVE, rows)


def open_cases(session: Session, cases: Sequence[NewCase]) -> list[int]:
    """Open cases for content ids that have none, and return their keys.

    Raises `StoreConflictError` where another writer opened one of them meanwhile.
    """
    if not cases:
        return []
    own = audit_id(session)
    rows = [{**_opened(one), "audit_id": own} for one in cases]
    # In one order, so that two transactions never wait for each other's rows.
    rows.sort(key=itemgetter("content_id"))
    found = insert_rows(session, _open(is_sqlite=is_sqlite(session)), rows)
    keys = {row[0]: row[1] for row in found}
    if len(keys) < len(rows):
        raise StoreConflictError(
            "another writer opened a case of the same content", hint="Try again."
        )
    facts = {one.content_id: {"match": one.newest_match, "priority": one.priority} for one in cases}
    opened = [{**row, "key": keys[row["content_id"]]} for row in rows]
    audit_rows(session, "case.opened", Case, opened, [facts[row["content_id"]] for row in rows])
    return list(keys.values())


@cache
def _open(*, is_sqlite: bool) -> ReturningInsert[str | None, int]:
    new = upsert_into(_CASES, is_sqlite=is_sqlite)
    new = new.on_conflict_do_nothing(index_elements=["content_id"])
    return new.returning(_CASES.c.content_id, _CASES.c.key)


def _opened(new: NewCase) -> dict[str, Any]:
    return {
        **_AS_OPENED,
        "content_id": new.content_id,
        "content_key": new.content_key,
        "state": new.state,
        "priority": new.priority,
        "due_at": new.due_at,
        "opened_at": new.opened_at,
        "changed_at": new.opened_at,
        "newest_match": new.newest_match,
    }


def read_evidence(session: Session, contents: Sequence[str]) -> dict[str, list[EvidenceMatch]]:
    """Return the matches of all evidence under content ids."""
    # By themselves first, so that no table of the two decides where to begin.
    names = {row[0]: row[1] for row in session.execute(_CONTENTS_OF, {"contents": contents})}
    found = defaultdict[str, list[EvidenceMatch]](list)
    for row in session.execute(_EVIDENCE, {"keys": list(names)}):
        content, match, name, entry_id, category, algorithm, *distances = row
        kind = nearness(*distances)
        found[names[content]].append(
            EvidenceMatch(content, match, name, entry_id, category, algorithm, kind)
        )
    return found


def read_evidence_hashes(
    session: Session, contents: Sequence[str]
) -> dict[str, dict[int, EvidenceHashes]]:
    """Return the hashes of all evidence under content ids, by its keys."""
    found = defaultdict[str, dict[int, EvidenceHashes]](dict)
    by_key = dict[int, EvidenceHashes]()
    for key, content_id, file_format in session.execute(_CONTENTS_OF, {"contents": contents}):
        # It has a format only where the file itself was screened.
        by_key[key] = found[content_id][key] = EvidenceHashes(key, bool(file_format))
    for key, algorithm, value in session.execute(_HASHES_OF, {"keys": list(by_key)}):
        by_key[key].hashes.add((algorithm, value))
    return found
