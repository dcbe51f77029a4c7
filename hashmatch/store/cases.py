"""Cases in the store, with their notes, uploader details and reports to NCMEC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, bindparam, insert, select, union_all, update
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError
from hashmatch.outcome import Nearness, nearness

from .engine import as_table, audit_id, audit_rows, overwrite_deleted
from .schema import (
    Case,
    CaseNote,
    Content,
    HashList,
    MatchRecord,
    NCMECReport,
    ReviewResult,
    UploaderDetails,
    require_text,
    utc_now,
)

_LONGEST_KEY = 10
_CASES_OF_AN_ACCOUNT = 1_000
_CASES, _MATCHES = as_table(Case), as_table(MatchRecord)
_CASE_COLUMNS = tuple(one.name for one in _CASES.c)
_NEW_COLUMNS = tuple(name for name in _CASE_COLUMNS if name != "key")
_SAVE = (
    update(_CASES)
    .where(_CASES.c.key == bindparam("new_key"))
    .values({name: bindparam(f"new_{name}") for name in _NEW_COLUMNS})
)
# The other columns of a new case.
_AS_OPENED: Mapping[str, object] = {
    "assignee": "",
    "decided_at": None,
    "notified_at": None,
    "proposal": "",
    "proposed_by": "",
    "legal_hold": "",
    "reopened": 0,
    "revision": 1,
    "result": ReviewResult.OPEN.value,
}
_KEYS = select(_CASES.c.content_key, _CASES.c.key).where(
    _CASES.c.content_key.in_(bindparam("contents", expanding=True))
)
_OPEN = insert(_CASES).returning(_CASES.c.content_key, _CASES.c.key)
_CATEGORIES = select(
    _MATCHES.c.content_key,
    _MATCHES.c.category,
    _MATCHES.c.distance_bits,
    _MATCHES.c.threshold_bits,
).where(_MATCHES.c.content_key.in_(bindparam("contents", expanding=True)))


@dataclass(frozen=True, slots=True)
class CasePlace:
    """Place of a case in the queue, as of when it was read."""

    priority: int
    due_at: datetime
    key: int


@dataclass(frozen=True, slots=True)
class OpeningPlace:
    """Place of a case in the order in which cases were opened."""

    opened_at: datetime
    key: int


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Selection of cases: by state, assignee, due time, list and entry, or by period of opening.

    At most `limit` of them, in the order of the queue after a place in it; see `queue`.
    """

    states: Sequence[str] = ()
    assignee: str | None = None
    due_before: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    content_id: str | None = None
    list_name: str | None = None
    entry_id: str | None = None
    limit: int | None = None
    after: CasePlace | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for text that no database can hold."""
        require_text(self.assignee, self.content_id, self.list_name, self.entry_id)


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case that is about to be opened."""

    content_key: int
    state: str
    priority: int
    due_at: datetime
    opened_at: datetime
    newest_match: int


@dataclass(frozen=True, slots=True)
class StoredCase:
    """One case with its content."""

    row: Case
    content: Content


def lock_cases_of(session: Session, contents: Sequence[int]) -> dict[int, Case]:
    """Return the cases of content items by the keys of these, locked until this transaction ends.

    `save_cases` writes what is changed of them.
    """
    query = select(Case).where(Case.content_key.in_(contents)).order_by(Case.key)
    rows = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    for row in rows:
        session.expunge(row)
    return {row.content_key: row for row in rows}


def read_case_keys(session: Session, contents: Sequence[int]) -> dict[int, int]:
    """Return the keys of the cases of content items, by the keys of these."""
    return {row[0]: row[1] for row in session.execute(_KEYS, {"contents": contents})}


def save_cases(session: Session, cases: Sequence[Case]) -> None:
    """Write all values of cases that `lock_cases_of` returned."""
    rows = [{f"new_{name}": getattr(one, name) for name in _CASE_COLUMNS} for one in cases]
    if rows:
        session.execute(_SAVE, rows)


def open_cases(session: Session, cases: Sequence[NewCase]) -> None:
    """Open cases for content items that have none."""
    own = audit_id(session)
    rows = [{**_opened(one), "audit_id": own} for one in cases]
    keys = {row.content_key: row.key for row in session.execute(_OPEN, rows)} if rows else {}
    opened = [{**row, "key": keys[row["content_key"]]} for row in rows]
    facts = [{"match": one.newest_match, "priority": one.priority} for one in cases]
    audit_rows(session, "case.opened", Case, opened, facts)


def _opened(new: NewCase) -> dict[str, object]:
    return {
        **_AS_OPENED,
        "content_key": new.content_key,
        "state": new.state,
        "priority": new.priority,
        "due_at": new.due_at,
        "opened_at": new.opened_at,
        "changed_at": new.opened_at,
        "newest_match": new.newest_match,
    }


def read_categories(
    session: Session, contents: Sequence[int]
) -> dict[int, list[tuple[str, Nearness]]]:
    """Return the categories of all matches of content items, by their keys."""
    found = defaultdict[int, list[tuple[str, Nearness]]](list)
    for key, category, *distances in session.execute(_CATEGORIES, {"contents": contents}):
        found[key].append((category, nearness(*distances)))
    return found


def lock_case(session: Session, case: int) -> Case:
    """Return a case to be changed; other sessions wait until this transaction ends.

    Raises `NotFoundError`.
    """
    query = select(Case).where(Case.key == case).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise _no_case(str(case))
    return row


def parse_case_id(text: str) -> int:
    """Return the key in a case's id. Raises `NotFoundError` for an id that no case can have."""
    if not text.isdecimal() or len(text) >= _LONGEST_KEY:
        raise _no_case(text)
    return int(text)


