"""The one flow: bytes or hashes in, a recorded verdict out. The file to read first.

    bytes ─► intake ─► index ─► policy ─► store ─► clear | matched | unscreened

It fails closed. *Clear* is said only after every enabled check ran against current lists; a match
is told only after its record is committed; whatever else happens is *unscreened* with a reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from hashmatch.errors import (
    IndexFolderError,
    IndexStaleError,
    LicenceExpiredError,
    NoActiveListError,
    StoreError,
)
from hashmatch.hashes import Hash, View
from hashmatch.imaging import Intake, Reading, path_as_text, read_file
from hashmatch.index import LiveIndex, Snapshot
from hashmatch.matching import (
    WHOLE_FILE,
    find_failure,
    find_list_failure,
    find_matches,
    find_matches_of_each,
    find_plainness,
)
from hashmatch.outcome import (
    Clear,
    Failure,
    Matched,
    Outcome,
    Reason,
    Unscreened,
    outcome_name,
    strongest,
)
from hashmatch.policy import Policy
from hashmatch.recording import (
    Announce,
    EntryGoneError,
    Found,
    Recorded,
    Recorder,
    announce_nothing,
)
from hashmatch.store.engine import Database
from hashmatch.store.matches import Tally
from hashmatch.store.schema import utc_now
from hashmatch.subjects import Query, Subject, begin, content_facts

# Always computed: it tells two contents under one content id apart, and allow lists name it.
_CONTENT_HASH = WHOLE_FILE

# How often an image is screened anew because a list changed meanwhile.
_ATTEMPTS = 5

_NOTHING_READ = Reading(media=None, hashes=())
_NOTHING_RECORDED = Recorded((), (), ())

# Is told how many seconds a stage of the flow took: "read", "look_up" or "record".
Observe: TypeAlias = Callable[[str, float], None]


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
        announce: Announce = announce_nothing,
        observe: Observe = lambda _stage, _seconds: None,
    ) -> None:
        self._database = database
        self._index = index
        self._intake = intake
        self._policy = policy
        self._max_bytes = max_bytes
        self._clock = clock
        self._recorder = Recorder(database, policy, announce)
        self._observe = observe
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
        subject = begin(content_id, reference)
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
        return self._look_up_alone(Query(tuple(hashes), content_id, reference))

    def lookup_many(self, queries: Sequence[Query]) -> list[Outcome]:
        """Return for each of the queries what `lookup` returns for it, in much less time."""
        subjects = [begin(one.content_id, one.reference) for one in queries]
        try:
            snapshot, today = self._index.snapshot(), self._clock().date()
        except (StoreError, IndexStaleError, IndexFolderError) as error:
            return [self._failed(subject, error) for subject in subjects]
        readings = [_read_hashes(snapshot, one.hashes) for one in queries]
        with self._timed("look_up"):
            hashes = [one.hashes for one in readings]
            found = find_matches_of_each(snapshot, self._policy, hashes, today)
        matched = [number for number, findings in enumerate(found) if findings]
        try:
            recorded = self._recorded(
                snapshot,
                [Found(content_facts(subjects[one], readings[one]), found[one]) for one in matched],
            )
        except EntryGoneError:  # Newer lists are asked.
            return [self._look_up_alone(one) for one in queries]
        except StoreError as error:
            return [self._failed(subject, error) for subject in subjects]
        of_number = dict(zip(matched, recorded, strict=True))
        of_lists = find_list_failure(snapshot, today)
        return [
            self._concluded(
                subject,
                reading,
                of_number.get(number, _NOTHING_RECORDED),
                reading.failure or find_failure(snapshot, self._policy, reading.hashes, of_lists),
            )
            for number, (subject, reading) in enumerate(zip(subjects, readings, strict=True))
        ]

    def _look_up_alone(self, query: Query) -> Outcome:
        return self._screen(
            begin(query.content_id, query.reference),
            lambda snapshot: _read_hashes(snapshot, query.hashes),
        )

    def hash_alone(self, data: bytes, algorithm: str) -> tuple[Hash, ...] | Unscreened:
        """Return an image's hashes of one algorithm, which are looked up nowhere.

        Where it cannot be hashed, or shows too little, why not.
        """
        subject = Subject("", "", time.perf_counter())
        reading = _read_file(self._intake, data, {algorithm})
        failure = reading.failure or find_plainness(self._policy, reading.hashes)
        if failure is not None:
            return self._unscreened(subject, failure, reading)
        return tuple(one for one in reading.hashes if one.algorithm.name == algorithm)

    def refuse(self, failure: Failure, *, content_id: str, reference: str = "") -> Outcome:
        """Count and report an image that could not even be read as unscreened."""
        subject = begin(content_id, reference)
        return self._told(subject, self._unscreened(subject, failure, _NOTHING_READ))

    def turn_away(self, failure: Failure, *, content_id: str) -> Outcome:
        """Count an image that there was no room for, without waiting for anything at all."""
        subject = Subject(content_id, "", time.perf_counter())
        outcome = self._unscreened(subject, failure, _NOTHING_READ)
        self._count(outcome)
        return outcome

    def find_hindrance(self) -> Failure | None:
        """Return why no image at all could be called clear at this moment; None where it could.

        Asks the store, too.
        """
        try:
            failure = find_list_failure(self._index.snapshot(), self._clock().date())
            self._database.require_reachable()
        except StoreError as error:
            return Failure(Reason.STORE_UNAVAILABLE, error.message)
        except (IndexStaleError, IndexFolderError) as error:
            return Failure(Reason.INDEX_STALE, error.message)
        return failure

    def index_age_s(self) -> float:
        """Return how long ago the index was known to follow the lists, in seconds."""
        return self._index.age_s()

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

    def _screen(self, subject: Subject, read: Callable[[Snapshot], Reading]) -> Outcome:
        """Screen against the lists as they stand, again where they changed under the scan."""
        try:
            for attempt in range(_ATTEMPTS):
                snapshot = self._index.renewed() if attempt else self._index.snapshot()
                with self._timed("read"):
                    reading = read(snapshot)
                today = self._clock().date()
                with self._timed("look_up"):
                    findings = find_matches(snapshot, self._policy, reading.hashes, today)
                failure = reading.failure or find_failure(
                    snapshot, self._policy, reading.hashes, find_list_failure(snapshot, today)
                )
                if not findings:
                    return self._concluded(subject, reading, _NOTHING_RECORDED, failure)
                found = Found(content_facts(subject, reading), findings)
                with suppress(EntryGoneError):
                    (recorded,) = self._recorded(snapshot, [found])
                    return self._concluded(subject, reading, recorded, failure)
        except (StoreError, IndexStaleError, IndexFolderError) as error:
            return self._failed(subject, error)
        failure = Failure(
            Reason.INDEX_STALE, "the lists changed faster than the image was screened"
        )
        return self._told(subject, self._unscreened(subject, failure, _NOTHING_READ))

    def _recorded(self, snapshot: Snapshot, found: Sequence[Found]) -> list[Recorded]:
        """Record what was found, if anything was; see `Recorder.record`."""
        if not found:
            return []
        with self._timed("record"):
            return self._recorder.record(snapshot, found, self._clock().date())

    def _concluded(
        self, subject: Subject, reading: Reading, recorded: Recorded, failure: Failure | None
    ) -> Outcome:
        """Conclude from what was read, what is on record of it, and why it cannot be clear."""
        if recorded.matches:
            return Matched(
                content_id=subject.content_id,
                action=strongest(recorded.actions),
                matches=recorded.matches,
                media=reading.media,
                hashes=reading.hashes,
                elapsed_ms=subject.elapsed_ms(),
                reason=None if failure is None else failure.reason,
                suppressed=recorded.suppressed,
            )
        suppressed = recorded.suppressed
        if failure is not None:
            outcome = self._unscreened(subject, failure, reading)
            return self._told(subject, replace(outcome, suppressed=suppressed))
        elapsed_ms = subject.elapsed_ms()
        clear = Clear(subject.content_id, reading.media, reading.hashes, elapsed_ms, suppressed)
        return self._told(subject, clear)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        begun_s = time.perf_counter()
        yield
        self._observe(stage, time.perf_counter() - begun_s)

    def _unscreened(self, subject: Subject, failure: Failure, reading: Reading) -> Unscreened:
        return Unscreened(
            content_id=subject.content_id,
            action=self._policy.unscreened_action,
            reason=failure.reason,
            detail=failure.detail,
            media=reading.media,
            hashes=reading.hashes,
            elapsed_ms=subject.elapsed_ms(),
        )

    def _told(self, subject: Subject, outcome: Clear | Unscreened) -> Outcome:
        """Count an image that did not match; only then may its outcome be told."""
        try:
            self._tally.flush_if_due()
        except StoreError as error:
            return self._failed(subject, error)
        self._count(outcome)
        return outcome

    def _failed(
        self, subject: Subject, error: StoreError | IndexStaleError | IndexFolderError
    ) -> Outcome:
        """Conclude without a verdict, since the store or the index failed us."""
        if not isinstance(error, StoreError):
            failure = Failure(Reason.INDEX_STALE, error.message)
            return self._told(subject, self._unscreened(subject, failure, _NOTHING_READ))
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
