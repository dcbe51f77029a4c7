"""Figures and export of the register, held against requests that were counted by hand."""

from __future__ import annotations

import csv
import io
import json
import statistics
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from hashmatch.config import Settings
from hashmatch.notices import (
    DEFINITIONS,
    NoticeRow,
    Work,
    figures_document,
    notice_rows,
    read_notice_figures,
)
from hashmatch.reports import FORMATS
from hashmatch.store.engine import Database
from hashmatch.store.schema import NoticeState, utc_now
from tests.notices.making import add, close
from tests.store.importing import DatabaseFactory

_DAY = timedelta(days=1)


def test_every_figure_is_of_the_requests_received_in_the_period(
    database: Database, chosen: Settings
) -> None:
    now = utc_now()
    since = now - 10 * _DAY

    def received(number: int, days: float, **changes: object) -> str:
        at = now - days * _DAY
        return add(database, chosen, f"form/{number}", received_at=at, **changes).request_id

    def hours_after(days: float, hours: float) -> datetime:
        return now - days * _DAY + timedelta(hours=hours)

    work = Work(copies_found=3, copies_removed=2, requester_notified_at=now)
    close(database, received(1, 9), at=hours_after(9, 10), work=work)
    close(database, received(2, 9), at=hours_after(9, 48))
    close(database, received(3, 9), at=hours_after(9, 60))
    close(database, received(4, 9), NoticeState.REFUSED, at=hours_after(9, 20))
    received(5, 9)
    received(6, 1)
    received(7, 1, good_faith=False)
    close(database, received(8, 1, good_faith=False), NoticeState.WITHDRAWN)
    close(database, received(9, 15), at=hours_after(15, 5))
    with database.reading() as session:
        figures = read_notice_figures(session, since, None)
        found = figures_document(session, figures)
    assert found["definitions"].keys() == DEFINITIONS.keys()
    assert found["figures"] == {
        "since": since.isoformat(timespec="seconds"),
        "until": None,
        "received": 8,
        "valid": 6,
        "incomplete": 1,
        "closed": 4,
        "closed_in_time": 3,
        "closed_late": 1,
        "removed_in_time": 2,
        "open": 2,
        "overdue": 1,
        "median_hours": 34.0,
        "longest_hours": 60.0,
        "by_outcome": {"removed": 3, "refused": 1, "duplicate": 0, "withdrawn": 1},
        "by_reason": {"not_intimate": 1},
        "copies_found": 3,
        "copies_removed": 2,
        "requesters_notified": 1,
    }
    assert (found["before"]["received"], found["before"]["longest_hours"]) == (1, 5.0)


def test_a_period_without_a_beginning_has_none_before(database: Database) -> None:
    with database.reading() as session:
        found = figures_document(session, read_notice_figures(session, None, None))
    assert found["before"] is None
    assert (found["figures"]["received"], found["figures"]["median_hours"]) == (0, None)


@profile(max_examples=10)
@given(
    requests=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 120), st.booleans()), max_size=12
    )
)
def test_numbers_add_up(
    database_factory: DatabaseFactory, settings: Settings, requests: list[tuple[int, int, bool]]
) -> None:
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    with database_factory() as database:
        for hours_before, hours, is_valid in requests:
            at = begun + timedelta(hours=hours_before)
            request_id = add(
                database, settings, None, received_at=at, good_faith=is_valid, requester=None,
                contact_on_file=True,
            ).request_id  # fmt: skip
            close(database, request_id, at=at + timedelta(hours=hours))
        with database.reading() as session:
            found = read_notice_figures(session, None, None).as_json()
            middle = begun + timedelta(hours=200)
            halves = [
                read_notice_figures(session, *period).as_json()
                for period in ((None, middle), (middle, None))
            ]
    taken = [hours for _, hours, is_valid in requests if is_valid]
    assert found["closed_in_time"] == sum(hours <= 48 for hours in taken)
    assert found["closed_late"] == sum(hours > 48 for hours in taken)
    assert found["median_hours"] == (statistics.median(taken) if taken else None)
    assert found["by_outcome"]["removed"] == len(requests)
    for name in ("received", "valid", "closed", "closed_late"):
        assert found[name] == sum(half[name] for half in halves)


def test_the_export_has_a_row_for_each_notice(database: Database, chosen: Settings) -> None:
    received_at = utc_now() - timedelta(hours=50)
    first = add(database, chosen, "=form/1", received_at=received_at)
    second = add(database, chosen, "form/2", good_faith=False)
    close(database, first.request_id, work=Work(removed=["post/1"]))
    texts = {}
    with database.reading() as session:
        for one in FORMATS:
            out = io.StringIO()
            one.write(NoticeRow, notice_rows(session, chosen.notices, None, None), out)
            texts[one.name] = out.getvalue()
    rows = [json.loads(line) for line in texts["jsonl"].splitlines()]
    assert [row["request_id"] for row in rows] == [first.request_id, second.request_id]
    assert rows[0]["content_ids"] == "post/1 | post/2"
    assert (rows[0]["places"], rows[0]["places_removed"]) == (2, 1)
    assert (rows[0]["in_time"], rows[0]["overdue"], rows[0]["missing"]) == ("no", "no", "")
    assert (rows[1]["in_time"], rows[1]["missing"], rows[1]["due_at"]) == ("", "good_faith", "")
    written = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert tuple(written[0]) == tuple(NoticeRow.__dataclass_fields__)
    assert written[0]["reference"] == "'=form/1"
