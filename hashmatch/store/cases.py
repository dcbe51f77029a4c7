"""Cases in the store, with their notes, uploader details and reports to NCMEC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError

from .engine import among, overwrite_deleted
from .schema import (
    Case,
    CaseNote,
    Content,
    HashList,
    MatchRecord,
    NCMECReport,
    UploaderDetails,
    require_text,
    utc_now,
)

_LONGEST_KEY = 10
_CASES_OF_AN_ACCOUNT = 1_000


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
    """Selection of cases: by state, assignee, due time, matches, or period of opening.

    `list_name`, `entry_id`, `category`, `action` and `max_distance_bits` have to fit one match of
    a case, `declared` its content, `fragment` be a part of its content id, in small letters or not.
    `is_proposed` selects those that wait for a second approval,
    but for those that `not_proposed_by` proposed. At most `limit` of them, in the order of the
    queue after a place in it; see `queue`.
    """

    states: Sequence[str] = ()
    assignee: str | None = None
    due_before: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    content_id: str | None = None
    fragment: str = ""
    list_name: str | None = None
    entry_id: str | None = None
    category: str | None = None
    action: str | None = None
    max_distance_bits: int | None = None
    declared: Sequence[str] = ()
    is_proposed: bool = False
    not_proposed_by: str = ""
    limit: int | None = None
    after: CasePlace | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for text that no database can hold."""
        require_text(
            self.assignee,
            self.content_id,
            self.fragment,
            self.list_name,
            self.entry_id,
            self.category,
            self.action,
        )


@dataclass(frozen=True, slots=True)
class StoredCase:
    """One case with the evidence that opened it."""

    row: Case
    content: Content


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
    found = session.execute(with_content().where(Case.key == case)).one_or_none()
    if found is None:
        raise _no_case(str(case))
    return StoredCase(*found)


def read_case_matches(session: Session, case: Case) -> list[tuple[MatchRecord, str]]:
    """Return the matches of a case, oldest first, with the names of their lists."""
    query = (
        select(MatchRecord, HashList.name)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .where(contents_of(case))
        .order_by(MatchRecord.key)
    )
    return [(record, name) for record, name in session.execute(query)]


def read_case_contents(session: Session, case: Case) -> list[Content]:
    """Return the evidence of a case, oldest first: the bytes and look-ups that matched.

    Those that an allow list explained are among them.
    """
    return list(session.scalars(select(Content).where(contents_of(case)).order_by(Content.key)))


def contents_of(case: Case) -> ColumnElement[bool]:
    """Say of contents that they are evidence of a case; a merged one has that which opened it."""
    if case.content_id is None:
        return Content.key == case.content_key
    return Content.content_id == case.content_id


def find_merged_into(session: Session, case: Case) -> int | None:
    """Return the key of the case that a case was merged into, None for one that was not."""
    if case.content_id is not None:
        return None
    own = select(Content.content_id).where(Content.key == case.content_key).scalar_subquery()
    return session.scalar(select(Case.key).where(Case.content_id == own))


def read_merged(session: Session, case: Case) -> list[int]:
    """Return the keys of the cases that were merged into a case, in their order."""
    if case.content_id is None:
        return []
    query = (
        select(Case.key)
        .join(Content, Content.key == Case.content_key)
        .where(Content.content_id == case.content_id, Case.content_id.is_(None))
    )
    return list(session.scalars(query.order_by(Case.key)))


def read_content_ids(
    session: Session, contents: Sequence[str], declared: Sequence[str] = ()
) -> dict[int, str]:
    """Return the content ids of all evidence under these, by its keys.

    Or of that which declares one of some origins. To be read by themselves, so that no other table
    decides where a query begins.
    """
    of_ids = among(session, Content.content_id, contents)
    evidence = select(Content.key, Content.content_id).where(of_ids)
    if declared:
        evidence = evidence.where(Content.declared.in_(declared))
    return {row[0]: row[1] for row in session.execute(evidence)}


def read_matched_lists(
    session: Session, contents: Sequence[str]
) -> defaultdict[str, list[tuple[str, str]]]:
    """Return the list and category of every match, by content id."""
    ids = read_content_ids(session, contents)
    query = (
        select(MatchRecord.content_key, HashList.name, MatchRecord.category)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .where(MatchRecord.content_key.in_(ids))
    )
    found = defaultdict[str, list[tuple[str, str]]](list)
    for key, name, category in session.execute(query):
        found[ids[key]].append((name, category))
    return found


@dataclass(frozen=True, slots=True)
class MatchLine:
    """One match of a case in few words, with what its file declares of its origin."""

    list_name: str
    category: str
    action: str
    distance_bits: int
    threshold_bits: int
    declared: str


def read_match_lines(
    session: Session, contents: Sequence[str], *, limit: int
) -> defaultdict[str, list[MatchLine]]:
    """Return the matches under content ids, by these, `limit` at most of all of them."""
    ids = read_content_ids(session, contents)
    query = (
        select(
            MatchRecord.content_key,
            HashList.name,
            MatchRecord.category,
            MatchRecord.action,
            MatchRecord.distance_bits,
            MatchRecord.threshold_bits,
            Content.declared,
        )
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .where(among(session, MatchRecord.content_key, ids))
        .limit(limit)
    )
    found = defaultdict[str, list[MatchLine]](list)
    for row in session.execute(query):
        found[ids[row[0]]].append(MatchLine(row[1], row[2], row[3], row[4], row[5], row[6]))
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


def find_result(session: Session, content_id: str) -> str | None:
    """Return the result of the review of a content id's case; None where there is no case."""
    return session.scalar(select(Case.result).where(Case.content_id == content_id))


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


def find_details_of(session: Session, case: Case) -> UploaderDetails | None:
    """Return the encrypted uploader details of a case, or the newest of one merged into it."""
    for key in (case.key, *reversed(read_merged(session, case))):
        if (found := find_uploader_details(session, key)) is not None:
            return found
    return None


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


def with_content() -> Select[Case, Content]:
    """Return a query of cases with the evidence that opened each."""
    return select(Case, Content).join(Content, Content.key == Case.content_key)


def _no_case(case: str) -> NotFoundError:
    return NotFoundError(
        f"there is no case {case[:32]!r}", hint="'hashmatch cases list' gives the ids."
    )
