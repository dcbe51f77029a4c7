"""The one flow: bytes or hashes in, a recorded verdict out. The file to read first.

    bytes ─► intake ─► index ─► policy ─► store ─► clear | matched | unscreened

It fails closed. *Clear* is said only after every enabled check ran against current lists; a match
is told only after its record is committed; whatever else happens is *unscreened* with a reason.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from hashmatch.errors import InputError, LicenceExpiredError, NoActiveListError, StoreError
from hashmatch.hashes import Hash, is_match
from hashmatch.imaging import Failure, Intake, Reading, read_file
from hashmatch.index import LiveIndex, Neighbour, Snapshot
from hashmatch.outcome import (
    Action,
    Clear,
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


@dataclass(frozen=True, slots=True)
class _Finding:
    """An entry near a hash of the subject, before the policy has spoken."""

    found: Hash
    neighbour: Neighbour


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
        snapshot = self._index.snapshot()
        problem = self._list_problem(snapshot)
        if problem is None:
            return
        if problem.reason is Reason.LICENCE_EXPIRED:
            raise LicenceExpiredError(
                problem.detail,
                hint="Set a new end with 'hashmatch lists licence NAME --end DATE', or take the"
                " list out with 'hashmatch lists remove NAME'.",
            )
        raise NoActiveListError(
            problem.detail, hint="Import one: hashmatch lists import NAME FILE.csv"
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
        findings = list(self._findings(snapshot, reading.hashes))
        failure = self._failure(snapshot, reading)
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

    def _findings(self, snapshot: Snapshot, hashes: Sequence[Hash]) -> Iterator[_Finding]:
        """Yield every entry near enough to match, those of ended licences left out."""
        usable = _usable_lists(snapshot, self._clock())
        names = [one.name for one in usable.values()]
        for one in hashes:
            if self._policy.is_too_plain(one):
                continue
            reach = self._policy.widest_threshold_bits(names, one.algorithm)
            for neighbour in snapshot.search(one.algorithm.name, one.value, reach):
                if neighbour.list_key not in usable:
                    continue
                own = self._policy.threshold_bits(usable[neighbour.list_key].name, one.algorithm)
                if is_match(neighbour.distance_bits, own):
                    yield _Finding(one, neighbour)

    def _failure(self, snapshot: Snapshot, reading: Reading) -> Failure | None:
        """Return why this image could not be called clear, None when every check ran."""
        plain = [one.algorithm.name for one in reading.hashes if self._is_gated(snapshot, one)]
        if reading.failure is not None:
            return reading.failure
        if plain and not self._policy.low_quality_is_clear:
            detail = f"the picture shows too little for {plain[0]} to compare"
            return Failure(Reason.LOW_QUALITY, detail)
        return self._list_problem(snapshot)

    def _is_gated(self, snapshot: Snapshot, one: Hash) -> bool:
        return one.algorithm.name in snapshot.indexes and self._policy.is_too_plain(one)

    def _list_problem(self, snapshot: Snapshot) -> Failure | None:
        if not snapshot.has_entries():
            return Failure(Reason.NO_ACTIVE_LIST, "no list has any entry to match against")
        if ended := snapshot.ended_licences(self._clock().date()):
            names = ", ".join(f"{one.name} ({one.licence_end})" for one in ended)
            return Failure(Reason.LICENCE_EXPIRED, f"the licence has ended of list {names}")
        return None

    def _record(
        self,
        subject: _Subject,
        snapshot: Snapshot,
        reading: Reading,
        findings: Sequence[_Finding],
    ) -> list[tuple[Match, Action]]:
        """Commit the matches and return them; entries withdrawn a moment ago are left out."""
        nearest = _nearest_by_entry(findings)
        lists = {one.key: one for one in snapshot.lists}
        with self._database.writing() as session:
            facts = read_entry_facts(session, list(nearest))
            new = [
                self._new_match(lists[one.list_key], one, nearest[key])
                for key, one in facts.items()
            ]
            if not new:
                return []
            new.sort(key=lambda one: (one.distance_bits, one.entry_key))
            told = record_matches(session, _content_facts(subject, reading), new)
        return [(match, one.action) for match, one in zip(told, new, strict=True)]

    def _new_match(self, owner: ListState, entry: EntryFacts, finding: _Finding) -> NewMatch:
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


def _usable_lists(snapshot: Snapshot, now: datetime) -> dict[int, ListState]:
    return {one.key: one for one in snapshot.lists if not one.licence_has_ended(now.date())}


def _nearest_by_entry(findings: Sequence[_Finding]) -> dict[int, _Finding]:
    """Keep the nearest hash for each entry; of equally near ones the first."""
    nearest: dict[int, _Finding] = {}
    for finding in findings:
        key = finding.neighbour.entry_key
        if (
            key not in nearest
            or finding.neighbour.distance_bits < nearest[key].neighbour.distance_bits
        ):
            nearest[key] = finding
    return nearest


def _content_facts(subject: _Subject, reading: Reading) -> ContentFacts:
    sha256 = next((one.value for one in reading.hashes if one.algorithm.name == _CONTENT_HASH), b"")
    return ContentFacts(
        content_id=subject.content_id,
        reference=subject.reference,
        sha256=sha256,
        media=reading.media,
        hashes=reading.hashes,
    )
