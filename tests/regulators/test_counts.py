"""Counts of the store, beside a second computation over the raw rows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from hashmatch.config import Settings
from hashmatch.regulators.categories import keyword_rules
from hashmatch.regulators.reading import span_before
from hashmatch.regulators.record import median
from hashmatch.store.engine import Database
from hashmatch.store.regulators import (
    CaseClass,
    Span,
    count_appeals,
    count_by_algorithm,
    count_finished_reports,
    count_lifted,
    count_list_changes,
    count_measures,
    count_outcomes,
    count_references,
    read_appeal_times,
    read_beginning,
)
from tests.regulators.recount import Recount, Rows, is_in
from tests.regulators.year import BEFORE, SECTIONS, SINCE, UNTIL, fill_year

SETTINGS = Settings.model_validate(SECTIONS)
RULES = tuple(one.rule for one in keyword_rules(SETTINGS))
KEYWORDS = (*(one.keyword for one in keyword_rules(SETTINGS)), "")
SPANS = {
    "year": Span(SINCE, UNTIL),
    "year before": Span(BEFORE, SINCE),
    "odd": Span(SINCE + timedelta(hours=7), SINCE + timedelta(days=99.3)),
    "empty": Span(UNTIL + timedelta(days=999), UNTIL + timedelta(days=1000)),
}
CLASSES = {"all": None, "messages": CaseClass("messaging", "standard")}


@pytest.fixture(params=(1, 2), ids=("seed 1", "seed 2"))
def filled(request: pytest.FixtureRequest, database: Database) -> Database:
    """A store with a generated year."""
    fill_year(database, request.param)
    return database


def test_every_count_is_that_of_the_raw_rows(filled: Database) -> None:
    with filled.reading() as session:
        rows = Rows.read(session)
        for span in SPANS.values():
            for chosen in CLASSES.values():
                wanted = None if chosen is None else chosen.wanted
                again = Recount(rows, span.since, span.until, wanted)
                measures = count_measures(session, span, RULES, chosen)
                assert {
                    (KEYWORDS[one.rule], one.ground, one.restriction, one.automation): one.number
                    for one in measures
                } == Counter(
                    (keyword, one.ground, one.restriction, one.automation)
                    for keyword, one in again.measures()
                )
                assert count_lifted(session, span, chosen) == sum(
                    one.lifted_at is not None for _, one in again.measures()
                )
                assert {
                    (one.channel, one.appellant, one.about, one.state): one.number
                    for one in count_appeals(session, span, chosen)
                } == Counter(
                    (one.channel, one.appellant, about, one.state) for about, one in again.appeals()
                )
                times = read_appeal_times(session, span, chosen)
                for channel, about in times:
                    assert median(times[channel, about]) == again.median_hours(channel, about)
                outcomes = count_outcomes(session, span, RULES, chosen)
                found = Counter[tuple[str, str]]()
                for one in outcomes:
                    if one.within:
                        found[KEYWORDS[one.rule], one.result] += one.number
                assert found == again.outcomes()
                assert {
                    (one.algorithm, one.result): one.number
                    for one in count_by_algorithm(session, span, chosen)
                } == again.by_algorithm()
                assert count_finished_reports(session, span, chosen) == sum(
                    is_in(one.finished_at, span.since, span.until)
                    and not one.is_test
                    and rows.is_of(one.case_key, wanted)
                    for one in rows.reports
                )
                assert count_references(session, span, chosen) == Counter(
                    one.authority
                    for one in rows.references
                    if is_in(one.made_at, span.since, span.until)
                    and rows.is_of(one.case_key, wanted)
                )


def test_lists_are_counted_as_they_changed_in_the_period(filled: Database) -> None:
    with filled.reading() as session:
        rows = Rows.read(session)
        assert read_beginning(session) == BEFORE
        for span in list(SPANS.values())[:3]:
            changes = {one.name: one for one in count_list_changes(session, span)}
            assert changes.keys() == set(rows.lists.values())
            for key, name in rows.lists.items():
                own = [
                    one
                    for one in rows.generations
                    if one.list_key == key and is_in(one.created_at, span.since, span.until)
                ]
                found = changes[name]
                assert (found.generations, found.added, found.withdrawn, found.changed) == (
                    len(own),
                    sum(one.added for one in own),
                    sum(one.withdrawn for one in own),
                    sum(one.changed for one in own),
                )


@pytest.mark.parametrize(
    ("since", "until", "before"),
    [
        ("2026-01-01", "2027-01-01", "2025-01-01"),
        ("2026-07-01", "2027-01-01", "2026-01-01"),
        ("2026-03-01", "2026-04-01", "2026-02-01"),
        ("2026-01-10", "2026-01-20", "2025-12-31"),
    ],
)
def test_the_period_before_is_as_many_months_or_as_long(
    since: str, until: str, before: str
) -> None:
    first, last, expected = (
        datetime.fromisoformat(f"{one}T00:00:00+00:00") for one in (since, until, before)
    )
    assert span_before(Span(first, last)) == Span(expected, first)
