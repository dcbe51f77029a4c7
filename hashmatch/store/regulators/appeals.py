"""Counts of complaints about decisions: where they went, what they were about, how they ended."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from ..schema import Case, CaseAppeal, CaseMeasure
from .grouping import CaseClass, Span, first, of_class

# The kinds of restrictions of which a complaint may be, as Article 20(1) of the Digital Services
# Act divides them.
_ABOUT = {
    "visibility": ("removal", "disabled", "demoted", "age_restricted", "labelled", "other"),
    "service": ("service_suspended", "service_terminated"),
    "account": ("account_suspended", "account_terminated"),
    "monetary": ("monetary",),
}
# Where a case had measures of several kinds, or of none, when the complaint came.
SEVERAL, NOTHING = "several", "nothing"
# (channel, what it was about) to the hours from the complaint to the decision, in any order.
AppealTimes: TypeAlias = Mapping[tuple[str, str], "array[float]"]
_ENDED = ("upheld", "reversed", "partly_reversed")


@dataclass(frozen=True, slots=True)
class AppealCount:
    """Number of complaints of one kind and state.

    `about` is visibility, service, account or monetary where all measures of the case were of that
    kind when the complaint came, else several or nothing.
    """

    channel: str
    appellant: str
    about: str
    state: str
    number: int


def count_appeals(
    session: Session, span: Span, chosen: CaseClass | None = None
) -> list[AppealCount]:
    """Return the numbers of the complaints that came in a period, of each kind."""
    one = _with_kinds(span, chosen).subquery()
    kind = (one.c.channel, one.c.appellant, one.c.state, *(one.c[name] for name in _ABOUT))
    counted = select(*kind, func.count()).group_by(*kind).order_by(*kind)
    numbers = defaultdict[tuple[str, str, str, str], int](int)
    for channel, appellant, state, *kinds, number in session.execute(counted):
        numbers[channel, appellant, _about(kinds), state] += number
    return [AppealCount(*key, number) for key, number in sorted(numbers.items())]


def read_appeal_times(session: Session, span: Span, chosen: CaseClass | None = None) -> AppealTimes:
    """Return the hours to the decision of the complaints that came in a period, by kind.

    Those that ended without a decision have none. Eight bytes of memory for each.
    """
    one = _with_kinds(span, chosen, of_decided=True).subquery()
    kinds_of = (one.c[name] for name in _ABOUT)
    query = select(one.c.channel, one.c.received_at, one.c.decided_at, *kinds_of)
    found = defaultdict[tuple[str, str], "array[float]"](lambda: array("d"))
    rows = session.execute(query.execution_options(yield_per=5_000))
    for channel, received_at, decided_at, *kinds in rows:
        hours = (decided_at - received_at).total_seconds() / 3600
        found[channel, _about(kinds)].append(hours)
    return dict(found)


def _with_kinds(span: Span, chosen: CaseClass | None, *, of_decided: bool = False) -> Select[Any]:
    """Return a query of complaints, and whether the case had measures of each kind by then."""
    named = (CaseAppeal.channel, CaseAppeal.appellant, CaseAppeal.state)
    times = (CaseAppeal.received_at, CaseAppeal.decided_at)
    query = (
        select(CaseAppeal.key, CaseAppeal.case_key, *named, *times)
        .join(Case, Case.key == CaseAppeal.case_key)
        .where(*span.has(CaseAppeal.received_at), *of_class(chosen))
    )
    if of_decided:
        query = query.where(CaseAppeal.state.in_(_ENDED), CaseAppeal.decided_at.is_not(None))
    own = first(query)
    flags = [
        func.max(case((CaseMeasure.restriction.in_(some), 1), else_=0)).label(name)
        for name, some in _ABOUT.items()
    ]
    earlier = and_(
        CaseMeasure.case_key == own.c.case_key, CaseMeasure.imposed_at <= own.c.received_at
    )
    grouped = select(*own.c, *flags).outerjoin(CaseMeasure, earlier).group_by(*own.c)
    return cast("Select[Any]", grouped)


def _about(kinds: list[int]) -> str:
    names = [name for name, is_of in zip(_ABOUT, kinds, strict=True) if is_of]
    return names[0] if len(names) == 1 else SEVERAL if names else NOTHING
