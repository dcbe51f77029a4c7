"""Scheduled reports: each period once it is over, and once however many processes there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from hashmatch.errors import InputError
from hashmatch.reports import Every, make_due_reports, period_of
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.schedules import (
    add_schedule,
    read_made_report,
    read_made_reports,
    read_schedules,
    remove_schedule,
    save_made_report,
)

_NOW = datetime(2026, 3, 2, 0, 5, tzinfo=UTC)


def _add(database: Database, every: str, first: date, form: str = "transparency") -> None:
    with database.writing() as session:
        add_schedule(session, f"{form} {every}", form, every, "ana", first)


def _made(database: Database) -> list[tuple[date, date]]:
    with database.reading() as session:
        return [(one.since, one.until) for one in reversed(read_made_reports(session, limit=99))]


@pytest.mark.parametrize(
    ("every", "day", "expected"),
    [
        (Every.DAY, date(2026, 2, 28), (date(2026, 2, 28), date(2026, 3, 1))),
        (Every.WEEK, date(2026, 3, 1), (date(2026, 2, 23), date(2026, 3, 2))),
        (Every.MONTH, date(2028, 2, 29), (date(2028, 2, 1), date(2028, 3, 1))),
        (Every.MONTH, date(2026, 12, 31), (date(2026, 12, 1), date(2027, 1, 1))),
    ],
)
def test_periods_are_whole_days_weeks_and_months(
    every: Every, day: date, expected: tuple[date, date]
) -> None:
    assert period_of(every, day) == expected


def test_each_period_is_made_once_when_it_is_over_and_made_up_for(database: Database) -> None:
    _add(database, "month", date(2026, 1, 1))
    assert make_due_reports(database, "Example", _NOW) == 2
    assert _made(database) == [
        (date(2026, 1, 1), date(2026, 2, 1)),
        (date(2026, 2, 1), date(2026, 3, 1)),
    ]
    assert make_due_reports(database, "Example", _NOW) == 0
    assert make_due_reports(database, "Example", _NOW + timedelta(days=30)) == 1
    with database.reading() as session:
        _, _, data = read_made_report(session, 1)
        assert b'"since": "2026-01-01T' in data
        actions = [one["action"] for one in read_audit_records(session)]
    assert actions.count("report.exported") == 3


def test_a_report_that_another_process_made_is_not_made_twice(database: Database) -> None:
    _add(database, "day", date(2026, 3, 1))
    with database.reading() as session:
        (schedule,) = read_schedules(session)
    for is_first in (True, False):
        with database.writing() as session:
            assert save_made_report(session, schedule, date(2026, 3, 2), b"x") is is_first
    assert len(_made(database)) == 1


def test_the_newest_of_a_schedule_stay_and_all_go_with_it(database: Database) -> None:
    _add(database, "day", date(2026, 1, 1))
    for _ in range(6):
        make_due_reports(database, "", _NOW)
    made = _made(database)
    assert (len(made), made[-1][1]) == (36, date(2026, 3, 2))
    with database.writing() as session:
        remove_schedule(session, 1)
    assert _made(database) == []


def test_a_name_is_given_once(database: Database) -> None:
    _add(database, "day", date(2026, 1, 1))
    with pytest.raises(InputError, match="already"):
        _add(database, "day", date(2026, 1, 1))


def test_pages_and_pdfs_are_made_too(database: Database) -> None:
    for form in ("html", "pdf"):
        _add(database, "month", date(2026, 2, 1), form)
    assert make_due_reports(database, "Example", _NOW) == 2
    with database.reading() as session:
        starts = {read_made_report(session, key)[2][:4] for key in (1, 2)}
    assert starts == {b"<!do", b"%PDF"}
