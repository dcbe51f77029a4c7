"""Sealing of audit records: batches are verified, numbered, chained, and their end is signed.

One process at a time over all hosts, in turns of a few hundred records. A batch that does not
verify stays unsealed, and with it later ones about its rows, so that the records of a row are
sealed in the order in which it changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from ..schema import AuditBatch, AuditCheckpoint, AuditHead, AuditRecord, utc_now
from .audit_log import RECORDS_A_BATCH, Seal, facts_text
from .batches import Batch, BatchRecord, StoredBatch, identity
from .chaining import chained_text, moment_text, signed_text
from .statements import is_sqlite

# The newest record is signed; earlier signatures are stored at this distance.
RECORDS_A_CHECKPOINT = 1_000
# Records of the sealer itself: the signature over an earlier end was stored; others had continued
# the chain without a signature.
CHECKPOINT_ACTION, UNSIGNED_ACTION = "chain.checkpoint", "chain.unsigned"
_SEALER = "hashmatch"
# More batches that do not verify than this, and those after them wait, too.
_BATCHES_A_TURN = 1_000
_BATCHES_A_PAGE = 50
_RECORDS_A_PAGE = 1_000
# What PostgreSQL calls the turn to seal, and how long it waits for a host that stands still in it.
_TURN_TO_SEAL = 0x686D01
_MAX_PAUSE = "SET LOCAL idle_in_transaction_session_timeout = '10s'"
# Batches that were sealed are remembered, so that none is sealed twice: so many of the newest, and
# for others so many records are read.
_REMEMBERED = 5_000
_MAX_LATE_RECORDS = 100_000


class End(NamedTuple):
    """An end of the chain, and the identity of the batch that was sealed last."""

    number: int
    record_hash: bytes
    batch: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """Result of one turn: the batches sealed, and the problems of others by key.

    `ends` are the ends of the chain after each batch, and after all. `is_taken` says that another
    process has the turn, `has_more` that there may be more to seal.
    """

    ends: Sequence[End] = ()
    is_signed: bool = False
    refused: Mapping[int, str] = field(default_factory=dict)
    is_taken: bool = False
    has_more: bool = False


class KnownChain:
    """End of the audit chain as this process knows it, and the batches sealed shortly before it.

    What others seal is followed record by record: a chain that was written anew is not continued.
    """

    def __init__(self) -> None:
        self._end: tuple[int, bytes] | None = None
        # Two generations; the older is dropped once the newer is full.
        self._older, self._newer = set[bytes](), set[bytes]()
        self._older_from = self._newer_from = (0, b"")
        self.signed_up_to: int | None = None

    def follow(self, session: Session, number: int, record_hash: bytes) -> None:
        """Take over what was sealed up to a number. Raises `StoreError` for another chain."""
        if self._end is None:
            self._end = self._older_from = self._newer_from = (number, record_hash)
        if number == self._end[0]:
            latest = self._end[1]
        else:
            latest = self._replay(session, self._end, number)
        if latest != record_hash:
            raise StoreError(
                "the audit chain does not continue the one that this process sealed or saw",
                hint="Run 'hashmatch audit verify'; nothing is sealed until a restart.",
            )
        self._end = (number, record_hash)

    def take(self, turn: Turn) -> None:
        """Remember what a turn sealed, which has been committed."""
        for one in turn.ends:
            self._remember(one)
        if turn.is_signed:
            self.signed_up_to = turn.ends[-1].number

    def _remember(self, end: End) -> None:
        self._end = (end.number, end.record_hash)
        self._newer.add(end.batch)
        if len(self._newer) >= _REMEMBERED:
            self._older, self._older_from = self._newer, self._newer_from
            self._newer, self._newer_from = set(), self._end

    def problem(self, session: Session, batch: Batch) -> str:
        """Return why a batch may not be sealed now; empty where it may."""
        end = 0 if self._end is None else self._end[0]
        if batch.after > end:
            return "written after a record that does not exist"
        own, since = batch.identity(), self._older_from
        if own in self._older or own in self._newer:
            return "sealed before"
        if batch.after >= since[0]:
            return ""
        if since[0] - batch.after > _MAX_LATE_RECORDS:
            return "too old to say whether it was sealed before"
        seen = set[bytes]()
        if _chained(session, batch.after, None, since[0], seen) != since[1]:
            return "too old to say whether it was sealed before: the chain is damaged since"
        return "sealed before" if own in seen else ""

    def _replay(self, session: Session, end: tuple[int, bytes], number: int) -> bytes:
        seen = set[bytes]()
        latest = _chained(session, *end, number, seen)
        for one in seen:
            self._remember(End(number, latest, one))
        return latest


def _chained(
    session: Session, after: int, previous: bytes | None, up_to: int, seen: set[bytes]
) -> bytes:
    """Return the hash of a chain at a number, worked out from the one at an earlier number.

    Adds the batches in between to `seen`. Returns nothing where records are missing.
    """
    if previous is None:
        at_start = select(AuditRecord.record_hash).where(AuditRecord.number == after)
        previous = bytes(32) if after == 0 else session.scalar(at_start) or b""
    table, number, batch = AuditRecord.__table__, after, ("", "")
    records = select(table).where(table.c.number > after, table.c.number <= up_to)
    for one in session.execute(
        records.order_by(table.c.number).execution_options(yield_per=_RECORDS_A_PAGE)
    ):
        state = None if one.state_hash is None else one.state_hash.hex()
        record = (one.action, one.subject, one.subject_key, one.facts, state)
        number, at = number + 1, moment_text(one.at)
        previous = _link(previous, one.number, at, one.actor, record)
        if (at, one.actor) != batch:
            batch = (at, one.actor)
            seen.add(identity(at, one.actor, record))
        if one.number != number:
            return b""
    return previous if number == up_to else b""


def _link(
    previous: bytes,
    number: int,
    at: str,
    actor: str,
    record: tuple[str, str, int | None, str, str | None],
) -> bytes:
    return hashlib.sha256(previous + chained_text([number, at, actor, *record])).digest()


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
    chosen, refused, has_more = _choose(session, known, seal)
    if not chosen:
        return Turn(refused=refused)
    ends = _append(session, known, head, chosen, seal)
    session.execute(delete(AuditBatch).where(AuditBatch.key.in_(list(chosen))))
    return Turn(ends, seal is not None, refused, has_more=has_more)


def _lock_head(session: Session) -> AuditHead:
    query = select(AuditHead).with_for_update().execution_options(populate_existing=True)
    if (head := session.scalar(query)) is None:
        raise StoreError(
            "the audit chain has no end to continue from",
            hint="It was removed: restore the database from a backup.",
        )
    return head


def read_batches(
    session: Session, *, limit: int | None = None, about: tuple[str, int] | None = None
) -> Iterator[StoredBatch]:
    """Yield the batches that are not sealed, oldest first, in bounded memory.

    Those that may be `about` one row, by table and key, or all.
    """
    query = select(AuditBatch.__table__).order_by(AuditBatch.key).limit(limit)
    if about is not None:
        query = query.where(AuditBatch.records.contains(chained_text(about).decode()[1:-1]))
    for row in session.execute(query.execution_options(yield_per=_BATCHES_A_PAGE)):
        yield StoredBatch(*row)


def _choose(
    session: Session, known: KnownChain, seal: Seal | None
) -> tuple[dict[int, Batch], dict[int, str], bool]:
    """Return the batches to seal in this turn, the problems of others, and whether more wait."""
    chosen, refused = dict[int, Batch](), dict[int, str]()
    blocked, own, records = set[tuple[str, int]](), set[bytes](), 0
    is_signed = None if seal is None else seal.is_signed
    for stored in read_batches(session, limit=_BATCHES_A_TURN):
        if records + stored.size > RECORDS_A_BATCH and chosen:
            return chosen, refused, True
        problem, batch = stored.problem(is_signed), stored.parse()
        if batch is None:
            refused[stored.key] = problem or "not a batch of audit records"
            continue
        problem = problem or known.problem(session, batch)
        if not problem and batch.identity() in own:
            problem = "written twice"
        if not problem and not blocked.isdisjoint(batch.subjects()):
            problem = "after another batch about the same row that cannot be sealed"
        if problem:
            refused[stored.key] = problem
            blocked.update(batch.subjects())
            continue
        chosen[stored.key] = batch
        own.add(batch.identity())
        records += len(batch.records)
    return chosen, refused, False


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
            latest = _link(latest, number, at, batch.actor, one)
            rows.append(_row(number, batch, one, latest))
        ends.append(End(number, latest, batch.identity()))

    if (since := _unsigned_since(known, head, seal)) is not None:
        append(_own_record(UNSIGNED_ACTION, {"after": since, "up_to": head.number}))
    for one in chosen.values():
        append(one)
    is_far = number // RECORDS_A_CHECKPOINT > head.number // RECORDS_A_CHECKPOINT
    if is_far and _keep_checkpoint(session, head):
        append(_own_record(CHECKPOINT_ACTION, {"number": head.number}))
    session.execute(insert(AuditRecord), rows)
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
