"""Recording: findings judged and committed, before anybody may hear of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial

from sqlalchemy.orm import Session

from hashmatch.errors import (
    StoreConflictError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreUnreachableError,
)
from hashmatch.index import Snapshot
from hashmatch.match_listener import MatchListener, NewMatches, RecordedMatch
from hashmatch.outcome import Action, AllowedMatch, Match, Nearness, nearness
from hashmatch.policy import Policy
from hashmatch.store.engine import Database, retried
from hashmatch.store.lists import ListedHash
from hashmatch.store.matches import (
    ContentFacts,
    NewItem,
    NewMatch,
    RecordedItem,
    count_contents,
    note_flooding,
    read_for_review,
    record_items,
)

from .combining import Combiner
from .judging import EntryGoneError, Found, Judged, JudgedMatch, for_review, judge_all

# The findings that are recorded in one transaction, which then takes some hundredths of a second.
_FINDINGS_AT_ONCE = 500
# Beyond the time for which the store itself is waited for, twice: by those before, and then here.
_MORE_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """The committed matches of one image, and those that an allow list explains."""

    matches: tuple[RecordedMatch, ...]
    allowed: tuple[AllowedMatch, ...]


NOTHING_RECORDED = Recorded((), ())


@dataclass(frozen=True, slots=True)
class _Job:
    """The findings of the images of one request."""

    snapshot: Snapshot
    found: Sequence[Found]
    now: datetime


def exact_copies(recorded: Recorded) -> Recorded:
    """Return only those matches of an image that are exact copies."""
    return Recorded(
        tuple(one for one in recorded.matches if not one.match.distance_bits),
        tuple(one for one in recorded.allowed if not one.distance_bits),
    )


class Recorder:
    """Records matches under one policy. Safe to use from many threads.

    Requests of several threads that wait for the store are recorded in one transaction. The
    listeners are assembled when something first matches.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy,
        listeners: Callable[[], Sequence[MatchListener]] = tuple,
    ) -> None:
        self._database = database
        self._policy = policy
        self._assemble_listeners = listeners
        self._combiner = Combiner[_Job, list[Recorded]](
            self._record_jobs,
            lambda job: sum(map(_weight, job.found)),
            max_weight=_FINDINGS_AT_ONCE,
            patience_s=2 * database.busy_timeout_s + _MORE_PATIENCE_S,
        )

    @cached_property
    def _listeners(self) -> Sequence[MatchListener]:
        return self._assemble_listeners()

    def record(self, snapshot: Snapshot, found: Sequence[Found], now: datetime) -> list[Recorded]:
        """Commit the findings of several images and return them in the same order.

        Some hundreds are committed together, all of an image at once. Findings of entries that are
        disabled until later are left out. Raises `EntryGoneError` where any of the entries is no
        longer listed, and `StoreError`; then nothing of it is recorded, nor of those after it.
        """
        jobs = [_Job(snapshot, some, now) for some in _pieces(found)]
        return [one for job in jobs for one in self._combiner.do(job)]

    def matched_lists(
        self, snapshot: Snapshot, found: Sequence[Found], now: datetime
    ) -> list[dict[int, Nearness]]:
        """Return the keys of the lists that `record` would record matches of, for each image.

        A list is near where all its matches are. Raises as `record` does, and records nothing.
        """
        with self._database.reading() as session:
            (judged,) = judge_all(session, [(snapshot, found)], now)
        if isinstance(judged, EntryGoneError):
            raise judged
        return [_lists_of(one.matched) for one in judged]

    def _record_jobs(self, jobs: Sequence[_Job]) -> Sequence[list[Recorded] | Exception]:
        """Record the jobs together, or each by itself where one of them is the trouble."""
        try:
            return retried(partial(self._record_together, jobs))
        except Exception as error:  # noqa: BLE001 (raised where the job was asked for)
            if len(jobs) == 1 or _is_of_all(error):
                return [error] * len(jobs)
        return [self._record_jobs([job])[0] for job in jobs]

    def _record_together(self, jobs: Sequence[_Job]) -> list[list[Recorded] | Exception]:
        now = max(job.now for job in jobs)
        answers = list[list[Recorded] | Exception]()
        with self._database.writing() as session:
            asked = [(job.snapshot, job.found) for job in jobs]
            judged = judge_all(session, asked, now)
            review = read_for_review(session)
            images = [one for some in judged if not isinstance(some, Exception) for one in some]
            items = [self._item(one, review) for one in images]
            recorded = self._recorded(session, items, now.date(), review) if items else iter(())
            for one in judged:
                answers.append(one if isinstance(one, Exception) else [next(recorded) for _ in one])
        return answers

    def _recorded(
        self,
        session: Session,
        items: Sequence[NewItem],
        today: date,
        review: frozenset[ListedHash],
    ) -> Iterator[Recorded]:
        """Record the matches of images and return them, after everything that follows from them."""
        stored = record_items(session, items)
        matches = [
            [
                RecordedMatch(match, self._action_now(item.content, new, match, review))
                for new, (match, _) in zip(item.matches, one.matches, strict=True)
            ]
            for item, one in zip(items, stored, strict=True)
        ]
        new = _new_matches(items, stored, matches)
        if new:
            for listener in self._listeners:
                listener.on_new_matches(session, new)
        self._watch(session, _counted(items, stored), today)
        return iter(
            [
                Recorded(tuple(some), tuple(one.allowed))
                for some, one in zip(matches, stored, strict=True)
            ]
        )

    def _watch(self, session: Session, new: Sequence[NewMatch], today: date) -> None:
        """Count the new matches of each entry, and notify of those that flood.

        Near matches are not counted: nobody needs to take an entry out of matching for them.
        """
        limits = {one.list_key: self._policy.max_contents_per_entry(one.list_name) for one in new}
        counted = Counter(
            (one.entry_key, one.list_key)
            for one in new
            if limits[one.list_key] and one.nearness is Nearness.MATCH
        )
        if not counted:
            return
        owners = {key: (owner, number) for (key, owner), number in counted.items()}
        flooding = [
            key
            for key, (contents, is_noticed) in count_contents(session, owners, today).items()
            if contents > limits[owners[key][0]] and not is_noticed
        ]
        if flooding and (noted := note_flooding(session, flooding, today)):
            for listener in self._listeners:
                listener.on_flooding_entries(session, noted)

    def _action_now(
        self,
        content: ContentFacts,
        new: NewMatch,
        match: Match,
        review: frozenset[ListedHash],
    ) -> Action:
        """Return the action on a match that may be on record from a search that went further.

        The same content is not treated more mildly for being looked at less closely.
        """
        recorded = nearness(match.distance_bits, new.threshold_bits)
        if new.nearness is Nearness.MATCH or recorded is Nearness.NEAR:
            return new.action
        action = self._policy.action(
            new.list_name, new.category, Nearness.MATCH, content.provenance
        )
        listed = new.list_key, new.found.algorithm.name, new.listed
        return for_review(action, is_for_review=listed in review)

    def _item(self, judged: Judged, review: frozenset[ListedHash]) -> NewItem:
        """Return what is to be recorded of an image, its strongest matches first."""
        new = [
            one.as_new(self._policy, judged.content.provenance, is_for_review=one.listed in review)
            for one in judged.matched
        ]
        new.sort(key=lambda one: (one.nearness is Nearness.NEAR, one.distance_bits, one.entry_key))
        explained = [one.as_allowed(self._policy, allowance) for one, allowance in judged.allowed]
        return NewItem(judged.content, new, explained)


