"""Cases in the order of the queue or of their opening, a page at a time.

A page seeks its first case in an index of each state, so that it costs the same however far down
the queue it is, and however many cases there are in other states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from heapq import merge
from itertools import islice
from operator import add
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, func, literal_column, select, tuple_
from sqlalchemy.orm import Session, aliased

from .cases import CaseFilter, CasePlace, OpeningPlace, StoredCase, read_content_ids, with_content
from .engine import among
from .schema import Case, Content, HashList, MatchRecord

_CASES_A_PAGE = 1_000
# Cases that a page passes by at most, where few of them match the list or entry asked for.
_MOST_LOOKED_AT = 2_000
_CONTENTS_A_QUERY = 300
# A list or entry of fewer content items is looked up from its matches, not along the queue.
_FEW_CONTENTS = 1_000
_FEW_DUE = 2_000
_NO_LIMIT = 2**31 - 1
_PRIORITIES = range(10)
_QUEUE = (Case.priority, Case.due_at, Case.key)
_Row: TypeAlias = tuple[int, datetime, int, str | None]
_Query: TypeAlias = Select[int, datetime, int, str | None]
# The place of a case, and its content id; None of one that was merged.
_Candidate: TypeAlias = tuple[CasePlace, str | None]


@dataclass(frozen=True, slots=True)
class CasePage:
    """Cases of the queue, and the place after which the next page begins; None at the end.

    A page may have fewer cases than asked for, or none, where many had to be passed by.
    """

    cases: Sequence[StoredCase]
    following: CasePlace | None


def read_cases(session: Session, wanted: CaseFilter) -> Iterator[StoredCase]:
    """Yield cases in the order of the queue: by priority, then by due time."""
    left, after = wanted.limit, wanted.after
    while left is None or left > 0:
        limit = min(_CASES_A_PAGE, left or _CASES_A_PAGE)
        page = read_case_page(session, replace(wanted, limit=limit, after=after))
        yield from page.cases
        after = page.following
        if after is None:
            return
        left = None if left is None else left - len(page.cases)


def read_case_page(session: Session, wanted: CaseFilter) -> CasePage:
    """Return the cases that come first in the queue after a place, `_CASES_A_PAGE` at most."""
    limit = min(wanted.limit or _CASES_A_PAGE, _CASES_A_PAGE)
    if wanted.content_id is not None:
        # Those that were merged into it, too, which are known by the item that opened them.
        own = select(Content.key).where(Content.content_id == wanted.content_id)
        return _page_of_few(session, wanted, Case.content_key.in_(own), limit)
    if wanted.is_proposed:
        return _page_of_proposed(session, wanted, limit)
    if wanted.fragment:
        return _page_of_fragment(session, wanted, limit)
    if not _concerns_matches(wanted):
        if wanted.states and wanted.due_before is not None and _are_few(session, wanted):
            due = Case.state.in_(wanted.states) & (Case.due_at < wanted.due_before)
            return _page_of_few(session, wanted, due, limit)
        found = list(islice(_walk(session, wanted, limit), limit))
        return _page(session, [place for place, _ in found], found, limit)
    lists = _lists_of(session, wanted)
    contents = _few_declaring(session, wanted) if wanted.declared else None
    if contents is None and (wanted.list_name is not None or wanted.entry_id is not None):
        contents = _few_contents(session, wanted, lists)
    if contents is not None:
        ids = select(Content.content_id).where(among(session, Content.key, contents))
        return _page_of_few(session, wanted, Case.content_id.in_(ids), limit)
    return _page_of_many(session, wanted, lists, limit)


# Written as the index of those that wait for a second approval is.
_IS_PROPOSED: ColumnElement[bool] = Case.proposal != literal_column("''")


def _page_of_proposed(session: Session, wanted: CaseFilter, limit: int) -> CasePage:
    """Return the page of those that wait for a second approval, in the order of their index."""
    query = select(*_QUEUE, Case.content_id, Case.state, Case.assignee, Case.proposed_by)
    query = query.where(_IS_PROPOSED)
    if wanted.after is not None:
        query = query.where(_comes_after(wanted.after, _QUEUE))
    rows = session.execute(query.order_by(*_QUEUE).limit(limit)).all()
    found = [(CasePlace(*row[:3]), row[3]) for row in rows]
    # Here and not by the database, which would begin with an index of all cases of a state.
    own = [
        one
        for one, row in zip(found, rows, strict=True)
        if (not wanted.states or row.state in wanted.states)
        and wanted.assignee in (None, row.assignee)
        and (wanted.due_before is None or row.due_at < wanted.due_before)
        and not _is_same(row.proposed_by, wanted.not_proposed_by)
    ]
    fitting = _fitting(session, wanted, own)
    return _page(session, [place for place, _ in fitting], found, limit)


def _is_same(proposed_by: str, name: str) -> bool:
    """Say whether a name is that of a person; nobody is meant by an empty one."""
    return bool(name) and proposed_by.strip().casefold() == name.strip().casefold()


def _fitting(
    session: Session, wanted: CaseFilter, found: Sequence[_Candidate]
) -> Sequence[_Candidate]:
    """Return those of the cases whose matches are as the filter asks for."""
    if not _concerns_matches(wanted):
        return found
    ids = [content_id for _, content_id in found if content_id is not None]
    matched = _matched(session, wanted, _lists_of(session, wanted), ids)
    return [one for one in found if one[1] in matched]


def count_cases(
    session: Session, filters: Mapping[str, CaseFilter], *, limit: int
) -> dict[str, int]:
    """Return by name how many cases each filter selects, `limit` at most.

    Conditions on matches are left out. The cost is that of so many rows of indexes, in one
    statement for all but proposals.
    """
    counts, queries = {}, {}
    for name, wanted in filters.items():
        if wanted.is_proposed:
            proposed = select(Case.proposed_by).where(_IS_PROPOSED).order_by(*_QUEUE)
            names = session.scalars(proposed.limit(limit))
            counts[name] = sum(not _is_same(one, wanted.not_proposed_by) for one in names)
        else:
            queries[name] = _count_of(wanted, limit)
    if queries:
        row = session.execute(select(*queries.values())).one()
        counts |= dict(zip(queries, row, strict=True))
    return {name: min(counts[name], limit) for name in filters}


def _count_of(wanted: CaseFilter, limit: int) -> ColumnElement[int]:
    """Return the number of cases of a filter as a value, of each state by itself in its index."""
    numbers = []
    for state in wanted.states or (None,):
        own = list(_own_conditions(replace(wanted, states=()), Case))
        some = select(Case.key).where(*own, *([] if state is None else [Case.state == state]))
        limited = some.limit(limit).subquery()
        numbers.append(select(func.count()).select_from(limited).scalar_subquery())
    return reduce(add, numbers)


def _page_of_few(
    session: Session, wanted: CaseFilter, chosen: ColumnElement[bool], limit: int
) -> CasePage:
    """Return the page where few cases are chosen, which are sorted."""
    # The limit keeps the databases from beginning with all cases of a state or priority.
    few = aliased(Case, select(Case).where(chosen).limit(_NO_LIMIT).subquery())
    order = (few.priority, few.due_at, few.key)
    query = select(*order, few.content_id).where(*_own_conditions(wanted, few))
    if wanted.after is not None:
        query = query.where(_comes_after(wanted.after, order))
    rows = session.execute(query.order_by(*order).limit(limit))
    found = [(CasePlace(*row[:3]), row[3]) for row in rows]
    fitting = _fitting(session, wanted, found)
    return _page(session, [place for place, _ in fitting], found, limit)


def _page_of_fragment(session: Session, wanted: CaseFilter, limit: int) -> CasePage:
    """Return the page of those along the queue whose content id has a part."""
    chosen: list[_Candidate] = []
    looked_at: list[_Candidate] = []
    part = wanted.fragment.casefold()
    for one in islice(_walk(session, wanted, _CONTENTS_A_QUERY), _MOST_LOOKED_AT):
        looked_at.append(one)
        if one[1] is not None and part in one[1].casefold():
            chosen.append(one)
            if len(chosen) == limit:
                break
    fitting = _fitting(session, wanted, chosen)
    full = len(looked_at) if len(chosen) == limit else _MOST_LOOKED_AT
    return _page(session, [place for place, _ in fitting], looked_at, full)


def _page_of_many(
    session: Session, wanted: CaseFilter, lists: Sequence[int], limit: int
) -> CasePage:
    """Return the page of those along the queue that match the lists or their entry."""
    chosen: list[CasePlace] = []
    looked_at: list[_Candidate] = []
    # Where most fit, few more are read than are shown.
    at_once = min(2 * limit, _CONTENTS_A_QUERY)
    walk = islice(_walk(session, wanted, at_once), _MOST_LOOKED_AT)
    while some := list(islice(walk, at_once)):
        at_once = _CONTENTS_A_QUERY
        ids = [content_id for _, content_id in some if content_id is not None]
        matched = _matched(session, wanted, lists, ids)
        for one in some:
            looked_at.append(one)
            if one[1] in matched:
                chosen.append(one[0])
                if len(chosen) == limit:
                    return _page(session, chosen, looked_at, len(looked_at))
    return _page(session, chosen, looked_at, _MOST_LOOKED_AT)


def _page(
    session: Session, chosen: Sequence[CasePlace], looked_at: Sequence[_Candidate], full: int
) -> CasePage:
    """Return the page of chosen places; the queue goes on where a `full` number was looked at."""
    following = looked_at[-1][0] if looked_at and len(looked_at) >= full else None
    keys = [one.key for one in chosen]
    query = with_content().where(Case.key.in_(keys)).order_by(*_QUEUE)
    rows = session.execute(query) if keys else ()
    return CasePage([StoredCase(*row) for row in rows], following)


def _walk(session: Session, wanted: CaseFilter, at_once: int) -> Iterator[_Candidate]:
    """Yield places of the queue in order; conditions about matches are left out.

    So many of each state are read at once.
    """
    states: Sequence[str | None] = wanted.states or (None,)
    if wanted.assignee is not None and not wanted.states:
        states = list(_states_of(session, wanted.assignee))
    # The due time is in order within a priority only.
    priorities: Iterable[int | None] = (None,) if wanted.due_before is None else _PRIORITIES
    for one in priorities:
        if one is None or wanted.after is None or wanted.after.priority <= one:
            # Merged here: a compound query would sort each of them once more.
            for row in merge(*(_stream(session, wanted, state, one, at_once) for state in states)):
                yield CasePlace(*row[:3]), row[3]


def _stream(
    session: Session, wanted: CaseFilter, state: str | None, priority: int | None, at_once: int
) -> Iterator[_Row]:
    """Yield cases in one state, or of all, and of one priority, or of all, in an index's order."""
    after = wanted.after
    while rows := session.execute(_following(wanted, state, priority, after, at_once)).all():
        for row in rows:  # As tuples, which are compared in a third of the time.
            yield row[0], row[1], row[2], row[3]
        if len(rows) < at_once:
            return
        after = CasePlace(*rows[-1][:3])


