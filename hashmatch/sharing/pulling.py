"""Pulls: what a consumer reads of the lists that are shared with it, each on the audit chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.config import Settings
from hashmatch.errors import (
    ForbiddenError,
    InputError,
    NotFoundError,
    PullExpiredError,
    UnknownListError,
)
from hashmatch.store.engine import Database, audit
from hashmatch.store.schema import Consumer, HashList, utc_moment
from hashmatch.store.sharing import (
    ConsumerFacts,
    FeedbackCounts,
    SharedItem,
    Standing,
    Visibility,
    count_feedback,
    facts_of,
    find_consumer,
    find_position,
    find_shared_entry,
    find_shared_first,
    find_time,
    read_shared,
    read_standing,
    save_feedback,
)

from .publishing import require_shareable

# A window begins so much earlier than asked for: hosts' clocks differ.
_OVERLAP, _LAG = timedelta(seconds=60), timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class SharedList:
    """A list as one consumer may see it."""

    key: int
    name: str
    tlp: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Pull:
    """Range of positions: those after `after` and up to `until`.

    `since` is where the consumer's last pull ended. Withdrawals are given unless it is 0, those of
    entries that came after it included: a consumer may have read them and failed to note that.
    """

    since: int
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Under what a consumer pulled before: its revision, and when the range was published.

    The time, in microseconds since 1970, tells a store that was restored from a backup.
    """

    revision: int
    published_us: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """Answer to a pull: its items, and the rest of its range, empty where it is complete.

    `counts` are those of feedback by entry id and algorithm, where they were asked for.
    """

    shared: SharedList
    consumer: ConsumerFacts
    items: Sequence[SharedItem]
    rest: Pull
    resumed: Resumed
    counts: Mapping[str, Mapping[str, FeedbackCounts]]

    @property
    def is_complete(self) -> bool:
        """Say whether the range was read to its end."""
        return self.rest.after >= self.rest.until