def _pieces(found: Sequence[Found]) -> Iterator[Sequence[Found]]:
    """Yield the images in pieces, so that no long request keeps the store from others."""
    piece, weight = list[Found](), 0
    for one in found:
        if piece and weight + _weight(one) > _FINDINGS_AT_ONCE:
            yield piece
            piece, weight = [], 0
        piece.append(one)
        weight += _weight(one)
    if piece:
        yield piece


def _weight(one: Found) -> int:
    return len(one.findings)


def _is_of_all(error: Exception) -> bool:
    """Say whether a failure is that of the store, which would meet each job by itself, too."""
    if isinstance(error, StoreConflictError):
        return False
    return isinstance(error, StoreLockedError | StoreUnreachableError | StoreReadOnlyError)


def _new_matches(
    items: Sequence[NewItem],
    stored: Sequence[RecordedItem],
    matches: Sequence[Sequence[RecordedMatch]],
) -> list[NewMatches]:
    """Return the new matches by content item, each once, whatever number of images had them."""
    contents, known = dict[int, ContentFacts](), set[int]()
    new = defaultdict[int, dict[str, RecordedMatch]](dict)
    for item, one, own in zip(items, stored, matches, strict=True):
        contents.setdefault(one.content_key, item.content)
        if one.is_known:
            known.add(one.content_key)
        for match, (_, is_new) in zip(own, one.matches, strict=True):
            if is_new:
                new[one.content_key].setdefault(match.match.match_id, match)
    return [
        NewMatches(contents[key], key, list(some.values()), is_known=key in known)
        for key, some in new.items()
    ]


def _counted(items: Sequence[NewItem], stored: Sequence[RecordedItem]) -> list[NewMatch]:
    """Return what was new of the matches, each once."""
    counted = dict[str, NewMatch]()
    for item, one in zip(items, stored, strict=True):
        for new, (match, is_new) in zip(item.matches, one.matches, strict=True):
            if is_new:
                counted.setdefault(match.match_id, new)
    return list(counted.values())


def _lists_of(matched: Sequence[JudgedMatch]) -> dict[int, Nearness]:
    lists: dict[int, Nearness] = {}
    for one in matched:
        if lists.get(one.owner.key) is not Nearness.MATCH:
            lists[one.owner.key] = one.finding.nearness
    return lists
