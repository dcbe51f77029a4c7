"""Verification of the audit records that are not sealed yet, by their batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from hashmatch.store.engine import BatchRecord, moment_text, read_batches

from .keys import PublicKeys, is_signed
from .problems import Verification


class NewestRecord(NamedTuple):
    """The newest unsealed record of a row: the key of its batch, and the state after it.

    Without a state the row was removed.
    """

    batch: int
    state_hash: bytes | None


@dataclass(slots=True)
class UnsealedRecords:
    """Facts of the unsealed records, in memory: what was written within about a second.

    `first` has the key and the first record of batches by time and actor.
    """

    newest: dict[str, dict[int, NewestRecord]]
    first: dict[tuple[str, str], list[tuple[int, BatchRecord]]] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)

    def take_newest(self, table: str) -> dict[int, NewestRecord]:
        """Return the newest record of each row of a table, by key."""
        return self.newest.pop(table, {})

    def compare(self, found: Verification, record: Mapping[str, Any]) -> None:
        """Compare a sealed record with the batches, none of which may have been sealed before."""
        if not self.first:
            return
        for key, one in self.first.get((moment_text(record["at"]), record["actor"]), ()):
            state = record["state_hash"]
            own = {**record, "state_hash": None if state is None else state.hex()}
            if all(own[name] == value for name, value in one._asdict().items()):
                found.add(f"batch {key}", f"a copy of what is sealed in record {record['number']}")

    def verify_order(self, found: Verification) -> None:
        """Compare the batches with the end of the chain and with each other."""
        for key, after in self.after.items():
            if after > found.records:
                found.add(f"batch {key}", f"written after record {after}, which does not exist")
        for some in self.first.values():
            for place, (key, one) in enumerate(some):
                if any(one == other for _, other in some[:place]):
                    found.add(f"batch {key}", "a copy of another batch")


def read_unsealed_records(
    session: Session, found: Verification, keys: PublicKeys
) -> UnsealedRecords:
    """Verify the text and the signature of each batch; returns the records.

    With `keys`, each has to be signed by one of them.
    """
    unsealed = UnsealedRecords(defaultdict(dict))
    trusted = partial(is_signed, keys) if keys else None
    for stored in read_batches(session):
        place, batch = f"batch {stored.key}", stored.parse()
        if problem := stored.problem(trusted):
            found.add(place, problem)
        elif batch is None:
            found.add(place, "not a batch of audit records")
        if batch is None:
            continue
        found.unsealed += len(batch.records)
        unsealed.after[stored.key] = batch.after
        names = (moment_text(batch.at), batch.actor)
        unsealed.first.setdefault(names, []).append((stored.key, batch.records[0]))
        for one in batch.records:
            if one.subject_key is not None:
                state = None if one.state_hash is None else bytes.fromhex(one.state_hash)
                unsealed.newest[one.subject][one.subject_key] = NewestRecord(stored.key, state)
    return unsealed
