"""Everything that people and programs ask the store for about notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from sqlalchemy.orm import Session

from hashmatch.store import notices
from hashmatch.store.notices import CLOSED, WAITING, NoticeFilter, NoticePlace
from hashmatch.store.schema import Notice, NoticeState, utc_now

Ask: TypeAlias = Callable[[Session], object]
_ROWS = 100


def notice_questions() -> Iterator[tuple[str, Ask]]:
    """Yield each question with a name."""
    every, middle = (*WAITING, *CLOSED), utc_now() - timedelta(days=200)
    pages = {
        "open": NoticeFilter(),
        "all": NoticeFilter(every),
        "later": NoticeFilter(every, after=NoticePlace(NoticeState.VALID, middle, 7)),
        "later closed ones": NoticeFilter(every, after=NoticePlace(NoticeState.REFUSED, middle, 7)),
        "overdue": NoticeFilter(due_before=utc_now()),
        "overdue later": NoticeFilter(
            due_before=utc_now(), after=NoticePlace(NoticeState.VALID, middle, 7)
        ),
        "of a content item": NoticeFilter(every, content_id="post/77"),
    }
    for name, wanted in pages.items():
        yield f"notices: {name}", partial(notices.read_notice_page, wanted=wanted)
    yield "a notice", lambda session: notices.find_notice(session, "NR-0007")
    yield "a notice to change", lambda session: notices.lock_notice(session, "NR-0007")
    yield "a notice by reference", lambda session: notices.find_notice_of(session, "form/7")
    yield "request ids", lambda session: notices.read_request_ids(session, [7, 8])
    yield "items of notices", lambda session: notices.items_by_notice(session, range(1, 50))
    yield "its contact", _contact
    yield (
        "contacts of other keys",
        lambda session: notices.lock_contacts_of_other_keys(session, "k1", limit=_ROWS),
    )
    yield "notices of a day", _received


def _contact(session: Session) -> object:
    return notices.find_contact(session, session.get_one(Notice, 7))


def _received(session: Session) -> object:
    middle = utc_now() - timedelta(days=200)
    return list(notices.read_received(session, middle, middle + timedelta(days=1)))
