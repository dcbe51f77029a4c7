"""Sealing of audit records: batches are verified, numbered, chained, and their end is signed.

One process at a time over all hosts, in turns of a few hundred records. A batch that does not
verify stays unsealed, and with it later ones about its rows, so that the records of a row are
sealed in the order in which it changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from ..schema import AuditBatch, AuditCheckpoint, AuditHead, AuditRecord, utc_now
from .audit_log import RECORDS_A_BATCH, Seal, facts_text
from .batches import Batch, BatchRecord, StoredBatch
from .chaining import chained_text, moment_text, signed_text
from .known_chain import LATE, End, KnownChain, link
from .statements import as_table, insert_rows, is_sqlite

# The newest record is signed; earlier signatures are stored at this distance.
RECORDS_A_CHECKPOINT = 1_000
# Records of the sealer itself: the signature over an earlier end was stored; others had continued
# the chain without a signature.
CHECKPOINT_ACTION, UNSIGNED_ACTION = "chain.checkpoint", "chain.unsigned"
_SEALER = "hashmatch"
# More batches that do not verify than this, and those after them wait, too.
_BATCHES_A_TURN = 1_000
_BATCHES_A_PAGE = 50
# What PostgreSQL calls the turn to seal, and how long it waits for a host that stands still in it.
_TURN_TO_SEAL = 0x686D04
_MAX_PAUSE = "SET LOCAL idle_in_transaction_session_timeout = '10s'"
# Without a key, signed batches are left for so long to those that can sign the end, too.
_LEFT_TO_SIGNERS = timedelta(seconds=10)
_ADD, _BATCHES = insert(as_table(AuditRecord)), as_table(AuditBatch)
_PAGE = select(_BATCHES).order_by(_BATCHES.c.key).limit(_BATCHES_A_PAGE)


@dataclass(frozen=True, slots=True)
class Turn:
    """Result of one turn: the batches sealed, and the problems of others by key.

    `ends` are the ends of the chain after each batch, and after all. `is_taken` says that another
    process has the turn, `has_more` that there may be more to seal. Of the `late` ones is not known
    yet whether they were sealed before.
    """

    ends: Sequence[End] = ()
    is_signed: bool = False
    refused: Mapping[int, str] = field(default_factory=dict)
    late: Sequence[Batch] = ()
    is_taken: bool = False
    has_more: bool = False


@dataclass(slots=True)
class _Chosen:
    """The batches to seal in a turn, by key, the problems of others, and those that are late."""

    batches: dict[int, Batch] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    late: list[Batch] = field(default_factory=list)
    has_more: bool = False


def seal_some(session: Session, known: KnownChain, seal: Seal | None) -> Turn:
    """Seal batches, oldest first, about as many records as a batch may have.

    Raises `StoreError` where the chain cannot be continued.
    """
    if not is_sqlite(session):
        if not session.scalar(select(func.pg_try_advisory_xact_lock(_TURN_TO_SEAL))):
            return Turn(is_taken=True)
        session.execute(text(_MAX_PAUSE))
    head = _lock_head(session)
    known.follow(session, head.number, head.record_hash)
    chosen = _choose(session, known, seal)
    if not chosen.batches:
        return Turn(refused=chosen.refused, late=chosen.late)
    ends = _append(session, known, head, chosen.batches, seal)
    session.execute(delete(AuditBatch).where(AuditBatch.key.in_(list(chosen.batches))))
    return Turn(ends, seal is not None, chosen.refused, chosen.late, has_more=chosen.has_more)


def _lock_head(session: Session) -> AuditHead:
    query = select(AuditHead).with_for_update().execution_options(populate_existing=True)
    if (head := session.scalar(query)) is None:
        raise StoreError(
            "the audit chain has no end to continue from",
            hint="It was removed: restore the database from a backup.",
        )
    return head


def read_batches(
    session: Session, *, limit: int = sys.maxsize, about: tuple[str, int] | None = None
) -> Iterator[StoredBatch]:
    """Yield the batches that are not sealed, oldest first, in bounded memory.

    Those that may be `about` one row, by table and key, or all.
    """
    query = _PAGE
    if about is not None:
        query = query.where(_BATCHES.c.records.contains(chained_text(about).decode()[1:-1]))
    # In pages: a caller may stop at any, or lose the server, and no cursor stays open.
    following = query
    while limit > 0 and (page := session.execute(following).all()):
        for row in page[:limit]:
            yield StoredBatch(*row)
        limit, following = limit - len(page), query.where(_BATCHES.c.key > page[-1].key)


def _choose(session: Session, known: KnownChain, seal: Seal | None) -> _Chosen:
    """Return what is to be sealed in this turn."""
    chosen = _Chosen()
    blocked, own, records = set[tuple[str, int]](), set[bytes](), 0
    is_signed = None if seal is None else seal.is_signed
    signed_before = utc_now() - _LEFT_TO_SIGNERS
    for stored in read_batches(session, limit=_BATCHES_A_TURN):
        if records + stored.size > RECORDS_A_BATCH and chosen.batches:
            chosen.has_more = True
            return chosen
        problem, batch = stored.problem(is_signed), stored.parse()
        if batch is None:
            chosen.refused[stored.key] = problem or "not a batch of audit records"
            continue
        if seal is None and stored.signature is not None and stored.at > signed_before:
            blocked.update(batch.subjects())
            continue
        problem = problem or known.problem(batch)
        if not problem and batch.identity() in own:
            problem = "written twice"
        if not problem and not blocked.isdisjoint(batch.subjects()):
            problem = "after another batch about the same row that cannot be sealed"
        if problem == LATE:
            chosen.late.append(batch)
        elif problem:
            chosen.refused[stored.key] = problem
        if problem:
            blocked.update(batch.subjects())
            continue
        chosen.batches[stored.key] = batch
        own.add(batch.identity())
        records += len(batch.records)
    return chosen


def _append(
    session: Session,
    known: KnownChain,
    head: AuditHead,
    chosen: Mapping[int, Batch],
    seal: Seal | None,
) -> list[End]:
    """Chain the records of batches, and sign the new end; returns the ends after each batch."""
    number, latest = head.number, head.record_hash
    rows: list[dict[str, Any]] = []
    ends = []

    def append(batch: Batch) -> None:
        nonlocal number, latest
        at = moment_text(batch.at)
        for one in batch.records:
            number += 1
            latest = link(latest, number, at, batch.actor, one)
            rows.append(_row(number, batch, one, latest))
        ends.append(End(number, latest, batch.identity()))

    if (since := _unsigned_since(known, head, seal)) is not None:
        append(_own_record(UNSIGNED_ACTION, {"after": since, "up_to": head.number}))
    for one in chosen.values():
        append(one)
    is_far = number // RECORDS_A_CHECKPOINT > head.number // RECORDS_A_CHECKPOINT
    if is_far and _keep_checkpoint(session, head):
        append(_own_record(CHECKPOINT_ACTION, {"number": head.number}))
    insert_rows(session, _ADD, rows)
    head.number, head.record_hash = number, latest
    head.signed_at, head.key_id, head.signature = None, "", None
    if seal is not None:
        head.signed_at, head.key_id = utc_now(), seal.key_id
        head.signature = seal.sign(signed_text(number, latest, head.signed_at))
    session.flush()
    return ends


def _unsigned_since(known: KnownChain, head: AuditHead, seal: Seal | None) -> int | None:
    """Return the end that this process signed last, where others went on without a signature."""
    if seal is None or known.signed_up_to is None or known.signed_up_to == head.number:
        return None
    if head.signature is not None and head.signed_at is not None:
        signed = signed_text(head.number, head.record_hash, head.signed_at)
        if seal.is_signed(head.key_id, head.signature, signed):
            return None
    return known.signed_up_to


def _own_record(action: str, facts: Mapping[str, int]) -> Batch:
    record = BatchRecord(action, "", None, facts_text(facts), None)
    return Batch(0, utc_now(), _SEALER, [record])


def _row(number: int, batch: Batch, one: BatchRecord, record_hash: bytes) -> dict[str, Any]:
    return {
        "number": number,
        "at": batch.at,
        "actor": batch.actor,
        "action": one.action,
        "subject": one.subject,
        "subject_key": one.subject_key,
        "facts": one.facts,
        "state_hash": None if one.state_hash is None else bytes.fromhex(one.state_hash),
        "record_hash": record_hash,
    }


def _keep_checkpoint(session: Session, head: AuditHead) -> bool:
    """Store the signature over the former end of the chain, if there is one; says whether."""
    if head.signature is None or head.signed_at is None:
        return False
    session.add(
        AuditCheckpoint(
            number=head.number,
            record_hash=head.record_hash,
            signed_at=head.signed_at,
            key_id=head.key_id,
            signature=head.signature,
        )
    )
    return True