def _following(
    wanted: CaseFilter, state: str | None, priority: int | None, after: CasePlace | None, limit: int
) -> _Query:
    """Return the query of the first cases of a stream after a place."""
    query = select(*_QUEUE, Case.content_id).where(*_opened(wanted, Case))
    if wanted.assignee is not None:
        query = query.where(Case.assignee == wanted.assignee)
    if state is not None:
        query = query.where(Case.state == state)
    if priority is not None:
        query = query.where(Case.priority == priority, Case.due_at < wanted.due_before)
        if after is not None and after.priority == priority:
            query = query.where(tuple_(Case.due_at, Case.key) > (after.due_at, after.key))
    elif after is not None:
        query = query.where(_comes_after(after, _QUEUE))
    return query.order_by(*_QUEUE).limit(limit)


def _states_of(session: Session, assignee: str) -> Iterator[str]:
    """Yield the states in which somebody has cases, from each to the next."""
    query = select(Case.state).where(Case.assignee == assignee).order_by(Case.state).limit(1)
    state = session.scalar(query)
    while state is not None:
        yield state
        state = session.scalar(query.where(Case.state > state))


def _own_conditions(wanted: CaseFilter, case: type[Case]) -> Iterator[ColumnElement[bool]]:
    yield from _opened(wanted, case)
    if wanted.states:
        yield case.state.in_(wanted.states)
    if wanted.assignee is not None:
        yield case.assignee == wanted.assignee
    if wanted.due_before is not None:
        yield case.due_at < wanted.due_before


