"""Schedules of reports, and the reports that were made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from .engine import audit
from .schema import MadeReport, ReportSchedule, require_text

_MOST = 100
# Of each schedule the newest stay: three years of months.
_STAY = 36


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule; `every` is day, week or month, `next_day` where the next period begins."""

    key: int
    name: str
    form: str
    every: str
    owner: str
    next_day: date


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was made of a schedule, without its contents."""

    key: int
    schedule: int
    since: date
    until: date
    made_at: datetime


def add_schedule(
    session: Session, name: str, form: str, every: str, owner: str, next_day: date
) -> None:
    """Add a schedule. Raises `InputError` where the name is taken, or there are too many."""
    require_text(name, owner)
    if not name.strip():
        raise InputError("a schedule needs a name")
    taken = session.scalars(select(ReportSchedule.name).limit(_MOST)).all()
    if name in taken:
        raise InputError(f"there is a schedule named {name[:64]!r} already")
    if len(taken) == _MOST:
        raise InputError(f"there are {_MOST} schedules", hint="Remove one of them.")
    row = ReportSchedule(name=name, form=form, every=every, owner=owner, next_day=next_day)
    session.add(row)
    audit(session, "schedule.added", None, {"name": name, "format": form, "every": every})


def remove_schedule(session: Session, key: int) -> None:
    """Remove a schedule with the reports that were made of it. Raises `NotFoundError`."""
    row = session.get(ReportSchedule, key)
    if row is None:
        raise NotFoundError(f"there is no schedule {key}")
    session.execute(delete(MadeReport).where(MadeReport.schedule_key == key))
    session.delete(row)
    audit(session, "schedule.removed", None, {"name": row.name})


def read_schedules(session: Session) -> list[Schedule]:
    """Return all schedules, by name."""
    return [
        _facts(row) for row in session.scalars(select(ReportSchedule).order_by(ReportSchedule.name))
    ]


def read_made_reports(session: Session, *, limit: int) -> Sequence[Made]:
    """Return the newest reports that were made, newest first."""
    columns = (
        MadeReport.key,
        MadeReport.schedule_key,
        MadeReport.since,
        MadeReport.until,
        MadeReport.made_at,
    )
    rows = session.execute(select(*columns).order_by(MadeReport.key.desc()).limit(limit))
    return [Made(*row) for row in rows]


def read_made_report(session: Session, key: int) -> tuple[Schedule, Made, bytes]:
    """Return a report that was made, with its schedule. Raises `NotFoundError`."""
    row = session.get(MadeReport, key)
    if row is None:
        raise NotFoundError(f"there is no report {key}")
    schedule = session.get_one(ReportSchedule, row.schedule_key)
    made = Made(row.key, row.schedule_key, row.since, row.until, row.made_at)
    return _facts(schedule), made, row.data


def save_made_report(session: Session, schedule: Schedule, until: date, data: bytes) -> bool:
    """Save the report of the next period of a schedule, and go on to the one after it.

    Says whether it was saved: another process may have been faster, or the schedule is gone.
    """
    query = select(ReportSchedule).where(ReportSchedule.key == schedule.key).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None or row.next_day != schedule.next_day:
        return False
    session.add(MadeReport(schedule_key=row.key, since=schedule.next_day, until=until, data=data))
    row.next_day = until
    session.flush()
    of_schedule = select(MadeReport.key).where(MadeReport.schedule_key == row.key)
    old = of_schedule.order_by(MadeReport.since.desc()).offset(_STAY)
    session.execute(delete(MadeReport).where(MadeReport.key.in_(session.scalars(old).all())))
    facts = {"format": row.form, "since": schedule.next_day.isoformat(), "schedule": row.name}
    audit(session, "report.exported", None, {**facts, "until": until.isoformat()})
    return True


def _facts(row: ReportSchedule) -> Schedule:
    return Schedule(row.key, row.name, row.form, row.every, row.owner, row.next_day)
