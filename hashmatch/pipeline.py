"""The one flow: bytes or hashes in, a recorded verdict out. The file to read first.

    bytes ─► intake ─► index ─► policy ─► store ─► clear | matched | unscreened

It fails closed. *Clear* is said only after every enabled check ran against current lists; a match
is told only after its record is committed; whatever else happens is *unscreened* with a reason.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from hashmatch.errors import (
    IndexFolderError,
    IndexStaleError,
    InputError,
    LicenceExpiredError,
    NoActiveListError,
    StoreError,
)
from hashmatch.hashes import Hash, View
from hashmatch.imaging import Intake, Reading, path_as_text, read_file
from hashmatch.index import LiveIndex, Snapshot
from hashmatch.matching import (
    WHOLE_FILE,
    Finding,
    allowable_hashes,
    find_failure,
    find_list_failure,
    find_matches,
    judge,
)
from hashmatch.outcome import (
    Action,
    Clear,
    Failure,
    Match,
    Matched,
    Outcome,
    Reason,
    Suppressed,
    Unscreened,
    outcome_name,
    strongest,
)
from hashmatch.policy import Policy
from hashmatch.store import (
    Allowance,
    ContentFacts,
    Database,
    EntryFacts,
    ListState,
    NewMatch,
    NewSuppression,
    Tally,
    read_allowances,
    read_entry_facts,
    record_matches,
    record_suppressions,
    utc_now,
)

# Always computed: it tells two contents under one content id apart, and allow lists name it.
_CONTENT_HASH = WHOLE_FILE

# How often an image is screened anew because a list changed meanwhile.
_ATTEMPTS = 5

_NOTHING_READ = Reading(media=None, hashes=())


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is being screened, and since when."""

    content_id: str
    reference: str
    started_s: float

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started_s) * 1000


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What was committed of one image: its matches, what to do about each, and what is not told."""

    matches: tuple[Match, ...]
    actions: tuple[Action, ...]
    suppressed: tuple[Suppressed, ...]


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
        """Raise `NoActiveListError` or `LicenceExpiredError` where nothing could match at all."""
        snapshot, today = self._index.snapshot(), self._clock().date()
        failure = find_list_failure(snapshot, today)
        if failure is None or any(one.is_usable(today) for one in snapshot.lists):
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
        return self._screen(
            subject,
            lambda snapshot: _read_file(self._intake, data, snapshot.indexes.keys()),
        )

    def scan_file(self, path: Path, *, content_id: str = "") -> Outcome:
        """Screen one file; its absolute path is its reference, and its content id by default."""
        reference = path_as_text(path.absolute())
        data = read_file(path, self._max_bytes)
        if isinstance(data, Failure):
            return self.refuse(data, content_id=content_id or reference, reference=reference)
        return self.scan(data, content_id=content_id or reference, reference=reference)

    def lookup(self, hashes: Sequence[Hash], *, content_id: str, reference: str = "") -> Outcome:
        """Screen hashes of one image that were computed elsewhere.

        Clear then means: clear as far as these hashes can tell. Hashes of an algorithm that no
        list holds tell nothing, and without any other the outcome is unscreened.
        """
        return self._screen(
            _begin(content_id, reference), lambda snapshot: _read_hashes(snapshot, tuple(hashes))
        )

    def refuse(self, failure: Failure, *, content_id: str, reference: str = "") -> Outcome:
        """Count and report an image that could not even be read as unscreened."""
        subject = _begin(content_id, reference)
        return self._concluded(subject, self._unscreened(subject, failure, _NOTHING_READ))

    def close(self) -> None:
        """Write the last counts and give everything back. Raises `StoreError`."""
        try:
            self._tally.flush()
        finally:
            self._intake.close()
            self._index.close()
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

    def _screen(self, subject: _Subject, read: Callable[[Snapshot], Reading]) -> Outcome:
        """Screen against the lists as they stand, again where they changed under the scan."""
        try:
            for attempt in range(_ATTEMPTS):
                snapshot = self._index.renewed() if attempt else self._index.snapshot()
                outcome = self._attempt(subject, snapshot, read(snapshot))
                if outcome is not None:
                    return outcome
        except StoreError as error:
            return self._store_failed(subject, error)
        except (IndexStaleError, IndexFolderError) as error:
            failure = Failure(Reason.INDEX_STALE, error.message)
            return self._concluded(subject, self._unscreened(subject, failure, _NOTHING_READ))
        failure = Failure(
            Reason.INDEX_STALE, "the lists changed faster than the image was screened"
        )
        return self._concluded(subject, self._unscreened(subject, failure, _NOTHING_READ))

    def _attempt(self, subject: _Subject, snapshot: Snapshot, reading: Reading) -> Outcome | None:
        """Look up, judge, record and conclude; None where an entry went away meanwhile.

        It may have gone for good or come back as another, which only newer lists can tell.
        """
        today = self._clock().date()
        findings = find_matches(snapshot, self._policy, reading.hashes, today)
        failure = reading.failure or find_failure(snapshot, self._policy, reading.hashes, today)
        suppressed: tuple[Suppressed, ...] = ()
        if findings:
            recorded = self._record(subject, snapshot, reading, findings, today)
            if recorded is None:
                return None
            suppressed = recorded.suppressed
            if recorded.matches:
                return Matched(
                    content_id=subject.content_id,
                    action=strongest(recorded.actions),
                    matches=recorded.matches,
                    media=reading.media,
                    hashes=reading.hashes,
                    elapsed_ms=subject.elapsed_ms(),
                    reason=None if failure is None else failure.reason,
                    suppressed=suppressed,
                )
        if failure is not None:
            outcome = self._unscreened(subject, failure, reading)
            return self._concluded(subject, replace(outcome, suppressed=suppressed))
        elapsed_ms = subject.elapsed_ms()
        clear = Clear(subject.content_id, reading.media, reading.hashes, elapsed_ms, suppressed)
        return self._concluded(subject, clear)

    def _record(
        self,
        subject: _Subject,
        snapshot: Snapshot,
        reading: Reading,
        findings: Sequence[Finding],
        today: date,
    ) -> _Recorded | None:
        """Commit what was found and return it; None where any of the entries is gone."""
        lists = {one.key: one for one in snapshot.lists}
        names = {key: one.name for key, one in lists.items()}
        content = _content_facts(subject, reading)
        with self._database.writing() as session:
            allowances = read_allowances(session, allowable_hashes(reading.hashes, findings), today)
            judged = judge(findings, allowances, names, today)
            facts = read_entry_facts(session, [*judged.told, *judged.suppressed])
            if len(facts) < len(judged.told) + len(judged.suppressed):
                return None
            new = [
                self._new_match(lists[facts[key].list_key], facts[key], finding)
                for key, finding in judged.told.items()
            ]
            new.sort(key=lambda one: (one.distance_bits, one.entry_key))
            held = [
                _new_suppression(lists[facts[key].list_key], facts[key], *one)
                for key, one in judged.suppressed.items()
            ]
            told = record_matches(session, content, new) if new else []
            suppressed = record_suppressions(session, content, held) if held else []
        return _Recorded(tuple(told), tuple(one.action for one in new), tuple(suppressed))

    def _new_match(self, owner: ListState, entry: EntryFacts, finding: Finding) -> NewMatch:
        return NewMatch(
            list_key=owner.key,
            list_name=owner.name,
            licensor=owner.licensor,
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

    def _concluded(self, subject: _Subject, outcome: Clear | Unscreened) -> Outcome:
        """Count an image that did not match; only then may its outcome be told."""
        try:
            self._tally.flush_if_due()
        except StoreError as error:
            return self._store_failed(subject, error)
        self._count(outcome)
        return outcome

    def _store_failed(self, subject: _Subject, error: StoreError) -> Outcome:
        failure = Failure(Reason.STORE_UNAVAILABLE, error.message)
        outcome = self._unscreened(subject, failure, _NOTHING_READ)
        self._count(outcome)
        return outcome

    def _count(self, outcome: Clear | Unscreened) -> None:
        reason = outcome.reason.value if isinstance(outcome, Unscreened) else ""
        self._tally.add(self._clock().date(), outcome_name(outcome), reason)


def _read_file(intake: Intake, data: bytes, algorithms: Set[str]) -> Reading:
    """Read a file; a reading that lacks a hash of any algorithm is a failed one."""
    wanted = algorithms | {_CONTENT_HASH}
    reading = intake.read(data, wanted)
    missing = wanted - {one.algorithm.name for one in reading.hashes if one.view is View.WHOLE}
    if reading.failure is None and missing:
        detail = f"the intake gave no hash of {', '.join(sorted(missing))}"
        return replace(reading, failure=Failure(Reason.DECODER_CRASHED, detail))
    return reading


def _read_hashes(snapshot: Snapshot, hashes: tuple[Hash, ...]) -> Reading:
    """Return hashes from elsewhere as a reading, a failed one where no list holds their kind."""
    if any(one.algorithm.name in snapshot.indexes for one in hashes):
        return Reading(None, hashes)
    names = ", ".join(sorted({one.algorithm.name for one in hashes})) or "no hash"
    detail = f"no list holds hashes of this kind: {names}"
    return Reading(None, hashes, Failure(Reason.NO_ACTIVE_LIST, detail))


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


def _new_suppression(
    owner: ListState, entry: EntryFacts, finding: Finding, allowance: Allowance
) -> NewSuppression:
    return NewSuppression(
        list_key=owner.key,
        list_name=owner.name,
        generation=owner.generation,
        entry_key=entry.key,
        entry_id=entry.entry_id,
        algorithm=finding.found.algorithm.name,
        distance_bits=finding.neighbour.distance_bits,
        allowance=allowance,
    )


def _content_facts(subject: _Subject, reading: Reading) -> ContentFacts:
    return ContentFacts(
        content_id=subject.content_id,
        reference=subject.reference,
        fingerprint=_fingerprint(reading.hashes),
        media=reading.media,
        hashes=reading.hashes,
    )


def _fingerprint(hashes: Sequence[Hash]) -> bytes:
    """Return the SHA-256 of the content, or where that was not given, one of its hashes."""
    for one in hashes:
        if one.algorithm.name == _CONTENT_HASH:
            return one.value
    parts = sorted(one.algorithm.name.encode() + b":" + one.value for one in hashes)
    return hashlib.sha256(b"".join(parts)).digest()