def _opened(wanted: CaseFilter, case: type[Case]) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield case.opened_at >= wanted.since
    if wanted.until is not None:
        yield case.opened_at < wanted.until


def _comes_after(last: CasePlace, order: Sequence[Any]) -> ColumnElement[bool]:
    return tuple_(*order) > (last.priority, last.due_at, last.key)


def _lists_of(session: Session, wanted: CaseFilter) -> Sequence[int]:
    """Return the keys of the list asked for, or of all, which are few."""
    query = select(HashList.key)
    if wanted.list_name is not None:
        query = query.where(HashList.name == wanted.list_name)
    return session.scalars(query).all()


def _are_few(session: Session, wanted: CaseFilter) -> bool:
    """Say whether so few cases are due that they are sorted sooner than sought by priority."""
    number = session.scalar(select(_count_of(wanted, _FEW_DUE + 1)))
    return number is not None and number <= _FEW_DUE


def _few_contents(session: Session, wanted: CaseFilter, lists: Sequence[int]) -> set[int] | None:
    """Return the content items that match the lists or their entry; None for many of them."""
    found = set[int]()
    for list_key in lists:
        query = select(MatchRecord.content_key).where(MatchRecord.list_key == list_key)
        if wanted.entry_id is not None:
            query = query.where(MatchRecord.entry_id == wanted.entry_id)
        some = session.scalars(query.limit(_FEW_CONTENTS + 1)).all()
        found.update(some)
        if len(some) > _FEW_CONTENTS or len(found) > _FEW_CONTENTS:
            return None
    return found


