"""Verification that neither the audit log nor any row that it binds was tampered with.

Anybody with write access to the database can also write an entirely new chain, but not sign it:
hence the keys, and earlier ends of the chain that are noted elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.store.engine import (
    FIRST_HASH,
    audited_tables,
    chain,
    count_audit_heads,
    read_audit_checkpoints,
    read_audit_head,
    read_audit_records,
    read_bound_rows,
    read_lost_rows,
    signed_text,
    state_hash,
)
from hashmatch.store.schema import AuditHead, Base

from .keys import PublicKeys, is_signed

# The action of the first record.
_FIRST_ACTION = "chain.begun"
# Enough to show what kind of damage it is, and to bound the memory.
_MAX_PROBLEMS = 1_000
_RECORDS_A_STEP = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Difference from the recorded state, and its place."""

    place: str
    problem: str


@dataclass(slots=True)
class Verification:
    """Result of a verification: the length of the chain, its signatures and the problems found.

    `signed_up_to` is the number of the last record that a valid signature covers.
    """

    records: int = 0
    rows: int = 0
    end_hash: bytes = FIRST_HASH
    signed_up_to: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Say whether no problem was found."""
        return not self.problems

    def add(self, place: str, problem: str) -> None:
        """Add a problem, unless there are a thousand already."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(place, problem))


def verify(
    session: Session,
    keys: PublicKeys,
    *,
    known: Mapping[int, bytes] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Verify the complete chain and every row that it binds.

    With `keys`, its end has to be signed by one of them. `known` has hashes of records by number,
    as they were noted elsewhere. `progress` receives the number of records verified so far.
    """
    found = Verification()
    if (heads := count_audit_heads(session)) != 1:
        found.add("the end", f"{heads} rows record the end of the chain instead of one")
    head = read_audit_head(session)
    expected = {one.number: one.record_hash for one in read_audit_checkpoints(session)}
    before = _verify_records(session, found, expected, dict(known or {}), progress)
    _verify_end(found, head, expected)
    _verify_signatures(session, found, head, keys)
    for table in audited_tables():
        _verify_rows(session, found, table, before.get(table.__tablename__, 0))
    return found


def _verify_records(
    session: Session,
    found: Verification,
    checkpoints: dict[int, bytes],
    known: dict[int, bytes],
    progress: Callable[[int], None],
) -> Mapping[str, int]:
    """Verify every record; returns by table the highest key that is older than the chain.

    Removes the records that were found from `checkpoints` and `known`.
    """
    before: Mapping[str, int] = {}
    previous, number = FIRST_HASH, 0
    for record in read_audit_records(session):
        own, number = record["number"], number + 1
        if own != number:
            missing = f"record {number}" if own == number + 1 else f"records {number} to {own - 1}"
            found.add(missing, "missing from the chain")
            # Counting continues from there, so that one gap is one problem.
            number = own
        stored = record.pop("record_hash")
        if chain(previous, **record) != stored:
            found.add(f"record {own}", "changed, or moved within the chain")
        for source, hashes in (("signed", checkpoints), ("noted elsewhere", known)):
            if hashes.pop(own, stored) != stored:
                found.add(f"record {own}", f"differs from the record that was {source}")
        if own == 1:
            before = _read_beginning(found, record)
        # The stored hash, so that one changed record is not a problem of all later ones.
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
        if record["action"] == _FIRST_ACTION:
            return {str(table): int(key) for table, key in before.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # Reported below, as any other first record is.
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
    # After a gap the numbers differ anyway.
    if head.number != last and not found.problems:
        are_missing = head.number > last
        state = "missing" if are_missing else "beyond the recorded end"
        found.add("the end", f"{abs(head.number - last)} records are {state}")
    elif head.record_hash != found.end_hash:
        found.add("the end", "the last record differs from the end of the chain")
    for own in sorted(checkpoints):
        found.add(f"record {own}", "signed, and missing from the chain")


def _verify_signatures(
    session: Session, found: Verification, head: AuditHead | None, keys: PublicKeys
) -> None:
    """Verify the signatures; without keys nothing is verified, which callers have to report."""
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


def _verify_rows(session: Session, found: Verification, table: type[Base], before: int) -> None:
    """Compare the rows of a table with the newest record of each."""
    name = table.__tablename__
    for row in read_bound_rows(session, table):
        found.rows += 1
        key = row.values[0]
        place = f"{name} {key}"
        if row.number is None:
            # Rows up to this key are older than the chain, which has no records of them.
            if isinstance(key, int) and key > before:
                found.add(place, "a row without any record")
        elif row.state_hash is None:
            found.add(place, f"a row that was removed, according to record {row.number}")
        elif state_hash(name, row.values) != row.state_hash:
            found.add(place, f"differs from its state in record {row.number}")
    for key, number in read_lost_rows(session, table):
        found.add(f"{name} {key}", f"a row that is missing, and existed in record {number}")
