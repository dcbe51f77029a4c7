"""Everything that a person, a client, a scrape or a job in the background asks the store for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from benchmarks.filling import DAYS
from hashmatch.cases import PENDING, State
from hashmatch.cybertip import ENDED
from hashmatch.reports import case_rows, read_figures, report_rows
from hashmatch.store import (
    backfills,
    cases,
    events,
    figures,
    looks,
    opening,
    outbox,
    queue,
    related_cases,
    retained,
    retention,
    saved_queues,
    schedules,
    sessions,
    tokens,
)
from hashmatch.store.cases import CaseFilter, CasePlace, OpeningPlace
from hashmatch.store.engine import browse_records, read_history, read_records_of
from hashmatch.store.evaluations import read_sample, read_sampled, read_samples
from hashmatch.store.lists import (
    ALLOW,
    browse_entries,
    find_list,
    read_lists,
    read_newest_runs,
    read_quarantines,
)
from hashmatch.store.lookups import read_anchors, read_limited_entries
from hashmatch.store.matches import (
    MatchFilter,
    MatchPlace,
    count_cases_of,
    read_allowed_matches,
    read_content_hashes,
    read_counts_by_day,
    read_daily_counts,
    read_entry_history,
    read_flooding,
    read_match,
    read_match_page,
    read_matches,
)
from hashmatch.store.prompts import read_prompt_totals
from hashmatch.store.safeguards import read_gate_totals, read_safeguards
from hashmatch.store.schema import Case, utc_now
from tests.store.duties_walk import OLD_CASES, asks_about_duties
from tests.store.notice_walk import notice_questions
from tests.store.policy_queries import policy_questions
from tests.store.regulators_walk import asks_of_regulators
from tests.store.sharing_walk import asks_of_consumers

Ask: TypeAlias = Callable[[Session], object]
_MIDDLE = utc_now() - timedelta(days=DAYS / 2)
_LATE = utc_now() - timedelta(days=DAYS / 20)
_ROWS = 100


def questions() -> Iterator[tuple[str, Ask]]:
    """Yield each question with a name."""
    for name, wanted in _queues().items():
        yield f"queue: {name}", partial(queue.read_case_page, wanted=wanted)
    for name, chosen in _matches().items():
        yield f"matches: {name}", partial(_read_all, wanted=chosen)
    yield from _others()
    yield from asks_about_duties()
    yield from notice_questions()
    yield from asks_of_regulators()
    yield from _jobs()


def _read_all(session: Session, wanted: MatchFilter) -> object:
    return list(read_matches(session, wanted))


def _pages_of_an_export(session: Session) -> None:
    for wanted in (MatchFilter(), MatchFilter(since=_MIDDLE), MatchFilter(list_name="one")):
        first = read_match_page(session, wanted, None, limit=_ROWS)
        read_match_page(session, wanted, first[-1], limit=_ROWS)


def _queues() -> dict[str, CaseFilter]:
    every = tuple(one.value for one in State)
    places = {"first": None, "later": CasePlace(7, _MIDDLE, 10)}
    kinds: dict[str, dict[str, Any]] = {
        "all": {},
        "pending": {"states": PENDING},
        "closed": {"states": ("closed",)},
        "every state": {"states": every},
        "assignee": {"assignee": "alice"},
        "pending of assignee": {"assignee": "alice", "states": PENDING},
        "of nobody": {"assignee": "", "states": PENDING},
        "overdue": {"states": PENDING, "due_before": utc_now()},
        "overdue of assignee": {"assignee": "bob", "states": PENDING, "due_before": utc_now()},
        "due by then, any state": {"due_before": _MIDDLE},
        "content": {"content_id": "post/77"},
        "list": {"list_name": "one", "states": PENDING},
        "rare list": {"list_name": "two", "states": PENDING},
        "rare list, all": {"list_name": "two"},
        "entry": {"list_name": "one", "entry_id": "e7", "states": PENDING},
        "entry of any list": {"entry_id": "e7"},
        "unknown entry": {"entry_id": "nothing"},
        "category": {"category": "B", "states": PENDING},
        "rare category": {"category": "nothing"},
        "action and distance": {"action": "block", "max_distance_bits": 7},
        "declared": {"declared": ("generated",), "states": PENDING},
        "category of a rare list": {"list_name": "two", "category": "A"},
        "proposed": {"is_proposed": True},
    }
    return {
        f"{kind}, {place}": CaseFilter(**wanted, limit=_ROWS, after=after)
        for kind, wanted in kinds.items()
        for place, after in places.items()
    }


def _matches() -> dict[str, MatchFilter]:
    then = MatchPlace(_MIDDLE, 10)
    day = _MIDDLE + timedelta(days=1)
    return {
        "newest": MatchFilter(limit=_ROWS),
        "later page": MatchFilter(limit=_ROWS, before=then),
        "of a report": MatchFilter(limit=_ROWS, after=then),
        "of a day": MatchFilter(_MIDDLE, day, limit=_ROWS),
        "of a day, later": MatchFilter(_MIDDLE, day, limit=_ROWS, before=then),
        "of a day of a list": MatchFilter(_MIDDLE, day, "one", limit=_ROWS),
        "of a list": MatchFilter(list_name="one", limit=_ROWS),
        "of a list, later": MatchFilter(list_name="one", limit=_ROWS, before=then),
        "of a rare list": MatchFilter(list_name="two", limit=_ROWS),
        "of a rare list of a report": MatchFilter(list_name="two", limit=_ROWS, after=then),
    }


_READ_OF_A_CASE: dict[str, Callable[[Session, Case], object]] = {
    "its evidence": cases.read_case_contents,
    "what it was merged into": cases.find_merged_into,
    "what was merged into it": cases.read_merged,
    "its details": cases.find_details_of,
}


def _of_a_case(read: Callable[[Session, Case], object], session: Session) -> object:
    return read(session, session.get_one(Case, 7))


def _others() -> Iterator[tuple[str, Ask]]:
    def history_of_entry(session: Session) -> object:
        return read_entry_history(session, read_match(session, "7"))

    def rows_of_cases(session: Session) -> object:
        after = OpeningPlace(_MIDDLE, 10)
        wanted = CaseFilter(since=_MIDDLE, limit=_ROWS)
        return list(case_rows(session, queue.read_cases_by_opening(session, wanted, after)))

    def history(session: Session) -> object:
        return read_history(session, session.get_one(Case, 7))

    yield "a case", lambda session: cases.read_case(session, 7)
    yield "its matches", lambda session: cases.read_case_matches(session, session.get_one(Case, 7))
    for name, read in _READ_OF_A_CASE.items():
        yield name, partial(_of_a_case, read)
    names = [f"post/{one}" for one in range(1, 50)]
    yield "evidence", lambda session: opening.read_evidence(session, names)
    yield "hashes of evidence", lambda session: opening.read_evidence_hashes(session, names)
    yield "keys of cases", lambda session: opening.read_case_keys(session, names)
    yield "its notes", lambda session: cases.read_notes(session, 7)
    yield "its reports", lambda session: cases.read_ncmec_reports(session, 10)
    yield "an open report", lambda session: cases.has_open_report(session, 10, ENDED)
    yield "its history", history
    yield "its messages", lambda session: outbox.read_unsent_of_case(session, 100)
    yield (
        "lists of contents",
        lambda session: cases.read_matched_lists(session, [f"post/{one}" for one in range(1, 50)]),
    )
    yield "ids of reports", lambda session: cases.read_report_ids(session, range(1, 50))
    yield (
        "reports of an account",
        lambda session: cases.read_reports_of_account(
            session, 5, [f"{10:064}", f"{20:064}"], limit=5
        ),
    )
    yield "rows of cases", rows_of_cases
    yield (
        "rows of matches",
        lambda session: list(report_rows(session, MatchFilter(since=_MIDDLE, limit=_ROWS))),
    )
    yield "pages of an export", _pages_of_an_export
    yield "a match", history_of_entry
    yield "hashes of a content", lambda session: read_content_hashes(session, 7)
    yield "allowed matches", lambda session: read_allowed_matches(session, limit=_ROWS)
    yield "entries that flood", read_flooding
    yield "limited entries", read_limited_entries
    yield "anchors of a day", lambda session: read_anchors(session, utc_now().date())
    yield "cases of an entry", lambda session: count_cases_of(session, 7, PENDING)
    yield from _of_reports()
    yield from policy_questions()
    yield "back-fills", lambda session: backfills.read_backfills(session, limit=_ROWS)
    yield "a back-fill", lambda session: backfills.read_backfill(session, 1)
    yield "open shards", lambda session: backfills.has_open_shards(session, 1)
    yield "unsent messages", outbox.count_unsent
    yield "the outbox", lambda session: outbox.read_outbox(session, limit=_ROWS)
    yield "lists", lambda session: (read_lists(session), read_lists(session, ALLOW))
    yield "syncs", read_newest_runs
    yield "quarantines", read_quarantines
    yield "samples", lambda session: read_samples(session, limit=_ROWS)
    yield "a sample", lambda session: (read_sample(session, 3), read_sampled(session, 3))
    yield from _of_the_console()
    yield from asks_of_consumers()
    yield "tokens", tokens.read_tokens
    yield "a token", lambda session: tokens.find_token(session, f"{7:012}")


def _of_reports() -> Iterator[tuple[str, Ask]]:
    """Yield what figures and reports ask for."""
    since, until = _MIDDLE + timedelta(hours=3), _LATE + timedelta(hours=5)
    yield "figures of all time", lambda session: read_figures(session, None, None)
    yield "figures of a period", lambda session: read_figures(session, since, until)
    yield (
        "figures of an hour",
        lambda session: read_figures(session, since, since + timedelta(hours=1)),
    )
    yield "cases by state", figures.count_cases
    yield "overdue cases", lambda session: figures.count_overdue(session, PENDING)
    yield "daily counts", lambda session: read_daily_counts(session, _LATE.date(), None)
    yield "decisions of gates", lambda session: read_gate_totals(session, _LATE.date(), None)
    yield "prompts", lambda session: read_prompt_totals(session, _LATE.date(), None)
    yield "safeguards", lambda session: list(read_safeguards(session, since, until))


def _of_the_console() -> Iterator[tuple[str, Ask]]:
    """Yield what pages of the console ask for, beside all the others."""
    names = [f"post/{one}" for one in range(1, 50)]
    counted = {
        "mine": CaseFilter(states=PENDING, assignee="alice"),
        "nobody's": CaseFilter(states=PENDING, assignee=""),
        "overdue": CaseFilter(states=PENDING, due_before=utc_now()),
        "proposed": CaseFilter(is_proposed=True, not_proposed_by="alice"),
    }
    yield "numbers of cases", partial(queue.count_cases, filters=counted, limit=_ROWS)
    yield (
        "lines of matches",
        lambda session: cases.read_match_lines(session, names, limit=1_000),
    )
    yield (
        "cases of an account",
        lambda session: related_cases.read_cases_of_account(session, 5, limit=10),
    )
    yield (
        "cases of entries",
        lambda session: related_cases.read_cases_of_entries(
            session, 5, [("one", "e7"), ("two", "e8")], limit=10
        ),
    )
    idle = timedelta(hours=1)
    yield "a session", lambda session: sessions.find_session(session, "7", idle=idle)
    yield "sessions", lambda session: sessions.read_sessions(session, limit=_ROWS)
    yield "sessions of one", lambda session: sessions.read_sessions(session, "alice", limit=_ROWS)
    yield (
        "a part of a content id",
        partial(queue.read_case_page, wanted=CaseFilter(states=PENDING, fragment="/77", limit=50)),
    )
    yield "names of people", lambda session: sessions.read_names(session, limit=_ROWS)
    yield "a name", lambda session: sessions.is_known_name(session, "nobody of them")
    yield "records with a text", partial(browse_records, text="case", limit=_ROWS)
    yield "saved queues", lambda session: saved_queues.read_queues(session, "alice", ("review",))
    yield "looks", lambda session: looks.read_look_times(session, "alice", _LATE, limit=_ROWS)
    yield "schedules", schedules.read_schedules
    yield "made reports", lambda session: schedules.read_made_reports(session, limit=_ROWS)
    yield "counts by day", lambda session: read_counts_by_day(session, _LATE.date())
    yield "audit records", lambda session: browse_records(session, before=1_003_000, limit=_ROWS)
    yield "audit records of rows", lambda session: read_records_of(session, "cases", [1, 2, 3])
    yield "entries of a list", _browsed_entries


def _browsed_entries(session: Session) -> None:
    row = find_list(session, "one")
    browse_entries(session, row, limit=_ROWS)
    browse_entries(session, row, after=500, limit=_ROWS)
    browse_entries(session, row, disabled=True, limit=_ROWS)


def _jobs() -> Iterator[tuple[str, Ask]]:
    """Yield what writes: it is rolled back."""
    before = _MIDDLE
    place = retention.Place(before - timedelta(days=200), 1)
    removals: Sequence[tuple[str, Callable[..., object], dict[str, Any]]] = (
        *((name, retention.remove_old_cases, {"chosen": one}) for name, one in OLD_CASES),
        ("references", retention.remove_old_references, {}),
        ("contents", retention.remove_old_contents, {}),
        ("details", retention.remove_old_details, {"needed": PENDING}),
        ("messages", retention.remove_old_messages, {}),
        ("tokens", retention.remove_old_tokens, {}),
        ("prompts", retention.remove_old_prompts, {}),
        ("notices", retention.remove_old_notices, {}),
        ("days", retention.remove_old_days, {}),
        ("back-fills", retention.remove_old_backfills, {}),
        ("lookups", retention.remove_old_lookups, {}),
    )
    for name, remove, more in removals:
        yield f"removal of {name}", _removal(remove, _until(name), None, more)
        yield f"later removal of {name}", _removal(remove, _until(name), place, more)
    yield "a shard", lambda session: backfills.take_shard(session, 1, "somebody")
    yield "results", _results_of_a_shard
    yield (
        "leftovers of back-fills",
        lambda session: backfills.remove_leftovers(session, limit=_ROWS),
    )
    yield "compared lists", lambda session: retained.read_compared(session, "f")
    yield (
        "a generation before",
        lambda session: retained.read_generation_before(session, 1, 1, _MIDDLE),
    )
    yield "comparison", lambda session: retained.record_compared(session, "f", {1: 1})
    yield "counted events", _counted_events
    yield (
        "old events",
        lambda session: events.remove_old_events(session, _MIDDLE.date(), limit=_ROWS),
    )
    yield "due messages", outbox.find_due
    yield "taken messages", lambda session: outbox.take_due(session, "webhook", "desk", limit=5)
    yield (
        "details of other keys",
        lambda session: cases.lock_details_of_other_keys(session, "k1", limit=50),
    )
    yield "uses of sessions", lambda session: sessions.note_session_uses(session, {7: utc_now()})
    yield "the end of sessions", lambda session: sessions.end_sessions_of(session, "user 7")
    yield "uses of tokens", lambda session: tokens.note_token_uses(session, {f"{7:012}": utc_now()})


def _results_of_a_shard(session: Session) -> None:
    shard = backfills.take_shard(session, 1, "somebody")
    assert shard is not None
    results = {bytes([n]) * 16: ("clear", "") for n in range(50)}
    backfills.record_results(session, shard, results, "c", utc_now().date(), screened=50)


def _counted_events(session: Session) -> None:
    results = {bytes([n]) * 16: ("clear", "") for n in range(50)}
    events.count_events(session, results, utc_now().date())


def _until(name: str) -> datetime:
    return utc_now() if name == "contents" else _MIDDLE


def _removal(
    remove: Callable[..., object], before: datetime, place: object, more: dict[str, Any]
) -> Ask:
    return lambda session: remove(session, before, place, _ROWS, **more)
