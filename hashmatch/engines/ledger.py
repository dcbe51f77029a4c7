"""Ledger of one back-fill: which parts are taken, and what is on record of them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence

from hashmatch.hashers import ALGORITHMS
from hashmatch.outcome import Outcome, Unscreened, outcome_name
from hashmatch.store.backfills import (
    BackfillState,
    LeasedShard,
    end_backfill,
    has_open_shards,
    open_backfill,
    read_backfill,
    record_results,
    release_shard,
    remove_leftovers,
    take_shard,
)
from hashmatch.store.engine import Database, overwrite_deleted
from hashmatch.store.lists import new_lease_holder, read_lists
from hashmatch.store.schema import utc_now

from .patience import patiently, write_patiently
from .sources import Item, Source

_DIGEST_BYTES = 16


class Ledger:
    """Ledger of the back-fill of some sources, under some options.

    Where one was begun and has not ended, it is gone on with. The store is waited for when it is
    busy or away. `digest_key` is not in the store, so that nobody can guess content ids by it.
    """

    def __init__(
        self,
        database: Database,
        sources: Sequence[Source],
        options: str,
        digest_key: bytes,
        key: int | None = None,
    ) -> None:
        """Begin a back-fill, or go on with it; with a `key`, go on with that one alone."""
        self._database = database
        self._digest_key = digest_key
        self._holder = new_lease_holder()
        if key is None:
            self.key, self.is_new = write_patiently(self._beginning(sources, options))
        else:
            self.key, self.is_new = key, False

    def state(self) -> BackfillState:
        """Return what is planned and on record. Raises `StoreError`."""
        return patiently(self._read_state)

    def take(self) -> tuple[LeasedShard, str] | None:
        """Return a shard to be worked on, with the state of the lists. Raises `StoreError`."""
        return write_patiently(self._take)

    def record(
        self,
        shard: LeasedShard,
        lists: str,
        screened: Sequence[tuple[Item, Outcome]],
        position: str,
        *,
        is_done: bool,
        is_counted: bool,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Record what became of images of a shard, up to a position, each once.

        With `is_counted`, they were when the shard was planned. `before` is done in the
        transaction, and only where the shard is still ours. Raises `ShardLostError` where
        another process has taken the shard, and `StoreError`.
        """
        results = {
            self._digest(shard.source, item, lists): result_of(outcome)
            for item, outcome in screened
        }

        def write() -> None:
            with self._database.writing() as session:
                record_results(
                    session,
                    shard,
                    results,
                    position,
                    utc_now().date(),
                    screened=len(screened),
                    is_done=is_done,
                    found=0 if is_counted else len(screened),
                )
                before()

        write_patiently(write)

    def release(self, shard: LeasedShard) -> None:
        """Let others work on a shard. Raises `StoreError`."""
        with self._database.writing() as session:
            release_shard(session, shard)

    def has_open_shards(self) -> bool:
        """Say whether anything of what is planned is not on record. Raises `StoreError`."""

        def ask() -> bool:
            with self._database.reading() as session:
                return has_open_shards(session, self.key)

        return patiently(ask)

    def end(self, *, is_whole: bool = True) -> None:
        """Record that the back-fill has ended, and remove what is kept until then.

        Raises `StoreError`.
        """

        def write() -> None:
            with self._database.writing() as session:
                end_backfill(session, self.key, is_whole=is_whole)

        write_patiently(write)
        turns, rows = self._database.turns(), 1
        while rows:
            with turns.next() as session:
                overwrite_deleted(session)
                rows = remove_leftovers(session, limit=turns.rows)
        self._database.forget_deleted()

    def _beginning(self, sources: Sequence[Source], options: str) -> Callable[[], tuple[int, bool]]:
        """Return what opens the back-fill of some sources, which are asked for their versions."""
        names = [one.name for one in sources]
        # Of a manifest or archive that was exchanged, positions would mean other images.
        facts = json.dumps([names, [one.version for one in sources], options])
        fingerprint = hashlib.sha256(facts.encode()).hexdigest()

        def begin() -> tuple[int, bool]:
            with self._database.writing() as session:
                return open_backfill(session, fingerprint, names)

        return begin

    def _read_state(self) -> BackfillState:
        with self._database.reading() as session:
            return read_backfill(session, self.key)

    def _take(self) -> tuple[LeasedShard, str] | None:
        with self._database.writing() as session:
            shard = take_shard(session, self.key, self._holder)
            if shard is None:
                return None
            lists = [[one.name, one.generation] for one in read_lists(session)]
        hashers = sorted([one.name, one.version] for one in ALGORITHMS.values())
        return shard, json.dumps([sorted(lists), hashers])

    def _digest(self, source: int, item: Item, lists: str) -> bytes:
        # Two images may have one content id; each has a place of its own.
        place = [source, item.position]
        facts = json.dumps([item.content_id, item.reference, item.version, place, lists])
        digest = hmac.digest(self._digest_key, facts.encode(), "sha256")
        return digest[:_DIGEST_BYTES]


def result_of(outcome: Outcome) -> tuple[str, str]:
    """Return an outcome as it is counted, with the reason where it is unscreened."""
    reason = outcome.reason.value if isinstance(outcome, Unscreened) else ""
    return outcome_name(outcome), reason
