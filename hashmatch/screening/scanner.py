"""Scanner: the one flow, from bytes or hashes to a recorded verdict. The file to read first.

    bytes ─► intake ─► index ─► policy ─► store ─► clear | matched | unscreened

It fails closed. *Clear* means that every enabled check ran against current lists; a match is
returned only after its record is committed; everything else is *unscreened*, with a reason. A
single image is a batch of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import TypeAlias

from hashmatch.errors import LicenceExpiredError, NoActiveListError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash, Level
from hashmatch.imaging import Intake, Reading
from hashmatch.index import LiveIndex, Snapshot, load_loops
from hashmatch.match_listener import MatchListener
from hashmatch.outcome import (
    Failure,
    Matched,
    Outcome,
    Reason,
    Unscreened,
    outcome_name,
)
from hashmatch.policy import Policy
from hashmatch.retained import NO_KEEPER, Keeper
from hashmatch.store.engine import Database, retried
from hashmatch.store.matches import Tally
from hashmatch.store.schema import utc_now

from .coverage import Remembered, find_list_failure, has_usable_list, matched_algorithms
from .failures import failure_of
from .judging import EntryGoneError, Found, ids_of_hash
from .lookup_limit import LOOKUP_LIMIT, LookupLimit
from .matching import find_failure, find_matches, low_quality_failure
from .readings import is_no_image, no_list_of, plain_hashes, read_hashes, read_shown, read_upload
from .recording import NOTHING_RECORDED, Recorded, Recorder, exact_copies
from .request import (
    LookupHashes,
    Picture,
    Query,
    Request,
    content_facts,
    open_request,
    require_hashes,
)
from .scan_methods import ScanMethods, as_bytes
from .sufficing import suffices
from .verdicts import conclude, unscreened

# How often a batch is screened again because a list changed meanwhile.
_ATTEMPTS = 5

# Receives the name of a stage ("read", "look_up" or "record") and the seconds that it took.
Observe: TypeAlias = Callable[[str, float], None]


class Scanner(ScanMethods):
    """Screens images and hashes against all lists in the store; see `hashmatch.open_scanner`.

    Safe to use from many threads. Close it, so that the last counts are written.
    """

    def __init__(
        self,
        *,
        database: Database,
        index: LiveIndex,
        intake: Intake,
        policy: Policy,
        max_bytes: int,
        listeners: Callable[[], Sequence[MatchListener]] = tuple,
        clock: Callable[[], datetime] = utc_now,
        observe: Observe = lambda _stage, _seconds: None,
        is_counted: bool = True,
        keeper: Keeper = NO_KEEPER,
    ) -> None:
        """Take the parts. Without `is_counted`, the caller counts what does not match."""
        self._database = database
        self._index = index
        self._intake = intake
        self._policy = policy
        self._max_bytes = max_bytes
        self._clock = clock
        self._listeners = listeners
        self._recorder = Recorder(database, policy, listeners)
        self._lookup_limit = LookupLimit(database, policy, listeners)
        self._observe = observe
        self._tally = Tally(database)
        self._is_counted = is_counted
        self._keeper = keeper
        self._matched_algorithms = Remembered(lambda one, _: matched_algorithms(one, policy))
        self._list_failures = Remembered(lambda one, day: find_list_failure(one, policy, day))

    def require_lists(self) -> None:
        """Raise `NoActiveListError` or `LicenceExpiredError` where nothing could match at all."""
        snapshot, today = self._index.snapshot(), self._clock().date()
        failure = self._list_failures.of(snapshot, today)
        if failure is None or has_usable_list(snapshot, self._policy, today):
            return
        if failure.reason is Reason.LICENCE_EXPIRED:
            raise LicenceExpiredError(
                failure.detail,
                hint="Set a new end with 'hashmatch lists licence NAME --end DATE', or remove the"
                " list with 'hashmatch lists remove NAME'.",
            )
        hint = "Import one: hashmatch lists import NAME FILE.csv"
        if snapshot.has_entries():
            hint = "'hashmatch lists status' forecasts the false matches of such a list."
        raise NoActiveListError(failure.detail, hint=hint)

    def scan(
        self, data: bytes, *, content_id: str, reference: str = "", level: Level | None = None
    ) -> Outcome:
        """Screen one image held in memory.

        `content_id` is the platform's own name for it and must not be empty; `reference` may say
        where the platform stores it. Both are recorded only with a match. Without a `level` of
        search, that of the configuration is used. Raises `InputError` for an empty content id,
        `TypeError` for what is not bytes, and nothing else.
        """
        request, file = open_request(content_id, reference), as_bytes(data)

        def read(snapshot: Snapshot) -> list[Reading]:
            return [self._read(file, snapshot, level, content_id)]

        return self._screen([request], read)[0]

    def scan_video(self, data: bytes, *, content_id: str, reference: str = "") -> Outcome:
        """Screen a video by the hashes of its bytes; clear then means: clear by these alone.

        A file that turns out to be an image is screened as one. See `scan`.
        """
        request, file = open_request(content_id, reference), as_bytes(data)

        def read(snapshot: Snapshot) -> list[Reading]:
            reading = self._read(file, snapshot, content_id=content_id)
            if not is_no_image(reading):
                return [reading]
            return [read_hashes(self._matched(snapshot), reading.hashes)]

        return self._screen([request], read)[0]

    def lookup(
        self,
        hashes: Sequence[Hash],
        *,
        content_id: str,
        reference: str = "",
        near_limit: int | None = None,
    ) -> Outcome:
        """Screen hashes of one image that were computed elsewhere.

        Clear then means: clear by these hashes alone. Hashes of an algorithm that no list is
        matched by prove nothing, and without any other the outcome is unscreened. With a
        `near_limit`, so does one past so many different hashes of a day about one entry, exact
        copies apart: for callers who may not learn the hashes of a list.
        """
        query = Query(tuple(hashes), content_id, reference)
        return self.lookup_many([query], near_limit=near_limit)[0]

    def lookup_many(
        self, queries: Sequence[Query], *, near_limit: int | None = None
    ) -> list[Outcome]:
        """Return for each of the queries what `lookup` returns for it, in much less time."""
        requests = [open_request(one.content_id, one.reference) for one in queries]
        require_hashes(queries)

        def read(snapshot: Snapshot) -> list[Reading]:
            matched = self._matched(snapshot)
            return [read_hashes(matched, one.hashes) for one in queries]

        return self._screen(requests, read, near_limit)

    def scan_pictures(
        self, pictures: Sequence[Picture], *, level: Level | None = None
    ) -> list[Outcome]:
        """Screen pictures that are in memory, as a batch, with one look-up for all of them.

        They are hashed as they are, in this process. There is no file, so that lists of exact
        hashes cannot match; where no list has others, nothing is clear. See `scan`.
        """
        requests = [open_request(one.content_id, one.reference) for one in pictures]

        def read(snapshot: Snapshot) -> list[Reading]:
            with self._timed("read"):
                matched = self._matched(snapshot)
                shown = [one.picture for one in pictures]
                return read_shown(self._intake, shown, matched, level)

        return self._screen(requests, read)

    def hash_alone(self, data: bytes, algorithm: str) -> tuple[Hash, ...] | Unscreened:
        """Return an image's hashes of one algorithm without looking them up.

        An image that cannot be hashed, or is of too low quality, is unscreened.
        """
        request = Request("", "", time.perf_counter())
        try:
            reading = read_upload(self._intake, data, {algorithm}, Level.PLAIN)
        except Exception as error:  # noqa: BLE001 (unscreened, whatever it is)
            return unscreened(self._policy, request, failure_of(error))
        failure = reading.failure or low_quality_failure(self._policy, reading.hashes)
        if failure is not None:
            return unscreened(self._policy, request, failure, reading)
        return tuple(one for one in reading.hashes if one.algorithm.name == algorithm)

    def hash_for_lookup(
        self, data: bytes, algorithms: Set[str], *, is_video: bool = False
    ) -> LookupHashes | Unscreened:
        """Return one hash of each of the algorithms that a list is matched by, recording nothing.

        Unscreened where no list is matched by any of them, and for the reasons of a scan. A video
        is hashed by its bytes alone.
        """
        request = Request("", "", time.perf_counter())
        try:
            snapshot = self._index.snapshot()
            matched = self._matched(snapshot)
            reading = self._read(data, snapshot)
            failure = reading.failure or low_quality_failure(self._policy, reading.hashes)
            if failure is not None and not (is_video and is_no_image(reading)):
                return unscreened(self._policy, request, failure, reading)
            hashes = plain_hashes(reading.hashes, algorithms & matched)
            if not hashes:
                return unscreened(self._policy, request, no_list_of(algorithms), reading)
            looked_up = replace(reading, hashes=hashes)
            is_enough = suffices(
                self._recorder, self._policy, snapshot, request, (reading, looked_up), self._clock()
            )
            return LookupHashes(hashes, is_enough)
        except Exception as error:  # noqa: BLE001 (unscreened, whatever it is)
            return unscreened(self._policy, request, failure_of(error))

    def refuse(self, failure: Failure, *, content_id: str, reference: str = "") -> Outcome:
        """Count and return as unscreened an image that could not even be read."""
        request = open_request(content_id, reference)
        return self._counted(unscreened(self._policy, request, failure))

    def shed(self, failure: Failure, *, content_id: str) -> Outcome:
        """Count an image that was turned away for overload, without waiting for anything."""
        request = Request(content_id, "", time.perf_counter())
        return self._counted(unscreened(self._policy, request, failure))

    def warm_up(self, picture: bytes) -> Failure | None:
        """Load and run once what a scan needs, on a picture that nothing is recorded or counted of.

        Returns why it could not. Without it, the first scans take seconds longer.
        """
        try:
            self._listeners()  # Assembled again for the first match, but loaded by then.
            load_loops()
            if failure := self._intake.prepare(ALGORITHMS.keys()):
                return failure
            snapshot = self._index.snapshot()
            reading = read_upload(self._intake, picture, ALGORITHMS.keys())
            find_matches(snapshot, self._policy, [reading.hashes], self._clock().date())
        except Exception as error:  # noqa: BLE001 (not ready, whatever it is)
            return failure_of(error)
        return None

    def readiness_failure(self) -> Failure | None:
        """Return why no image could be clear at this moment; None when it could.

        Asks the store, too.
        """
        try:
            today = self._clock().date()
            failure = self._list_failures.of(self._index.snapshot(), today)
            self._database.require_reachable()
        except Exception as error:  # noqa: BLE001 (not ready, whatever it is)
            return failure_of(error)
        return failure

    def sharing_ids(self, entry_key: int) -> list[str]:
        """Return the ids of all enabled entries that share an entry's hash; see `ids_of_hash`."""
        return ids_of_hash(self._database, self._index.snapshot(), entry_key, self._clock())

    def index_age_s(self) -> float:
        """Return the seconds since the index was last known to be current."""
        return self._index.age_s()

    def follow_lists(self) -> None:
        """Match against the lists of this moment. Raises `StoreError` or an error of the index."""
        self._index.refresh()

    def close(self) -> None:
        """Write the last counts and release everything. Raises `StoreError`."""
        try:
            self._tally.close()
        finally:
            self._keeper.close()
            self._intake.close()
            self._index.close()
            self._database.close()

    def _matched(self, snapshot: Snapshot) -> frozenset[str]:
        return self._matched_algorithms.of(snapshot, date.min)  # The same on any day.

    def _read(
        self, data: bytes, snapshot: Snapshot, level: Level | None = None, content_id: str = ""
    ) -> Reading:
        """Read a file, and keep its hashes where that is asked for and it has a content id."""
        with self._timed("read"):
            algorithms = self._matched(snapshot) | self._keeper.algorithms
            reading = read_upload(self._intake, data, algorithms, level)
        if content_id:
            self._keeper.keep(content_id, reading.hashes)
        return reading

    def _screen(
        self,
        requests: Sequence[Request],
        read: Callable[[Snapshot], Sequence[Reading]],
        near_limit: int | None = None,
    ) -> list[Outcome]:
        """Screen a batch against the lists as they stand, again where they changed meanwhile."""
        try:
            for attempt in range(_ATTEMPTS):
                snapshot = self._index.refresh() if attempt else self._index.snapshot()
                with suppress(EntryGoneError):
                    return self._screen_against(snapshot, requests, read, near_limit)
        except Exception as error:  # noqa: BLE001 (unscreened, whatever it is, and never clear)
            failure = failure_of(error)
            return [self._failed(one, failure) for one in requests]
        failure = Failure(Reason.INDEX_STALE, "the lists changed faster than it was screened")
        return [self._counted(unscreened(self._policy, one, failure)) for one in requests]

    def _screen_against(
        self,
        snapshot: Snapshot,
        requests: Sequence[Request],
        read: Callable[[Snapshot], Sequence[Reading]],
        near_limit: int | None,
    ) -> list[Outcome]:
        readings = read(snapshot)
        now = self._clock()
        today = now.date()
        with self._timed("look_up"):
            hashes = [one.hashes for one in readings]
            findings = find_matches(snapshot, self._policy, hashes, today)
            exceeded = self._lookup_limit.exceeded(snapshot, hashes, findings, near_limit, now)
        found = {
            number: Found(content_facts(requests[number], readings[number]), some)
            for number, some in enumerate(findings)
            if some
        }
        recorded = dict(
            zip(found, self._recorded(snapshot, list(found.values()), now), strict=True)
        )
        list_failure = self._list_failures.of(snapshot, today)
        matched = self._matched(snapshot)
        outcomes = []
        for number, (request, reading) in enumerate(zip(requests, readings, strict=True)):
            failure = reading.failure or find_failure(
                matched, self._policy, reading.hashes, list_failure
            )
            own = recorded.get(number, NOTHING_RECORDED)
            if number in exceeded:
                own, failure = exact_copies(own), LOOKUP_LIMIT
            outcome = conclude(self._policy, request, reading, own, failure)
            outcomes.append(self._counted(outcome))
        return outcomes

    def _recorded(
        self, snapshot: Snapshot, found: Sequence[Found], now: datetime
    ) -> list[Recorded]:
        """Record the findings of a batch, if there are any; see `Recorder.record`."""
        if not found:
            return []
        with self._timed("record"):
            # What it finds on record may be removed by retention meanwhile.
            return retried(partial(self._recorder.record, snapshot, found, now))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        begun_s = time.perf_counter()
        yield
        self._observe(stage, time.perf_counter() - begun_s)

    def _failed(self, request: Request, failure: Failure) -> Outcome:
        """Return an image as unscreened because the store, the index or anything else failed."""
        return self._counted(unscreened(self._policy, request, failure))

    def _counted(self, outcome: Outcome) -> Outcome:
        """Count an image that did not match, in memory: no verdict waits for its count."""
        if self._is_counted and not isinstance(outcome, Matched):  # Its record is committed.
            reason = outcome.reason.value if isinstance(outcome, Unscreened) else ""
            self._tally.add(self._clock().date(), outcome_name(outcome), reason)
        return outcome
