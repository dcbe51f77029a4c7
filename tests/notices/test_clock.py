"""The clock of a notice: elapsed hours, whatever clocks on walls do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.config import NoticeSettings
from hashmatch.errors import InputError
from hashmatch.notices import PARTS, due_after, is_in_time, is_overdue, missing_parts
from hashmatch.notices.clock import hours_taken, require_passed
from hashmatch.store.schema import Notice, NoticeState

_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Monrovia", "UTC")
_MOMENTS = st.datetimes(
    datetime(1972, 1, 1),
    datetime(2099, 12, 31),
    timezones=st.sampled_from(_ZONES).map(ZoneInfo),
    allow_imaginary=False,
)
_HOURS = st.floats(0.01, 10_000, allow_nan=False)


@given(valid_at=_MOMENTS, hours=_HOURS)
def test_the_time_is_as_long_as_it_says_whatever_the_zone(valid_at: datetime, hours: float) -> None:
    due_at = due_after(valid_at, hours)
    assert due_at.tzinfo is UTC
    # By seconds since the epoch, which know of no wall clock.
    assert abs(due_at.timestamp() - valid_at.timestamp() - hours * 3600) < 0.001


@given(valid_at=_MOMENTS, offset=st.integers(-14, 14))
def test_it_is_due_at_the_same_time_however_the_moment_was_written(
    valid_at: datetime, offset: int
) -> None:
    written = valid_at.astimezone(timezone(timedelta(hours=offset)))
    assert due_after(written, 48) == due_after(valid_at, 48)


@pytest.mark.parametrize(
    ("valid_at", "due_at"),
    [
        # Clocks go forward on the 29th at 01:00 UTC, and back on 25 October.
        ("2026-03-28T12:00+01:00", "2026-03-30T13:00+02:00"),
        ("2026-10-24T12:00+02:00", "2026-10-26T11:00+01:00"),
        ("2028-02-28T12:00+00:00", "2028-03-01T12:00+00:00"),
        ("2027-02-28T12:00+00:00", "2027-03-02T12:00+00:00"),
        ("2026-12-31T23:59+00:00", "2027-01-02T23:59+00:00"),
    ],
)
def test_days_with_a_clock_change_and_leap_days(valid_at: str, due_at: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    written = datetime.fromisoformat(valid_at).astimezone(zone)
    assert due_after(written, 48) == datetime.fromisoformat(due_at)


def _notice(state: NoticeState, closed_after_s: float | None, hours: float = 48) -> Notice:
    valid_at = datetime(2026, 11, 1, tzinfo=UTC)
    closed_at = None if closed_after_s is None else valid_at + timedelta(seconds=closed_after_s)
    return Notice(
        state=state,
        completed_at=valid_at,
        due_at=due_after(valid_at, hours),
        closed_at=closed_at,
    )


@given(seconds=st.integers(0, 400_000), hours=st.floats(1, 100, allow_nan=False))
def test_in_time_is_up_to_the_due_time_and_late_after_it(seconds: int, hours: float) -> None:
    one = _notice(NoticeState.REMOVED, seconds, hours)
    taken = hours_taken(one)
    assert taken is not None
    assert abs(taken * 3600 - seconds) < 1
    assert one.due_at is not None
    assert one.closed_at is not None
    assert is_in_time(one) is (one.closed_at <= one.due_at)
    assert not is_overdue(one, datetime.max.replace(tzinfo=UTC))


def test_only_a_valid_notice_is_overdue_and_only_after_its_time() -> None:
    one = _notice(NoticeState.VALID, None)
    assert one.due_at is not None
    assert not is_overdue(one, one.due_at)
    assert is_overdue(one, one.due_at + timedelta(microseconds=1))
    for state in set(NoticeState) - {NoticeState.VALID}:
        assert not is_overdue(Notice(state=state, due_at=one.due_at), one.due_at.replace(year=2030))
    assert is_in_time(one) is None


def test_a_time_that_is_yet_to_come_gives_no_more_time() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    require_passed(now + timedelta(minutes=4), now, name="received_at")
    with pytest.raises(InputError, match="received_at is in the future"):
        require_passed(now + timedelta(minutes=6), now, name="received_at")


@given(given_parts=st.sets(st.sampled_from(PARTS)), needed=st.sets(st.sampled_from(PARTS)))
def test_what_is_missing_is_what_is_needed_and_not_given(
    given_parts: set[str], needed: set[str]
) -> None:
    assert set(missing_parts(given_parts, needed)) == needed - given_parts


def test_by_default_the_parts_are_those_of_the_law() -> None:
    assert NoticeSettings().due_hours == 48
    assert NoticeSettings().parts == ("signature", "identification", "good_faith", "contact")