class Sharing:
    """The lists that are shared, for one consumer at a time, who is known by its token."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def consumer(self, token_id: str) -> ConsumerFacts:
        """Return the consumer of a token. Raises `ForbiddenError`."""
        with self._database.reading() as session:
            return facts_of(session, _require_consumer(session, token_id))

    def lists(self, token_id: str, *, gives_hashes: bool = False) -> list[SharedList]:
        """Return the lists that a consumer may see, and have the hashes of where that is meant.

        Raises `ForbiddenError`.
        """
        found = []
        with self._database.reading() as session:
            consumer = facts_of(session, _require_consumer(session, token_id))
            for name in () if consumer.is_private and gives_hashes else consumer.lists:
                try:
                    row = require_shareable(session, self._settings, name)
                except (
                    ForbiddenError,
                    UnknownListError,
                ):  # The operator sees why; others need not.
                    continue
                found.append(self._shown(session, row))
        return found

    def find(self, token_id: str, name: str) -> SharedList:
        """Return a list that a consumer may see. Raises `ForbiddenError` and `NotFoundError`."""
        with self._database.reading() as session:
            _, _, row = self._open(session, token_id, name)
            return self._shown(session, row)

    def since(self, token_id: str, name: str, moment: datetime | None) -> Pull:
        """Return the range that was published after a time, all of it where that is None."""
        with self._database.reading() as session:
            _, _, row = self._open(session, token_id, name)
            first = 0 if moment is None else find_position(session, row.key, moment)
            last = read_standing(session, row.key).position
        return Pull(first, first, max(first, last))

    def window(self, token_id: str, name: str, after: datetime, until: datetime) -> Pull:
        """Return the range that was published in a window of time, a little before it included.

        And a little after it: what is now to clients, by the Date of our last answer in whole
        seconds, is over.
        """
        with self._database.reading() as session:
            _, _, row = self._open(session, token_id, name)
            first = find_position(session, row.key, after - _OVERLAP)
            last = find_position(session, row.key, until + _LAG)
        return Pull(last, min(first, last), last)

    def pull(
        self,
        token_id: str,
        name: str,
        wanted: Pull | None,
        *,
        protocol: str,
        limit: int,
        resumed: Resumed | None = None,
        with_feedback: bool = False,
        gives_hashes: bool = True,
    ) -> Pulled:
        """Return what a consumer sees of a range, of a list from its beginning where it is None.

        `resumed` says under what it pulled before, where it goes on. Private consumers are refused
        what `gives_hashes`. Every pull is on the audit chain before it is answered. Raises
        `ForbiddenError`, `NotFoundError`, and `PullExpiredError` where it has to pull from the
        beginning.
        """
        with self._database.reading() as session:
            _, facts, row = self._open(session, token_id, name, gives_hashes=gives_hashes)
            shared = self._shown(session, row)
            wanted = wanted or Pull(0, 0, shared.standing.position)
            if resumed is not None:
                _require_same(session, row, resumed, wanted, facts)
                if wanted.after == wanted.until:  # It has all of that; what follows is new.
                    wanted = Pull(wanted.since, wanted.after, shared.standing.position)
            page = read_shared(
                session,
                row,
                self._visibility(facts),
                after=wanted.after,
                until=wanted.until,
                since=wanted.since,
                limit=min(limit, self._settings.sharing.max_entries),
            )
            counts = (
                count_feedback(session, row.key, [one.entry_id for one in page.items])
                if with_feedback
                else {}
            )
            now = Resumed(facts.revision, _published_us(session, row, wanted.until))
        self._note(facts, token_id, shared, protocol, wanted, page.items)
        rest = Pull(wanted.since, page.position, wanted.until)
        return Pulled(shared, facts, page.items, rest, now, counts)

    def find_first(
        self, token_id: str, name: str, first_position: int, *, protocol: str
    ) -> SharedItem:
        """Return the entry that was there first at a position. Raises `NotFoundError`."""
        with self._database.reading() as session:
            _, facts, row = self._open(session, token_id, name)
            item = find_shared_first(session, row, self._visibility(facts), first_position)
            shared = self._shown(session, row)
        if item is None:
            raise NotFoundError(f"list {name} has no such entry")
        wanted = Pull(0, item.position - 1, item.position)
        self._note(facts, token_id, shared, protocol, wanted, [item])
        return item

    def give_feedback(
        self,
        token_id: str,
        name: str,
        entry_id: str,
        algorithm: str,
        *,
        is_affirmative: bool,
        reason: str = "",
    ) -> bool:
        """Record a consumer's feedback on an entry that it may see; says whether it is new.

        It is a suggestion, which a person decides about. Raises `NotFoundError`.
        """
        with self._database.writing(f"token {token_id}") as session:
            consumer, facts, row = self._open(session, token_id, name)
            visibility = self._visibility(facts)
            item = find_shared_entry(session, row, visibility, entry_id)
            if item is None or algorithm not in item.hashes:
                raise NotFoundError(
                    f"list {name} has no entry {entry_id[:64]!r} with a hash of that kind"
                )
            return save_feedback(
                session,
                row,
                consumer,
                entry_id=entry_id,
                algorithm=algorithm,
                is_affirmative=is_affirmative,
                reason=reason,
            )

    def note_question(self, token_id: str, name: str, number: int) -> None:
        """Record that a consumer asks about so many hashes, which nobody but it knows.

        Raises `ForbiddenError` and `NotFoundError`.
        """
        with self._database.writing(f"token {token_id}") as session:
            consumer, _, row = self._open(session, token_id, name, gives_hashes=False)
            facts = {"consumer": consumer.name, "token": token_id, "list": row.name}
            audit(session, "list.asked", None, {**facts, "hashes": number})

    def _visibility(self, consumer: ConsumerFacts) -> Visibility:
        """Return what a consumer sees; as a member, the publisher is named by its number."""
        own = str(self._settings.sharing.member_id)
        more = {""} if own in consumer.members else set[str]()
        return Visibility(frozenset(consumer.categories), frozenset(consumer.members) | more)

    def _open(
        self, session: Session, token_id: str, name: str, *, gives_hashes: bool = True
    ) -> tuple[Consumer, ConsumerFacts, HashList]:
        consumer = _require_consumer(session, token_id)
        # One error for all: who may not see a list does not learn whether there is one.
        missing = NotFoundError(
            f"there is no list {name[:64]!r} that is shared with {consumer.name}"
        )
        facts = facts_of(session, consumer)
        if name not in facts.lists or (facts.is_private and gives_hashes):
            raise missing
        try:
            return consumer, facts, require_shareable(session, self._settings, name)
        except (ForbiddenError, UnknownListError) as error:
            raise missing from error

    def _shown(self, session: Session, row: HashList) -> SharedList:
        section = self._settings.sharing.lists[row.name]
        standing = read_standing(session, row.key)
        return SharedList(row.key, row.name, section.tlp, standing)

    def _note(
        self,
        consumer: ConsumerFacts,
        token_id: str,
        shared: SharedList,
        protocol: str,
        wanted: Pull,
        items: Sequence[SharedItem],
    ) -> None:
        withdrawn = sum(one.is_withdrawn for one in items)
        facts = {
            "consumer": consumer.name,
            "token": token_id,
            "list": shared.name,
            "protocol": protocol,
            "after": wanted.after,
            "until": wanted.until,
            "entries": len(items) - withdrawn,
            "withdrawn": withdrawn,
        }
        with self._database.writing(f"token {token_id} (consumer {consumer.name})") as session:
            # Of no row: pulls of one consumer do not wait for each other.
            audit(session, "list.pulled", None, facts)


def parse_moment(text: str, field: str) -> datetime:
    """Return a time of a query. Raises `InputError`, which names the field."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{field} is a time such as 2026-01-31T00:00:00Z") from error
    return utc_moment(moment)


def _require_same(
    session: Session, row: HashList, resumed: Resumed, wanted: Pull, consumer: ConsumerFacts
) -> None:
    is_same = resumed.published_us == _published_us(session, row, wanted.until)
    if resumed.revision != consumer.revision or not is_same:
        raise PullExpiredError(
            f"what was pulled of {row.name} before is no longer what may be seen of it",
            hint="Pull it from the beginning, and withdraw what is not in it.",
        )


def _published_us(session: Session, row: HashList, position: int) -> int:
    moment = find_time(session, row.key, position) if position else None
    return 0 if moment is None else int(moment.timestamp() * 1e6)


def _require_consumer(session: Session, token_id: str) -> Consumer:
    consumer = find_consumer(session, token_id)
    if consumer is None:
        raise ForbiddenError(
            "the token is of no consumer",
            hint="'hashmatch sharing token CONSUMER' creates one that is.",
        )
    return consumer