def read_case(session: Session, case: int) -> StoredCase:
    """Return a case. Raises `NotFoundError`."""
    found = session.execute(_with_content().where(Case.key == case)).one_or_none()
    if found is None:
        raise _no_case(str(case))
    return StoredCase(*found)


def read_case_matches(session: Session, content_key: int) -> list[tuple[MatchRecord, str]]:
    """Return the matches of a content item, oldest first, with the names of their lists."""
    query = (
        select(MatchRecord, HashList.name)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .where(MatchRecord.content_key == content_key)
        .order_by(MatchRecord.key)
    )
    return [(record, name) for record, name in session.execute(query)]


def read_matched_lists(
    session: Session, contents: Sequence[int]
) -> defaultdict[int, list[tuple[str, str]]]:
    """Return the list and category of every match, by content key."""
    query = (
        select(MatchRecord.content_key, HashList.name, MatchRecord.category)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .where(MatchRecord.content_key.in_(contents))
    )
    found = defaultdict[int, list[tuple[str, str]]](list)
    for content, name, category in session.execute(query):
        found[content].append((name, category))
    return found


def read_report_ids(session: Session, cases: Sequence[int]) -> defaultdict[int, list[str]]:
    """Return the ids of finished reports to NCMEC, by case."""
    query = select(NCMECReport.case_key, NCMECReport.report_id).where(
        NCMECReport.case_key.in_(cases),
        NCMECReport.finished_at.is_not(None),
        NCMECReport.is_test.is_(False),
    )
    found = defaultdict[int, list[str]](list)
    for case, report_id in session.execute(query):
        found[case].append(report_id)
    return found


def read_reports_of_account(
    session: Session, case: int, digests: Sequence[str], *, limit: int
) -> list[str]:
    """Return the ids of the newest finished reports of an account's other cases, newest first.

    Of an account with very many cases, the newest ones are looked at.
    """
    cases = [
        select(UploaderDetails.case_key)
        .where(UploaderDetails.account_digest == one)
        .order_by(UploaderDetails.case_key.desc())
        .limit(_CASES_OF_AN_ACCOUNT)
        .subquery()
        for one in digests
    ]
    if not cases:
        return []
    query = (
        select(NCMECReport.report_id)
        .where(
            NCMECReport.case_key.in_(union_all(*(select(one) for one in cases))),
            NCMECReport.case_key != case,
            NCMECReport.finished_at.is_not(None),
            NCMECReport.is_test.is_(False),
        )
        .order_by(NCMECReport.key.desc())
        .limit(limit)
    )
    return list(session.scalars(query))


def has_case(session: Session, case: int) -> bool:
    """Say whether a case exists."""
    return session.get(Case, case) is not None


def add_case_note(session: Session, case: int, actor: str, text: str) -> CaseNote:
    """Add a note to a case."""
    note = CaseNote(case_key=case, actor=actor, text=text)
    session.add(note)
    return note


def read_notes(session: Session, case: int) -> list[CaseNote]:
    """Return the notes on a case, oldest first."""
    query = select(CaseNote).where(CaseNote.case_key == case).order_by(CaseNote.key)
    return list(session.scalars(query))


def find_uploader_details(session: Session, case: int) -> UploaderDetails | None:
    """Return the encrypted uploader details of a case."""
    return session.get(UploaderDetails, case, populate_existing=True)


def save_uploader_details(
    session: Session, case: int, *, key_id: str, sealed: str, account_digest: str
) -> UploaderDetails:
    """Store encrypted uploader details of a case, in place of earlier ones."""
    row = find_uploader_details(session, case) or UploaderDetails(case_key=case)
    overwrite_deleted(session)
    row.key_id, row.sealed, row.received_at = key_id, sealed, utc_now()
    row.account_digest = account_digest
    session.add(row)
    return row


def lock_details_of_other_keys(
    session: Session, key_id: str, *, limit: int
) -> Sequence[UploaderDetails]:
    """Return uploader details that are encrypted with another key, to be changed."""
    found: list[UploaderDetails] = []
    # An index finds what is smaller or larger, and not what differs.
    for differs in (UploaderDetails.key_id < key_id, UploaderDetails.key_id > key_id):
        others = select(UploaderDetails).where(differs).limit(limit - len(found))
        found += session.scalars(others.with_for_update()).all()
    return found


def add_ncmec_report(session: Session, report: NCMECReport) -> None:
    """Add a report of a case, which has its key afterwards."""
    session.add(report)
    session.flush()


def read_ncmec_report(session: Session, key: int) -> NCMECReport:
    """Return a report, which has to exist."""
    return session.get_one(NCMECReport, key)


def read_ncmec_reports(session: Session, case: int) -> list[NCMECReport]:
    """Return the reports of a case to NCMEC, oldest first."""
    query = select(NCMECReport).where(NCMECReport.case_key == case).order_by(NCMECReport.key)
    return list(session.scalars(query))


def has_open_report(session: Session, case: int, ended: Sequence[str]) -> bool:
    """Say whether a report of a case to NCMEC, not to its test system, is in no `ended` stage."""
    query = select(NCMECReport.key).where(
        NCMECReport.case_key == case,
        NCMECReport.is_test.is_(False),
        NCMECReport.stage.not_in(ended),
    )
    return session.scalar(query.limit(1)) is not None


def lock_ncmec_report(session: Session, key: int) -> NCMECReport:
    """Return a report to be changed. Raises `NotFoundError`."""
    query = select(NCMECReport).where(NCMECReport.key == key).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError(f"there is no report {key} to NCMEC")
    return row


def _with_content() -> Select[Case, Content]:
    return select(Case, Content).join(Content, Content.key == Case.content_key)


def _no_case(case: str) -> NotFoundError:
    return NotFoundError(
        f"there is no case {case[:32]!r}", hint="'hashmatch cases list' gives the ids."
    )
