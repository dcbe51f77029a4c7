"""Removal of cases, of content without a case, and of uploader details."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from ..cases import read_content_ids
from ..engine import among, is_sqlite
from ..evaluations import keep_results
from ..preservation import end_preservation_checks
from ..schema import (
    AllowedMatchRecord,
    AppealState,
    Base,
    Case,
    CaseAppeal,
    CaseDeadline,
    CaseMeasure,
    CaseNote,
    CasePreservation,
    CaseRetention,
    Content,
    ContentHash,
    ContentLook,
    MatchRecord,
    NCMECReport,
    OutboxMessage,
    RetentionClass,
    UploaderDetails,
    utc_now,
)
from .turns import Place, Removed, count_rows, delete_keys, remove_audited

# A case has about so many rows below it.
_ROWS_A_CASE = 8


@dataclass(frozen=True, slots=True)
class OldCases:
    """Cases that are old: in a state, and by when they last changed, or by when they were opened.

    `ended` are the stages of reports that are not under way. With `messaging`, only cases of that
    class: those that have no class of their own are, where it is the class `by_default`. Called
    `on_removed` are those that go, in the transaction in which they do.
    """

    ended: Sequence[str]
    state: str | None = None
    messaging: bool = False
    by_default: bool = False
    on_removed: Callable[[Session, Sequence[Any]], None] = lambda *_: None

    @property
    def age(self) -> Any:
        """Return the column that says how old a case is."""
        return Case.changed_at if self.state is not None else Case.opened_at

    def aged(self, before: datetime) -> Select[Any]:
        """Return a query of the age, key and content of these cases, whether or not they may go.

        Those with a class of their own are looked up by it: they are few, each chosen by a person.
        """
        query = select(self.age, Case.key, Case.content_key).where(self.age < before)
        if self.state is not None:
            query = query.where(Case.state == self.state)
        if self.messaging and not self.by_default:
            own = aliased(CaseRetention)
            query = query.join(own, own.case_key == Case.key)
            query = query.where(own.retention_class == RetentionClass.MESSAGING)
        return query

    def may_go(self, before: datetime) -> Iterator[ColumnElement[bool]]:
        """Yield what is asked of each of these cases."""
        yield from _may_go(before, self.ended)
        if self.messaging and self.by_default:
            is_other = CaseRetention.retention_class != RetentionClass.MESSAGING
            yield ~exists().where(CaseRetention.case_key == Case.key, is_other)


def count_old_cases(session: Session, before: datetime, *, chosen: OldCases) -> int:
    """Return the number of cases that are old at a time and may go.

    Those that were merged into them count, too.
    """
    aged = chosen.aged(before).where(*chosen.may_go(before))
    old = (Case.key.in_(aged.with_only_columns(Case.key).correlate(None)),)
    opened, merged = aliased(Content), aliased(Case)
    with_them = (
        select(merged.key)
        .join(opened, opened.key == merged.content_key)
        .join(Case, Case.content_id == opened.content_id)
        .where(merged.content_id.is_(None), *old)
    )
    return count_rows(session, select(Case.key).where(*old)) + count_rows(session, with_them)


def remove_old_cases(
    session: Session,
    before: datetime,
    after: Place | None,
    rows: int,
    *,
    chosen: OldCases,
) -> Removed:
    """Remove these cases, from a place on, with everything that belongs to them.

    Cases under a legal hold stay, those that have to be kept for a report, and those with a
    message, a report or an appeal under way. So do those that somebody is at work on at this
    moment. What was merged into a case, whose reports and details these are as well, goes and stays
    with it.
    """
    age = chosen.age
    found = _page(
        session, chosen.aged(before), (age, Case.key), after, max(1, rows // _ROWS_A_CASE)
    )
    if not found:
        return Removed(is_last=True)
    # In the order in which scans lock them; a case may have changed by then.
    contents = _lock_contents(session, [content for _, _, content in found])
    # Looked up by the key alone: an index of what is old is there, too, and long.
    again = select(
        Case.key, Case.content_key, Case.content_id, Case.result, Case.state, age.label("age")
    ).where(among(session, Case.key, [key for _, key, _ in found]), *chosen.may_go(before))
    cases = [
        one
        for one in session.execute(again.with_for_update(of=Case, skip_locked=True))
        if one.content_key in contents and chosen.state in (None, one.state) and one.age < before
    ]
    last = Place(found[-1][0], found[-1][1])
    removed = Counter[str]()
    if cases and not _remove_cases(session, cases, rows, removed, chosen):
        return Removed(removed, after)
    return Removed(removed, last)


def _remove_cases(
    session: Session,
    cases: Sequence[Any],
    rows: int,
    removed: Counter[str],
    chosen: OldCases,
) -> bool:
    """Remove cases with all below them; says whether they went before the rows of a turn did."""
    results = _results_of_contents(session, cases)
    merged = select(Case.key, Case.content_key).where(
        among(session, Case.content_key, results), Case.content_id.is_(None)
    )
    live = cases
    cases = [*cases, *session.execute(merged.order_by(Case.key).with_for_update())]
    keys, own = [case.key for case in cases], {case.content_key for case in cases}
    below = _Below(session, rows, removed)
    is_whole = (
        below.remove_matches(results)
        and below.remove(AllowedMatchRecord, AllowedMatchRecord.content_key, results)
        and below.remove_hashes(results)
        # That which opened the case goes last, together with it.
        and below.remove(Content, Content.key, sorted(results.keys() - own))
        and below.remove(CaseNote, CaseNote.case_key, keys)
        and below.remove(UploaderDetails, UploaderDetails.case_key, keys)
        and below.remove(NCMECReport, NCMECReport.case_key, keys)
        # Those that never arrived still hold the names of the content.
        and below.remove(OutboxMessage, OutboxMessage.case_key, keys)
        and below.remove(ContentLook, ContentLook.case_key, keys)
        and below.remove(CaseDeadline, CaseDeadline.case_key, keys)
        and below.remove(CaseMeasure, CaseMeasure.case_key, keys)
        and below.remove(CaseAppeal, CaseAppeal.case_key, keys)
    )
    if is_whole:
        chosen.on_removed(session, live)
        _remove_single_rows(session, keys)
        remove_audited(session, Case, keys)
        remove_audited(session, Content, sorted(own))
        removed += {"cases": len(keys)}
    return is_whole


def _remove_single_rows(session: Session, cases: Sequence[int]) -> None:
    """Remove what is there once at most for each case."""
    for table in (CasePreservation, CaseRetention):
        found = select(table.case_key).where(among(session, table.case_key, cases))
        remove_audited(session, table, session.scalars(found).all())
    end_preservation_checks(session, cases)


def _results_of_contents(session: Session, cases: Sequence[Any]) -> dict[int, str]:
    """Return the results of cases by the keys of all their evidence."""
    results = {case.content_id: case.result for case in cases}
    ids = read_content_ids(session, list(results))
    return {key: results[content_id] for key, content_id in ids.items()}


def count_old_contents(session: Session, before: datetime) -> int:
    """Return the number of content items without a case whose matches were all allowed before."""
    old = select(AllowedMatchRecord.content_key).distinct()
    key = old.where(AllowedMatchRecord.allowed_at < before).subquery().c.content_key
    return count_rows(session, select(key).where(*_have_no_case(key, before)))


def remove_old_contents(
    session: Session, before: datetime, after: Place | None, rows: int
) -> Removed:
    """Remove these content items, from a place on, with their hashes and allowed matches."""
    page = select(
        AllowedMatchRecord.allowed_at, AllowedMatchRecord.key, AllowedMatchRecord.content_key
    ).where(AllowedMatchRecord.allowed_at < before)
    order = (AllowedMatchRecord.allowed_at, AllowedMatchRecord.key)
    found = _page(session, page, order, after, max(1, rows // _ROWS_A_CASE))
    if not found:
        return Removed(is_last=True)
    locked = _lock_contents(session, {content for _, _, content in found})
    again = select(Content.key).where(
        among(session, Content.key, locked), *_have_no_case(Content.key, before)
    )
    contents = session.scalars(again).all()
    removed = Counter[str]()
    last = Place(found[-1][0], found[-1][1])
    if contents:
        below = _Below(session, rows, removed)
        # Found by their allowed matches, of which the last goes together with its content.
        if not (
            below.remove_matches(dict.fromkeys(contents, ""))
            and below.remove_hashes(contents)
            and below.remove(AllowedMatchRecord, AllowedMatchRecord.content_key, contents)
        ):
            return Removed(removed, after)
        remove_audited(session, Content, contents)
        removed += {"contents": len(contents)}
    return Removed(removed, last)


def count_old_details(session: Session, before: datetime, *, needed: Sequence[str]) -> int:
    """Return the number of uploader details received before a time, of cases past `needed`."""
    old = UploaderDetails.received_at < before
    return count_rows(session, _details_that_may_go(needed).where(old))


def remove_old_details(
    session: Session, before: datetime, after: Place | None, rows: int, *, needed: Sequence[str]
) -> Removed:
    """Remove these details, from a place on, but for cases under a legal hold."""
    order = (UploaderDetails.received_at, UploaderDetails.case_key)
    found = _page(session, select(*order).where(order[0] < before), order, after, rows)
    if not found:
        return Removed(is_last=True)
    # Like a session that sets a legal hold or stores details.
    keys = [key for _, key in found]
    lock = (
        select(Case.key).where(among(session, Case.key, keys)).order_by(Case.key).with_for_update()
    )
    session.execute(lock).all()
    again = _details_that_may_go(needed).where(among(session, UploaderDetails.case_key, keys))
    gone = session.scalars(again.where(order[0] < before)).all()
    remove_audited(session, UploaderDetails, gone)
    removed = Counter({"details": len(gone)} if gone else {})
    return Removed(removed, Place(*found[-1]))


class _Below:
    """Removal of what is below cases and content items, of so many rows at most."""

    def __init__(self, session: Session, rows: int, removed: Counter[str]) -> None:
        self._session = session
        self._left = rows
        self._removed = removed

    def remove_matches(self, results: Mapping[int, str]) -> bool:
        """Remove matches, by content, after their samples have the result; see `remove`."""
        keys = self._some(MatchRecord.key, MatchRecord.content_key, results)
        keep_results(self._session, keys, results)
        return self._removed_now(MatchRecord, keys)

    def remove(self, table: type[Base], owner: Any, owners: Any) -> bool:
        """Remove rows by their owners; says whether that was all of them."""
        return self._removed_now(table, self._some(_key_of(table), owner, owners))

    def remove_hashes(self, contents: Any) -> bool:
        """Remove the hashes of content items, which are as few as a file has frames."""
        # They have no key of their own, and no record in the audit log.
        hashes: Any = ContentHash.__table__
        of_contents = among(self._session, hashes.c.content_key, contents)
        self._session.execute(delete(hashes).where(of_contents))
        return True

    def _some(self, key: Any, owner: Any, owners: Any) -> Sequence[int]:
        query = select(key).where(among(self._session, owner, owners)).limit(self._left)
        return self._session.scalars(query).all()

    def _removed_now(self, table: type[Base], keys: Sequence[int]) -> bool:
        name = _NAMES.get(table, table.__tablename__)
        if table.audited:
            remove_audited(self._session, table, keys)
        else:
            delete_keys(self._session, _key_of(table), keys)
        self._removed.update({name: len(keys)} if keys else {})
        self._left -= len(keys)
        return self._left > 0


# What people call the rows of a table.
_NAMES: Mapping[type[Base], str] = {OutboxMessage: "messages", ContentLook: "looks"}


def _key_of(table: type[Base]) -> Any:
    return getattr(table, table.audited[0] if table.audited else "key")


def _page(
    session: Session, query: Any, order: tuple[Any, Any], after: Place | None, rows: int
) -> Sequence[Any]:
    """Return the next rows of a query in an order, whether or not they may go."""
    if after is not None:
        query = query.where(tuple_(*order) > (after.moment, after.key))
    found: Sequence[Any] = session.execute(query.order_by(*order).limit(rows)).all()
    return found


def _lock_contents(session: Session, keys: Any) -> set[int]:
    """Lock content items, but for those that a scan records something of: they are not old."""
    if is_sqlite(session):
        return set(keys)  # It has one writer.
    wanted = select(Content.key).where(among(session, Content.key, keys)).order_by(Content.key)
    return set(session.scalars(wanted.with_for_update(skip_locked=True)))


def _may_go(before: datetime, ended: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    opened, merged = aliased(Content), aliased(Case)
    is_merged = (opened.content_id == Case.content_id) & (merged.content_key == opened.key)
    is_merged &= merged.content_id.is_(None)
    # One by one: each looks up by its index what is of a few cases.
    return (
        Case.content_id.is_not(None),
        Case.legal_hold == "",
        *(~exists().where(one) for one in _under_way(Case, ended)),
        ~exists().where(CaseAppeal.case_key == Case.key, CaseAppeal.state == AppealState.RECEIVED),
        ~exists().where(CaseRetention.case_key == Case.key, CaseRetention.keep_until > utc_now()),
        ~exists().where(is_merged, or_(merged.changed_at >= before, merged.legal_hold != "")),
        *(~exists().where(is_merged, one) for one in _under_way(merged, ended)),
    )


def _under_way(case: Any, ended: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    yield (NCMECReport.case_key == case.key) & NCMECReport.stage.not_in(ended)
    yield (OutboxMessage.case_key == case.key) & OutboxMessage.next_attempt_at.is_not(None)


def _have_no_case(content: Any, before: datetime) -> tuple[ColumnElement[bool], ...]:
    newer_match = (MatchRecord.content_key == content) & (MatchRecord.matched_at >= before)
    newer = (AllowedMatchRecord.content_key == content) & (AllowedMatchRecord.allowed_at >= before)
    own = aliased(Content)
    return (
        ~exists().where(Case.content_key == content),
        ~exists().where(own.key == content, Case.content_id == own.content_id),
        ~exists().where(newer_match),
        ~exists().where(newer),
    )


def _details_that_may_go(needed: Sequence[str]) -> Select[int]:
    query = select(UploaderDetails.case_key).join(Case, Case.key == UploaderDetails.case_key)
    # Those of a merged case are needed as long as they are by the one that has them now.
    opened, live = aliased(Content), aliased(Case)
    is_live = (opened.key == Case.content_key) & (live.content_id == opened.content_id)
    return query.where(~exists().where(is_live, or_(live.legal_hold != "", live.state.in_(needed))))
