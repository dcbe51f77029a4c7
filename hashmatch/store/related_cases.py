"""Cases that are related to a case: of the same account, and of the same entries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from .cases import StoredCase, with_content
from .schema import Case, Content, HashList, MatchRecord, UploaderDetails


def read_cases_of_account(session: Session, case: int, *, limit: int) -> list[StoredCase]:
    """Return the newest other cases of the account that uploaded the content of a case."""
    digest = session.scalar(
        select(UploaderDetails.account_digest).where(UploaderDetails.case_key == case)
    )
    if not digest:
        return []
    others = (
        select(UploaderDetails.case_key)
        .where(UploaderDetails.account_digest == digest, UploaderDetails.case_key != case)
        .order_by(UploaderDetails.case_key.desc())
        .limit(limit)
    )
    keys = session.scalars(others).all()
    rows = session.execute(with_content().where(Case.key.in_(keys)).order_by(Case.key.desc()))
    return [StoredCase(*row) for row in rows]


def read_cases_of_entries(
    session: Session, case: int, entries: Sequence[tuple[str, str]], *, limit: int
) -> list[StoredCase]:
    """Return other cases whose newest content matched one of the entries (list, id), newest first.

    `limit` of each entry are looked at, and returned of all of them.
    """
    contents = set[int]()
    for list_name, entry_id in entries:
        # Seeks in the index of an entry's matches, however many there are.
        list_key = session.scalar(select(HashList.key).where(HashList.name == list_name))
        of_entry = MatchRecord.list_key == list_key, MatchRecord.entry_id == entry_id
        newest = select(MatchRecord.content_key).where(*of_entry)
        newest = newest.order_by(MatchRecord.content_key.desc()).limit(limit + 1)
        contents.update(session.scalars(newest))
    ids = select(Content.content_id).where(Content.key.in_(contents))
    names = set(session.scalars(ids))
    rows = session.execute(
        with_content()
        .where(Case.content_id.in_(names), Case.key != case)
        .order_by(Case.key.desc())
        .limit(limit)
    )
    return [StoredCase(*row) for row in rows]
