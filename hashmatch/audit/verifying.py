"""Whether the audit chain holds: nothing in it, and no row that it tells of, was tampered with.

Whoever may write the database can also write a whole new chain, but not sign it: that is what keys
are for, and an earlier end of the chain that is kept elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from hashmatch.store.engine import (
    FIRST_HASH,
    chain,
    read_audit_checkpoints,
    read_audit_head,
    read_audit_records,
    signed_text,
    state_hash,
)
from hashmatch.store.schema import AuditHead, AuditRecord, Base

from .keys import PublicKeys, is_signed

_BEGUN = "chain.begun"
# Whoever has seen so many needs no more to know.
_MOST_PROBLEMS = 1_000
_RECORDS_A_STEP = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was recorded, and where."""

    place: str
    what: str


@dataclass(slots=True)
class Verification:
    """What was found: how long the chain is, who signed it, and what is wrong."""

    records: int = 0
    rows: int = 0
    end_hash: bytes = FIRST_HASH
    signed_up_to: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.problems

    def add(self, place: str, what: str) -> None:
        """Note a problem, unless there are many already."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(place, what))


def verify(
    session: Session,
    keys: PublicKeys,
    *,
    known: Mapping[int, bytes] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Go through the whole chain and every row that it binds.

    With `keys` its end has to be signed by one of them. `known` are hashes of records by number,
    as somebody wrote them down earlier.
    """
    found = Verification()
    heads = session.scalar(select(func.count()).select_from(AuditHead))
    if heads != 1:
        found.add("the end", f"{heads} rows say where the chain ends, and not one")
    head = read_audit_head(session)
    expected = {one.number: one.record_hash for one in read_audit_checkpoints(session)}
    before = _verify_records(session, found, expected, dict(known or {}), progress)
    _verify_end(found, head, expected)
    _verify_signatures(session, found, head, keys)
    for table in _audited_tables():
        _verify_rows(session, found, table, before.get(table.__tablename__, 0))
    return found


def _verify_records(
    session: Session,
    found: Verification,
    checkpoints: dict[int, bytes],
    known: dict[int, bytes],
    progress: Callable[[int], None],
) -> Mapping[str, int]:
    """Follow the chain; returns up to which keys rows are older than it."""
    before: Mapping[str, int] = {}
    previous, number = FIRST_HASH, 0
    for record in read_audit_records(session):
        own, number = record["number"], number + 1
        if own != number:
            missing = f"record {number}" if own == number + 1 else f"records {number} to {own - 1}"
            found.add(missing, "missing from the chain")
            number = own
        stored = record.pop("record_hash")
        if chain(previous, **record) != stored:
            found.add(f"record {own}", "not what was recorded, or not after what it was")
        for what, hashes in (("a signature", checkpoints), ("what was noted elsewhere", known)):
            if hashes.pop(own, stored) != stored:
                found.add(f"record {own}", f"another one than {what} is of")
        if own == 1:
            before = _read_beginning(found, record)
        previous = stored
        found.records += 1
        if not found.records % _RECORDS_A_STEP:
            progress(found.records)
    found.end_hash = previous
    for own in sorted(known):
        found.add(f"record {own}", "noted elsewhere, and missing from the chain")
    return before


def _read_beginning(found: Verification, record: Mapping[str, Any]) -> Mapping[str, int]:
    try:
        before = json.loads(record["facts"])["before"]
        if record["action"] == _BEGUN:
            return {str(table): int(key) for table, key in before.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    found.add("record 1", "not the beginning of a chain")
    return {}


def _verify_end(
    found: Verification,
    head: AuditHead | None,
    checkpoints: Mapping[int, bytes],
) -> None:
    if head is None:
        return
    last = found.records
    if head.number != last and not found.problems:
        more = head.number > last
        found.add("the end", f"{abs(head.number - last)} records are {'gone' if more else 'new'}")
    elif head.record_hash != found.end_hash:
        found.add("the end", "the last record is another one than the end of the chain says")
    for own in sorted(checkpoints):
        found.add(f"record {own}", "signed, and missing from the chain")


def _verify_signatures(
    session: Session, found: Verification, head: AuditHead | None, keys: PublicKeys
) -> None:
    """Check who signed; a chain with signatures that nobody can check is told of by the caller."""
    if not keys:
        return
    for one in read_audit_checkpoints(session):
        signed = signed_text(one.number, one.record_hash, one.signed_at)
        if is_signed(keys, one.key_id, one.signature, signed):
            found.signed_up_to = one.number
        else:
            found.add(f"checkpoint {one.number}", "not signed by any of the keys")
    if head is None:
        return
    if head.signature is None or head.signed_at is None:
        found.add("the end", f"records after {found.signed_up_to} are not signed")
        return
    signed = signed_text(head.number, head.record_hash, head.signed_at)
    if is_signed(keys, head.key_id, head.signature, signed):
        found.signed_up_to = head.number
    else:
        found.add("the end", "not signed by any of the keys")


def _audited_tables() -> Iterator[type[Base]]:
    for mapper in sorted(Base.registry.mappers, key=lambda one: one.class_.__tablename__):
        if mapper.class_.audited:
            yield mapper.class_


def _verify_rows(session: Session, found: Verification, table: type[Base], before: int) -> None:
    """Hold the rows of a table against the newest record of each."""
    name = table.__tablename__
    columns = [getattr(table, one) for one in table.audited]
    key = columns[0]
    newest = _newest_of(name)
    rows = select(*columns, newest.c.state_hash, newest.c.number).outerjoin(
        newest, newest.c.subject_key == key
    )
    for *values, expected, number in session.execute(_streamed(rows.order_by(key))):
        found.rows += 1
        place = f"{name} {values[0]}"
        if number is None:
            if values[0] > before:
                found.add(place, "a row that nothing in the chain tells of")
        elif expected is None:
            found.add(place, f"a row that was removed, as record {number} says")
        elif state_hash(name, values) != expected:
            found.add(place, f"not as record {number} left it")
    gone = select(newest.c.subject_key, newest.c.number).outerjoin(
        table, key == newest.c.subject_key
    )
    for own, number in session.execute(
        _streamed(gone.where(key.is_(None), newest.c.state_hash.is_not(None)))
    ):
        found.add(f"{name} {own}", f"a row that is gone, and was there in record {number}")


def _newest_of(name: str) -> Any:
    """Return the newest record of each row of a table, as a table."""
    newest = (
        select(func.max(AuditRecord.number).label("number"))
        .where(AuditRecord.subject == name)
        .group_by(AuditRecord.subject_key)
        .subquery()
    )
    record = aliased(AuditRecord)
    is_newest: ColumnElement[bool] = record.number == newest.c.number
    return (
        select(record.number, record.subject_key, record.state_hash)
        .join(newest, is_newest)
        .subquery()
    )


def _streamed(query: Select[Any]) -> Select[Any]:
    return query.execution_options(yield_per=5_000)
