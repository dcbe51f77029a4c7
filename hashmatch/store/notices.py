"""Notices in the store: requests to remove intimate images, in the order in which they are due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from .engine import among, audit_id, overwrite_deleted, upsert
from .schema import (
    HashList,
    Notice,
    NoticeContact,
    NoticeItem,
    NoticeState,
    require_text,
)

# Those that wait come first: what is due, and then what lacks something.
WAITING = (NoticeState.VALID, NoticeState.INCOMPLETE)
CLOSED = (
    NoticeState.REMOVED,
    NoticeState.REFUSED,
    NoticeState.DUPLICATE,
    NoticeState.WITHDRAWN,
)
_ORDER = (*WAITING, *CLOSED)
_ROWS_A_PAGE = 1_000
_MAX_ITEMS = 500


@dataclass(frozen=True, slots=True)
class NoticePlace:
    """Place of a notice in the register, as of when it was read."""

    state: NoticeState
    placed_at: datetime
    key: int


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Selection of notices: by state, content id, or that they were due before a time.

    At most `limit` of them after a place, in the order of the register: valid ones that are due
    next first, then incomplete ones, the oldest first, then closed ones, the newest first.
    """

    states: Sequence[NoticeState] = WAITING
    content_id: str | None = None
    due_before: datetime | None = None
    limit: int = 100
    after: NoticePlace | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for text that no database can hold."""
        require_text(self.content_id)


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Some notices, and the place after which the next page begins; None after the last."""

    notices: list[Notice]
    following: NoticePlace | None


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One place of the image of a notice, with the list that has its hashes, if one has."""

    row: NoticeItem
    list_name: str | None


def add_notice(session: Session, values: Mapping[str, Any]) -> Notice | None:
    """Record a notice; None where its reference is on record already."""
    new = upsert(session, Notice).on_conflict_do_nothing(index_elements=["reference"])
    own = {"closed_by": "", "reason": "", "note": "", "audit_id": audit_id(session)}
    key = session.scalar(new.values({**own, **values}).returning(Notice.key))
    return None if key is None else session.get_one(Notice, key)


def add_items(
    session: Session, notice: Notice, items: Sequence[tuple[str | None, str | None]]
) -> list[NoticeItem]:
    """Add places of its image to a notice, as content id and URL; returns those that are new.

    Raises `InputError` beyond the number that a notice may name.
    """
    stored = {(one.row.content_id, one.row.url) for one in read_items(session, [notice.key])}
    new = [
        NoticeItem(notice_key=notice.key, content_id=content_id, url=url)
        for content_id, url in dict.fromkeys(items)
        if (content_id, url) not in stored
    ]
    if len(stored) + len(new) > _MAX_ITEMS:
        raise InputError(f"a notice names at most {_MAX_ITEMS} places of its image")
    session.add_all(new)
    session.flush()
    return new


def read_items(session: Session, notices: Sequence[int]) -> list[StoredItem]:
    """Return the places of the images of notices, in the order in which they came."""
    query = (
        select(NoticeItem, HashList.name)
        .outerjoin(HashList, HashList.key == NoticeItem.list_key)
        .where(among(session, NoticeItem.notice_key, notices))
        .order_by(NoticeItem.key)
    )
    return [StoredItem(row, name) for row, name in session.execute(query)]


def items_by_notice(session: Session, notices: Sequence[int]) -> defaultdict[int, list[StoredItem]]:
    """Return the places of the images of notices, by the keys of these."""
    found = defaultdict[int, list[StoredItem]](list)
    for one in read_items(session, notices):
        found[one.row.notice_key].append(one)
    return found


def find_notice(session: Session, request_id: str) -> Notice:
    """Return a notice. Raises `NotFoundError`."""
    return _one(session, select(Notice).where(Notice.request_id == request_id), request_id)


def lock_notice(session: Session, request_id: str) -> Notice:
    """Return a notice to be changed. Raises `NotFoundError`."""
    query = select(Notice).where(Notice.request_id == request_id).with_for_update()
    return _one(session, query.execution_options(populate_existing=True), request_id)


def find_notice_of(session: Session, reference: str) -> Notice | None:
    """Return the notice that the platform knows by a reference; None where there is none."""
    return session.scalar(select(Notice).where(Notice.reference == reference))


def read_request_ids(session: Session, keys: Sequence[int]) -> dict[int, str]:
    """Return the request ids of notices, by their keys."""
    query = select(Notice.key, Notice.request_id).where(among(session, Notice.key, keys))
    return {row[0]: row[1] for row in session.execute(query)}


def read_notice_page(session: Session, wanted: NoticeFilter) -> NoticePage:
    """Return a page of the register; see `NoticeFilter`."""
    states = [one for one in _ORDER if one in wanted.states]
    if (after := wanted.after) is not None:
        if after.state not in states:
            raise InputError("the cursor is of another list of notices")
        states = states[states.index(after.state) :]
    found: list[Notice] = []
    for state in states:
        left = wanted.limit + 1 - len(found)
        if left > 0:
            start = after if after is not None and after.state is state else None
            found += session.scalars(_of_state(wanted, state, start).limit(left))
    if len(found) <= wanted.limit:
        return NoticePage(found, None)
    del found[wanted.limit :]
    last = found[-1]
    place = NoticePlace(NoticeState(last.state), last.placed_at, last.key)
    return NoticePage(found, place)


def _of_state(
    wanted: NoticeFilter, state: NoticeState, after: NoticePlace | None
) -> Select[Notice]:
    is_closed = state in CLOSED
    query = select(Notice).where(Notice.state == state)
    if wanted.due_before is not None:
        # Only what is valid is due; its place is when.
        query = query.where(Notice.placed_at < wanted.due_before, Notice.state == NoticeState.VALID)
    if wanted.content_id is not None:
        keys = select(NoticeItem.notice_key).where(NoticeItem.content_id == wanted.content_id)
        query = query.where(Notice.key.in_(keys))
    if after is not None:
        query = query.where(_beyond(after, is_descending=is_closed))
    columns = (Notice.placed_at, Notice.key)
    return query.order_by(*(one.desc() if is_closed else one for one in columns))


def _beyond(place: NoticePlace, *, is_descending: bool) -> ColumnElement[bool]:
    moment, key = Notice.placed_at, Notice.key
    if is_descending:
        return and_(moment <= place.placed_at, or_(moment < place.placed_at, key < place.key))
    return and_(moment >= place.placed_at, or_(moment > place.placed_at, key > place.key))


def read_received(
    session: Session, since: datetime | None, until: datetime | None
) -> Iterator[Notice]:
    """Yield the notices that were received in a period, the oldest first."""
    place: tuple[datetime, int] | None = None
    while True:
        query = select(Notice).order_by(Notice.received_at, Notice.key).limit(_ROWS_A_PAGE)
        if since is not None:
            query = query.where(Notice.received_at >= since)
        if until is not None:
            query = query.where(Notice.received_at < until)
        if place is not None:
            moment, key = place
            query = query.where(
                Notice.received_at >= moment,
                or_(Notice.received_at > moment, Notice.key > key),
            )
        page = session.scalars(query).all()
        yield from page
        if len(page) < _ROWS_A_PAGE:
            return
        place = (page[-1].received_at, page[-1].key)


def find_contact(session: Session, notice: Notice) -> NoticeContact | None:
    """Return the encrypted contact of a notice."""
    return session.get(NoticeContact, notice.key, populate_existing=True)


def save_contact(session: Session, notice: Notice, *, key_id: str, sealed: str) -> NoticeContact:
    """Store the encrypted contact of a notice, in place of an earlier one."""
    row = find_contact(session, notice) or NoticeContact(notice_key=notice.key)
    overwrite_deleted(session)
    row.key_id, row.sealed = key_id, sealed
    session.add(row)
    return row


def lock_contacts_of_other_keys(
    session: Session, key_id: str, *, limit: int
) -> Sequence[NoticeContact]:
    """Return contacts that are encrypted with another key, to be changed."""
    found: list[NoticeContact] = []
    # An index finds what is smaller or larger, and not what differs.
    for differs in (NoticeContact.key_id < key_id, NoticeContact.key_id > key_id):
        others = select(NoticeContact).where(differs).limit(limit - len(found))
        found += session.scalars(others.with_for_update()).all()
    return found


def _one(session: Session, query: Select[Notice], request_id: str) -> Notice:
    require_text(request_id)
    row = session.scalar(query)
    if row is None:
        raise NotFoundError(
            f"there is no notice {request_id[:32]!r}",
            hint="'hashmatch notices list' gives the request ids.",
        )
    return row
