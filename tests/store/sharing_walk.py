"""Everything that consumers, and those who share lists, ask of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from sqlalchemy.orm import Session

from benchmarks.filling import DAYS
from hashmatch.store import sharing
from hashmatch.store.lists import find_list
from hashmatch.store.schema import ContributionState, utc_now

Ask: TypeAlias = Callable[[Session], object]
_LATE = utc_now() - timedelta(days=DAYS / 20)
_ROWS = 100


def asks_of_consumers() -> Iterator[tuple[str, Ask]]:
    """Yield what consumers of shared lists ask for, and those who share them."""
    everything = sharing.Visibility()

    def shared(session: Session) -> object:
        row = find_list(session, "one")
        return sharing.read_shared(
            session, row, everything, after=500, until=1_900, since=500, limit=_ROWS
        )

    yield "shared entries", shared
    yield (
        "a shared entry",
        lambda session: sharing.find_shared_entry(
            session, find_list(session, "one"), everything, "e7"
        ),
    )
    yield (
        "an entry by its position",
        lambda session: sharing.find_shared_first(
            session, find_list(session, "one"), everything, 7
        ),
    )
    yield "what was published", lambda session: sharing.read_standing(session, 1)
    yield "what was published by then", lambda session: sharing.find_position(session, 1, _LATE)
    yield "what is to be published", lambda session: sharing.is_behind(session, 1)
    yield "publication", lambda session: sharing.publish_some(session, 1, limit=_ROWS)
    yield "consumers", sharing.read_consumers
    yield "a page of consumers", partial(sharing.read_consumers, after="consumer-3", limit=_ROWS)
    yield "one consumer", lambda session: sharing.read_consumer(session, "consumer-7")
    yield "a consumer", _consumer
    yield "feedback", lambda session: sharing.read_feedback(session, after=7, limit=_ROWS)
    yield "all feedback", partial(sharing.read_feedback, state=None, after=500, limit=_ROWS)
    yield "counts of feedback", lambda session: sharing.count_feedback(session, 1, ["e7", "e8"])
    yield "contributions", lambda session: sharing.read_contributions(session, case=7, limit=_ROWS)
    for state in (None, ContributionState.PROPOSED, ContributionState.ADDED):
        yield (
            f"contributions, {state or 'all'}",
            partial(sharing.read_contributions, state=state, before=700, limit=_ROWS),
        )
    yield "a contribution", lambda session: sharing.find_contribution_of(session, 1, 7)
    yield "bases of entries", lambda session: sharing.contributions.read_facts_of(session, 1, [7])
    yield from _of_exchanges()


def _consumer(session: Session) -> object:
    found = sharing.find_consumer(session, f"{7:012}")
    return None if found is None else sharing.facts_of(session, found)


def _of_exchanges() -> Iterator[tuple[str, Ask]]:
    """Yield what sending to exchanges asks for, and those who look after it."""
    due = sharing.DueEntry("there", 1, "one", "e7", 7)
    everything = sharing.Visibility()

    def taken_up(session: Session) -> object:
        row = find_list(session, "one")
        return sharing.take_up(session, "there", row, everything, "x", limit=_ROWS)

    def planned(session: Session) -> object:
        wanted = [sharing.Wanted("pdq", b"other", "y")]
        return sharing.plan_sending(session, due, wanted, are_shared=True)

    yield "work for an exchange", lambda session: sharing.has_work(session, "there", {1: "x"})
    yield "changes for an exchange", taken_up
    yield (
        "removed lists of an exchange",
        lambda session: (
            sharing.take_up_removed(session, "there", limit=_ROWS),
            sharing.removed_lists(session, "there"),
        ),
    )
    yield "due entries", lambda session: sharing.next_due(session, "there", [1], limit=_ROWS)
    yield "an entry to send", lambda session: sharing.find_wanted_entry(session, due, everything)
    yield "what is sent of an entry", planned
    yield "unsent entries", lambda session: sharing.read_unsent(session, "there", [1], limit=_ROWS)
    yield "exchanges", sharing.read_exchange_names
    yield "an exchange", lambda session: sharing.find_standing(session, "there")
    yield "refused entries", lambda session: sharing.resend_refused(session, "there", limit=_ROWS)
    yield (
        "an entry once more",
        lambda session: sharing.resend_entry(session, "there", "one", "e7"),
    )
