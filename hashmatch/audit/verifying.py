"""Verification that neither the audit log nor any row that it binds was tampered with.

Of the chain, of the records that are not sealed yet, and both ways between records and rows.
Anybody with write access to the database can also write an entirely new chain, but not sign it:
hence the keys, and earlier ends of the chain that are noted elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from hashmatch.store.engine import (
    CHECKPOINT_ACTION,
    FIRST_HASH,
    BoundRow,
    audited_tables,
    chain,
    count_audit_heads,
    read_audit_checkpoints,
    read_audit_head,
    read_bound_rows,
    read_lost_rows,
    read_sealed_records,
    signed_text,
    state_hash,
)
from hashmatch.store.schema import Audited, AuditHead

from .keys import PublicKeys, is_signed
from .problems import Verification
from .unsealed import NewestRecord, UnsealedRecords, read_unsealed_records

# The action of the first record.
_FIRST_ACTION = "chain.begun"
_RECORDS_A_STEP = 10_000


def verify(
    session: Session,
    keys: PublicKeys,
    *,
    known: Mapping[int, bytes] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Verify the complete chain, what is not sealed yet, and every row that is bound to them.

    With `keys`, its end has to be signed by one of them. `known` has hashes of records by number,
    as they were noted elsewhere. `progress` receives the number of records verified so far.
    """
    found = Verification()
    if (heads := count_audit_heads(session)) != 1:
        found.add("the end", f"{heads} rows record the end of the chain instead of one")
    head = read_audit_head(session)
    unsealed = read_unsealed_records(session, found, keys)
    expected = {one.number: one.record_hash for one in read_audit_checkpoints(session)}
    chain_facts = _Chain(expected, dict(known or {}), unsealed)
    _verify_records(session, found, chain_facts, progress)
    _verify_end(found, head, chain_facts)
    _verify_signatures(session, found, head, keys)
    unsealed.verify_order(found)
    for table in audited_tables():
        before = chain_facts.before.get(table.__tablename__, 0)
        _verify_rows(session, found, table, before, unsealed)
    return found


@dataclass(slots=True)
class _Chain:
    """Facts that the records have to agree with, and those that they give.

    `checkpoints` and `known` are hashes by number, `checked` those of them that were found;
    `stored` are the numbers of the checkpoints that records say were stored, and `before` by table
    the highest key that is older than the chain.
    """

    checkpoints: dict[int, bytes]
    known: dict[int, bytes]
    unsealed: UnsealedRecords
    checked: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)
    before: Mapping[str, int] = field(default_factory=dict)


def _verify_records(
    session: Session, found: Verification, facts: _Chain, progress: Callable[[int], None]
) -> None:
    """Verify every sealed record."""
    previous, number = FIRST_HASH, 0
    for record in read_sealed_records(session):
        own, number = record["number"], number + 1
        if own != number:
            missing = f"record {number}" if own == number + 1 else f"records {number} to {own - 1}"
            found.add(missing, "missing from the chain")
            # Counting continues from there, so that one gap is one problem.
            number = own
        stored = record.pop("record_hash")
        if chain(previous, **record) != stored:
            found.add(f"record {own}", "changed, or moved within the chain")
        if own == 1:
            facts.before = _read_beginning(found, record)
        _compare(found, facts, record, stored)
        # The stored hash, so that one changed record is not a problem of all later ones.
        previous = stored
        found.records += 1
        if not found.records % _RECORDS_A_STEP:
            progress(found.records)
    found.end_hash = previous


def _compare(
    found: Verification, facts: _Chain, record: Mapping[str, Any], record_hash: bytes
) -> None:
    """Compare a record with those that were signed, noted elsewhere, or are not sealed yet."""
    own = record["number"]
    for source, hashes in (("signed", facts.checkpoints), ("noted elsewhere", facts.known)):
        if hashes.get(own, record_hash) != record_hash:
            found.add(f"record {own}", f"differs from the record that was {source}")
    facts.checked.update({own} & (facts.checkpoints.keys() | facts.known.keys()))
    if record["action"] == CHECKPOINT_ACTION:
        facts.stored.update(_stored_checkpoint(record["facts"]))
    facts.unsealed.compare(found, record)


def _stored_checkpoint(facts: str) -> Iterator[int]:
    try:
        yield int(json.loads(facts)["number"])
    except (ValueError, KeyError, TypeError):
        return  # A changed record, which is reported as such.


def _read_beginning(found: Verification, record: Mapping[str, Any]) -> Mapping[str, int]:
    try:
        before = json.loads(record["facts"])["before"]
        if record["action"] == _FIRST_ACTION:
            return {str(table): int(key) for table, key in before.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # Reported below, as any other first record is.
    found.add("record 1", "not the beginning of a chain")
    return {}


def _verify_end(found: Verification, head: AuditHead | None, facts: _Chain) -> None:
    for own in sorted(facts.known.keys() - facts.checked):
        found.add(f"record {own}", "noted elsewhere, and missing from the chain")
    for own in sorted(facts.checkpoints.keys() - facts.checked):
        found.add(f"record {own}", "signed, and missing from the chain")
    for own in sorted(facts.stored - facts.checkpoints.keys()):
        found.add(f"checkpoint {own}", "missing, and a record says that it was stored")
    # Checkpoints of before there were such records come before the first of these.
    for own in sorted(facts.checkpoints.keys() - facts.stored):
        if facts.stored and own > min(facts.stored):
            found.add(f"checkpoint {own}", "no record says that it was stored")
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


def _verify_rows(
    session: Session,
    found: Verification,
    table: type[Audited],
    before: int,
    unsealed: UnsealedRecords,
) -> None:
    """Compare the rows of a table with the newest record of each, and records with their rows."""
    name = table.__tablename__
    newest = unsealed.take_newest(name)
    for row in read_bound_rows(session, table):
        found.rows += 1
        key: Any = row.values[0]
        if problem := _row_problem(name, row, newest.pop(key, None), before):
            found.add(f"{name} {key}", problem)
    for key, number in read_lost_rows(session, table):
        if key not in newest:
            found.add(f"{name} {key}", f"a row that is missing, and existed in record {number}")
    for key, own in newest.items():
        if own.state_hash is not None:
            found.add(f"{name} {key}", f"a row that is missing, and existed in batch {own.batch}")


def _row_problem(table: str, row: BoundRow, newest: NewestRecord | None, before: int) -> str:
    """Return how a row differs from its newest record; empty where it does not.

    `newest` is its newest record that is not sealed. Rows with keys up to `before` are older than
    the chain, which may have no records of them.
    """
    key: Any = row.values[0]
    if newest is not None:
        state, record = newest.state_hash, f"batch {newest.batch}"
    elif row.number is not None:
        state, record = row.state_hash, f"record {row.number}"
    else:
        return "a row without any record" if key > before or row.audit_id is not None else ""
    if state is None:
        return f"a row that was removed, according to {record}"
    return "" if state_hash(table, row.values) == state else f"differs from its state in {record}"