def _few_declaring(session: Session, wanted: CaseFilter) -> set[int] | None:
    """Return the content items that declare to be made so; None for many of them."""
    # The condition of the index has to be there in its very words.
    declares = (Content.declared != literal_column("''"), Content.declared.in_(wanted.declared))
    query = select(Content.key).where(*declares).limit(_FEW_CONTENTS + 1)
    found = set(session.scalars(query))
    return None if len(found) > _FEW_CONTENTS else found


def _concerns_matches(wanted: CaseFilter) -> bool:
    """Say whether a filter is about the matches of a case, too."""
    of_matches = (
        wanted.list_name, wanted.entry_id, wanted.category, wanted.action, wanted.max_distance_bits
    )  # fmt: skip
    return bool(wanted.declared) or any(one is not None for one in of_matches)


def _matched(
    session: Session, wanted: CaseFilter, lists: Sequence[int], contents: Sequence[str]
) -> set[str | None]:
    """Return those of the content ids whose matches the filter asks for."""
    # Few declare anything: their matches alone have to be read then.
    ids = read_content_ids(session, contents, wanted.declared)
    if not ids:
        return set()
    return {ids[key] for key in _those_that_match(session, wanted, lists, ids)}


def _those_that_match(
    session: Session, wanted: CaseFilter, lists: Sequence[int], contents: Collection[int]
) -> set[int]:
    """Return those of the content items of which one match is as the filter asks for."""
    query = select(MatchRecord.content_key).where(
        among(session, MatchRecord.content_key, contents),
        # As a sum, which has no index: SQLite would go through the matches of the lists.
        (MatchRecord.list_key + 0).in_(lists),
    )
    if wanted.entry_id is not None:
        query = query.where(MatchRecord.entry_id == wanted.entry_id)
    if wanted.category is not None:
        query = query.where(MatchRecord.category == wanted.category)
    if wanted.action is not None:
        query = query.where(MatchRecord.action == wanted.action)
    if wanted.max_distance_bits is not None:
        query = query.where(MatchRecord.distance_bits <= wanted.max_distance_bits)
    return set(session.scalars(query.distinct()))


def read_cases_by_opening(
    session: Session, wanted: CaseFilter, after: OpeningPlace | None = None
) -> Iterator[StoredCase]:
    """Yield cases in the order in which they were opened; lists and entries are left out."""
    order = (Case.opened_at, Case.key)
    query = with_content().where(*_own_conditions(wanted, Case))
    if after is not None:
        query = query.where(tuple_(*order) > (after.opened_at, after.key))
    query = query.order_by(*order).limit(wanted.limit).execution_options(yield_per=1_000)
    for row, content in session.execute(query):
        yield StoredCase(row, content)
