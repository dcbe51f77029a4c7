"""The one flow: bytes or hashes in, a recorded verdict out. The file to read first.

    bytes ─► intake ─► index ─► policy ─► store ─► clear | matched | unscreened

It fails closed. *Clear* is said only after every enabled check ran against current lists; a match
is told only after its record is committed; whatever else happens is *unscreened* with a reason.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from hashmatch.errors import InputError, LicenceExpiredError, NoActiveListError, StoreError
from hashmatch.hashes import Hash
from hashmatch.imaging import Intake, Reading, read_file
from hashmatch.index import LiveIndex, Snapshot
from hashmatch.matching import (
    Finding,
    find_failure,
    find_list_failure,
    find_matches,
)
from hashmatch.outcome import (
    Action,
    Clear,
    Failure,
    Match,
    Matched,
    Outcome,
    Reason,
    Unscreened,
    outcome_name,
    strongest,
)
from hashmatch.policy import Policy
from hashmatch.store import (
    ContentFacts,
    Database,
    EntryFacts,
    ListState,
    NewMatch,
    Tally,
    read_entry_facts,
    record_matches,
    utc_now,
)

# Always computed: it tells two contents under one content id apart.
_CONTENT_HASH = "sha256"


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is being screened, and since when."""

    content_id: str
    reference: str
    started_s: float

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started_s) * 1000


