"""Memory of a process of the end of the audit chain, so that nothing is sealed twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError

from ..schema import AuditRecord
from .batches import Batch, identity
from .chaining import FIRST_HASH, chained_text, moment_text

_RECORDS_A_PAGE = 1_000
# So many of the newest batches are remembered, and of how many others is known whether they were
# sealed. The chain before is read in pieces, of some hundredths of a second.
_REMEMBERED = 5_000
_RECORDS_A_LOOK = 5_000
# Said of a batch that is older than what is remembered, until the chain since was read.
LATE = "written before all that is remembered"
_DAMAGED = "too old to say whether it was sealed before: the chain is damaged since"
_SEALED = "sealed before"


class End(NamedTuple):
    """An end of the chain, and the identity of the batch that was sealed last."""

    number: int
    record_hash: bytes
    batch: bytes


class KnownChain:
    """End of the audit chain as this process knows it, and the batches sealed shortly before it.

    What others seal is followed record by record: a rewritten chain is not continued.
    """

    def __init__(self) -> None:
        self._end: tuple[int, bytes] | None = None
        # Two generations; the older is dropped once the newer is full.
        self._older, self._newer = set[bytes](), set[bytes]()
        self._older_from = self._newer_from = (0, b"")
        # Of late batches, up to where the chain does not hold them, or why they are not sealed.
        self._absent = dict[bytes, tuple[int, bytes]]()
        self._problems = dict[bytes, str]()
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

    def take(self, ends: Sequence[End], *, is_signed: bool) -> None:
        """Remember what this process sealed, which has been committed."""
        for one in ends:
            self._remember(one)
        if ends and is_signed:
            self.signed_up_to = ends[-1].number

    def _remember(self, end: End) -> None:
        self._end = (end.number, end.record_hash)
        self._newer.add(end.batch)
        if len(self._newer) >= _REMEMBERED:
            self._older, self._older_from = self._newer, self._newer_from
            self._newer, self._newer_from = set(), self._end

    def problem(self, batch: Batch) -> str:
        """Return why a batch may not be sealed now; empty where it may.

        `LATE` where `look_back` has to say it first.
        """
        end = 0 if self._end is None else self._end[0]
        if batch.after > end:
            return "written after a record that does not exist"
        own = batch.identity()
        if own in self._older or own in self._newer:
            return _SEALED
        if own in self._problems:
            return self._problems[own]
        return LATE if self._read_up_to(batch, own)[0] < self._older_from[0] else ""

    def look_back(self, session: Session, late: Sequence[Batch]) -> bool:
        """Read on in the chain since batches were written; says whether there is more to read.

        All of them are looked for at once, and the records between were read once only: it takes as
        long as the sealing of them did, however many wait.
        """
        starts = {own: self._read_up_to(one, own) for one in late if (own := one.identity())}
        starts = {own: one for own, one in starts.items() if own not in self._problems}
        first = min(starts.values(), default=self._older_from)
        up_to = min(first[0] + _RECORDS_A_LOOK, self._older_from[0])
        if first[0] >= up_to:
            return False
        seen = set[bytes]()
        latest = _chained(session, first[0], first[1] or None, up_to, seen)
        is_damaged = not latest or (up_to == self._older_from[0] and latest != self._older_from[1])
        self._absent = {}
        for own, start in starts.items():
            if own in seen or is_damaged:
                self._refuse(own, _SEALED if own in seen else _DAMAGED)
            else:
                self._absent[own] = (up_to, latest) if start[0] <= up_to else start
        return up_to < self._older_from[0]

    def _read_up_to(self, batch: Batch, own: bytes) -> tuple[int, bytes]:
        """Return up to where the chain does not hold a batch, and its hash there if known."""
        return self._absent.get(own, (batch.after, b""))

    def _refuse(self, own: bytes, problem: str) -> None:
        if len(self._problems) >= _REMEMBERED:
            self._problems.clear()
        self._problems[own] = problem

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
        previous = FIRST_HASH if after == 0 else session.scalar(at_start) or b""
    number, batch = after, ("", "")
    for one in _records(session, after, up_to):
        state = None if one.state_hash is None else one.state_hash.hex()
        record = (one.action, one.subject, one.subject_key, one.facts, state)
        number, at = number + 1, moment_text(one.at)
        previous = link(previous, one.number, at, one.actor, record)
        if (at, one.actor) != batch:
            batch = (at, one.actor)
            seen.add(identity(at, one.actor, record))
        if one.number != number:
            return b""
    return previous if number == up_to else b""


def _records(session: Session, after: int, up_to: int) -> Iterator[Row[Any]]:
    """Yield records in pages: no cursor stays open where the server is lost."""
    table = AuditRecord.__table__
    query = select(table).order_by(table.c.number).limit(_RECORDS_A_PAGE)
    while page := session.execute(
        query.where(table.c.number > after, table.c.number <= up_to)
    ).all():
        yield from page
        after = page[-1].number


def link(
    previous: bytes,
    number: int,
    at: str,
    actor: str,
    record: tuple[str, str, int | None, str, str | None],
) -> bytes:
    """Return the hash of a record, given the one before it, its time as text, and its values."""
    return hashlib.sha256(previous + chained_text([number, at, actor, *record])).digest()
