"""Route of health: whether images are screened, and charts of how many and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hashmatch.policy import SHORT
from hashmatch.store.engine import read_unsealed
from hashmatch.store.figures import read_match_figures
from hashmatch.store.lists import read_lists, read_newest_runs, read_quarantines
from hashmatch.store.matches import read_counts_by_day, read_daily_counts
from hashmatch.store.outbox import count_unsent
from hashmatch.store.policies import find_in_force
from hashmatch.store.schema import utc_now

from ..runtime.state import state_of
from .forms import RequirePerson
from .pages import page
from .people import Person
from .reporting import midnight

router = APIRouter()
AnyPerson = Annotated[Person, Depends(RequirePerson())]
_DAYS = 30
# Heights and widths of the charts, in the units of their own.
_HEIGHT, _WIDTH = 100, 600


@router.get("/health")
async def health(request: Request, _: AnyPerson) -> Response:
    """Show readiness, and charts of the last thirty days."""
    service = state_of(request)
    failure = await service.readiness_failure()
    now = utc_now()

    def read() -> dict[str, Any]:
        with service.reading() as session:
            return _read(session, now)

    facts = await run_in_threadpool(read)
    times = service.metrics.request_times("/v1/scan")
    return page(
        request,
        "health",
        {
            **facts,
            "failure": failure,
            "index_age_s": service.scanner.index_age_s(),
            "times": bars([(_seconds(end), number) for end, number in times]),
            "answered": sum(number for _, number in times),
        },
    )


def _read(session: Session, now: datetime) -> dict[str, Any]:
    first = now.date() - timedelta(days=_DAYS - 1)
    days = [first + timedelta(days=number) for number in range(_DAYS)]
    counts = read_counts_by_day(session, first)
    figures = read_match_figures(session, midnight(first), None)
    quarantines = read_quarantines(session)
    waiting = {name for name, one in quarantines.items() if one.rejected_at is None}
    runs = read_newest_runs(session)
    return {
        "clear": bars([(day.isoformat(), counts.get((day, "clear"), 0)) for day in days]),
        "unscreened": bars([(day.isoformat(), counts.get((day, "unscreened"), 0)) for day in days]),
        "reasons": bars(
            sorted(
                (
                    (reason, number)
                    for (outcome, reason), number in read_daily_counts(session, first).items()
                    if outcome == "unscreened"
                ),
                key=lambda one: -one[1],
            )
        ),
        "matches": bars([(day.isoformat(), figures.by_day.get(day, 0)) for day in days]),
        "by_list": bars(figures.by_list[:20]),
        "lists": [
            {
                "name": one.name,
                "entries": one.active_entries,
                "changed_at": one.changed_at,
                "synced_at": runs[one.name][0].ended_at if runs.get(one.name) else None,
                "outcome": runs[one.name][0].outcome if runs.get(one.name) else "",
                "quarantined": one.name in waiting,
                "licence_end": one.licence_end,
                "is_over": one.licence_has_ended(now.date()),
                "ends_soon": one.licence_ends_soon(now.date()),
            }
            for one in read_lists(session)
        ],
        "outbox": count_unsent(session),
        "unsealed": read_unsealed(session).records,
        "unexplained": _unexplained(session),
    }


def _unexplained(session: Session) -> str:
    """Return the begin of the digest of the policy in force where it has no reason, or nothing."""
    policy = find_in_force(session)
    return policy.digest[:SHORT] if policy is not None and policy.is_unexplained else ""


def _seconds(end: float) -> str:
    if end == float("inf"):
        return "> 30 s"
    return f"≤ {end * 1000:g} ms" if end < 1 else f"≤ {end:g} s"


def bars(counts: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return the bars of a chart: where each is, how high, and what it says."""
    longest = max((number for _, number in counts), default=0)
    width = _WIDTH / max(1, len(counts))
    return {
        "longest": longest,
        "total": sum(number for _, number in counts),
        "bars": [
            {
                "name": name,
                "number": number,
                "x": round(place * width + width * 0.1, 2),
                "width": round(width * 0.8, 2),
                "height": round(_HEIGHT * number / longest, 2) if longest else 0,
                "share": round(100 * number / longest, 1) if longest else 0,
            }
            for place, (name, number) in enumerate(counts)
        ],
    }