class Scanner:
    """Screens images and hashes against all lists in the store; see `hashmatch.open_scanner`.

    Safe to use from many threads. Close it, or use it in a `with` statement, so that the last
    counts are written.
    """

    def __init__(
        self,
        *,
        database: Database,
        index: LiveIndex,
        intake: Intake,
        policy: Policy,
        max_bytes: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._index = index
        self._intake = intake
        self._policy = policy
        self._max_bytes = max_bytes
        self._clock = clock
        self._tally = Tally(database)

    def require_lists(self) -> None:
        """Raise `NoActiveListError` or `LicenceExpiredError` where nothing could be clear."""
        failure = find_list_failure(self._index.snapshot(), self._clock().date())
        if failure is None:
            return
        if failure.reason is Reason.LICENCE_EXPIRED:
            raise LicenceExpiredError(
                failure.detail,
                hint="Set a new end with 'hashmatch lists licence NAME --end DATE', or take the"
                " list out with 'hashmatch lists remove NAME'.",
            )
        raise NoActiveListError(
            failure.detail, hint="Import one: hashmatch lists import NAME FILE.csv"
        )

    def scan(self, data: bytes, *, content_id: str, reference: str = "") -> Outcome:
        """Screen one image held in memory.

        `content_id` is the platform's own name for it and must not be empty; `reference` may say
        where the platform keeps it. Both are kept only with a match. Raises `InputError` for an
        empty content id and nothing else.
        """
        subject = _begin(content_id, reference)
        try:
            snapshot = self._index.snapshot()
            wanted = snapshot.indexes.keys() | {_CONTENT_HASH}
            return self._screen(subject, snapshot, self._intake.read(data, wanted))
        except StoreError as error:
            return self._store_failed(subject, error)

    def scan_file(self, path: Path, *, content_id: str = "") -> Outcome:
        """Screen one file; its absolute path is its reference, and its content id by default."""
        # Names of files need not be Unicode; what is not is escaped.
        reference = os.fsencode(path.absolute()).decode(errors="backslashreplace")
        data = read_file(path, self._max_bytes)
        if isinstance(data, Failure):
            return self.refuse(data, content_id=content_id or reference, reference=reference)
        return self.scan(data, content_id=content_id or reference, reference=reference)

    def lookup(self, hashes: Sequence[Hash], *, content_id: str, reference: str = "") -> Outcome:
        """Screen hashes of one image that were computed elsewhere.

        Clear then means: clear as far as these hashes can tell. Hashes of an algorithm that no
        list holds tell nothing, and without any other the outcome is unscreened.
        """
        subject = _begin(content_id, reference)
        try:
            snapshot = self._index.snapshot()
            reading = Reading(media=None, hashes=tuple(hashes))
            if not any(one.algorithm.name in snapshot.indexes for one in hashes):
                names = ", ".join(sorted({one.algorithm.name for one in hashes})) or "no hash"
                detail = f"no list holds hashes of this kind: {names}"
                reading = Reading(None, tuple(hashes), Failure(Reason.NO_ACTIVE_LIST, detail))
            return self._screen(subject, snapshot, reading)
        except StoreError as error:
            return self._store_failed(subject, error)

    def refuse(self, failure: Failure, *, content_id: str, reference: str = "") -> Outcome:
        """Count and report an image that could not even be read as unscreened."""
        subject = _begin(content_id, reference)
        try:
            return self._concluded(self._unscreened(subject, failure, Reading(None, ())))
        except StoreError as error:
            return self._store_failed(subject, error)

    def close(self) -> None:
        """Write the last counts and give everything back. Raises `StoreError`."""
        try:
            self._tally.flush()
        finally:
            self._intake.close()
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _screen(self, subject: _Subject, snapshot: Snapshot, reading: Reading) -> Outcome:
        """The flow behind the intake: look up, judge, record, conclude."""
        today = self._clock().date()
        findings = find_matches(snapshot, self._policy, reading.hashes, today)
        failure = reading.failure or find_failure(snapshot, self._policy, reading.hashes, today)
        matches = self._record(subject, snapshot, reading, findings) if findings else []
        if matches:
            return Matched(
                content_id=subject.content_id,
                action=strongest(action for _, action in matches),
                matches=tuple(match for match, _ in matches),
                media=reading.media,
                hashes=reading.hashes,
                elapsed_ms=subject.elapsed_ms(),
                reason=None if failure is None else failure.reason,
            )
        if failure is not None:
            return self._concluded(self._unscreened(subject, failure, reading))
        return self._concluded(
            Clear(subject.content_id, reading.media, reading.hashes, subject.elapsed_ms())
        )

    def _record(
        self,
        subject: _Subject,
        snapshot: Snapshot,
        reading: Reading,
        findings: Mapping[int, Finding],
    ) -> list[tuple[Match, Action]]:
        """Commit the matches and return them; entries withdrawn a moment ago are left out."""
        lists = {one.key: one for one in snapshot.lists}
        with self._database.writing() as session:
            facts = read_entry_facts(session, list(findings))
            new = [
                self._new_match(lists[one.list_key], one, findings[key])
                for key, one in facts.items()
            ]
            if not new:
                return []
            new.sort(key=lambda one: (one.distance_bits, one.entry_key))
            told = record_matches(session, _content_facts(subject, reading), new)
        return [(match, one.action) for match, one in zip(told, new, strict=True)]

    def _new_match(self, owner: ListState, entry: EntryFacts, finding: Finding) -> NewMatch:
        return NewMatch(
            list_key=owner.key,
            list_name=owner.name,
            generation=owner.generation,
            entry_key=entry.key,
            entry_id=entry.entry_id,
            category=entry.category,
            action=self._policy.action(owner.name, entry.category),
            found=finding.found,
            distance_bits=finding.neighbour.distance_bits,
            threshold_bits=self._policy.threshold_bits(owner.name, finding.found.algorithm),
        )

    def _unscreened(self, subject: _Subject, failure: Failure, reading: Reading) -> Unscreened:
        return Unscreened(
            content_id=subject.content_id,
            action=self._policy.unscreened_action,
            reason=failure.reason,
            detail=failure.detail,
            media=reading.media,
            hashes=reading.hashes,
            elapsed_ms=subject.elapsed_ms(),
        )

    def _concluded(self, outcome: Clear | Unscreened) -> Outcome:
        """Count an image that did not match; only then may its outcome be told."""
        reason = outcome.reason.value if isinstance(outcome, Unscreened) else ""
        self._tally.add(self._clock().date(), outcome_name(outcome), reason)
        return outcome

    def _store_failed(self, subject: _Subject, error: StoreError) -> Outcome:
        failure = Failure(Reason.STORE_UNAVAILABLE, error.message)
        return self._unscreened(subject, failure, Reading(None, ()))


def _begin(content_id: str, reference: str) -> _Subject:
    if not content_id or not _is_storable(content_id) or not _is_storable(reference):
        raise InputError(
            "the content id is empty, or it or the reference is not Unicode text",
            hint="Give the name under which the platform knows the image.",
        )
    return _Subject(content_id, reference, time.perf_counter())


def _is_storable(text: str) -> bool:
    # Python text may hold halves of characters, and zero bytes, which no database takes.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _content_facts(subject: _Subject, reading: Reading) -> ContentFacts:
    sha256 = next((one.value for one in reading.hashes if one.algorithm.name == _CONTENT_HASH), b"")
    return ContentFacts(
        content_id=subject.content_id,
        reference=subject.reference,
        sha256=sha256,
        media=reading.media,
        hashes=reading.hashes,
    )
