"""Work on notices: removals and copies, that the requester was notified, and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from hashmatch.cases import Actor
from hashmatch.errors import InputError, NotFoundError
from hashmatch.store.engine import audit
from hashmatch.store.lists import OWN, find_list, find_numbered_entry
from hashmatch.store.notices import StoredItem, find_notice, lock_notice, read_items
from hashmatch.store.schema import Notice, NoticeState, require_text

from .clock import require_order, require_passed, this_second
from .states import OUTCOMES, NoticeAction, RefusalReason, following, require_role

_MAX_CHARACTERS = 10_000
_MAX_COPIES = 10_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """Work that was done about a notice; None where nothing is said.

    `removed` are content ids or URLs of the notice, removed at `removed_at`, by default now, and
    `listed` the entries of own lists that have hashes of its content ids. Copies count altogether.
    """

    removed: Sequence[str] = ()
    removed_at: datetime | None = None
    listed: Sequence[tuple[str, str, int]] = ()
    copies_found: int | None = None
    copies_removed: int | None = None
    requester_notified_at: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was done."""
        return self == Work()


@dataclass(frozen=True, slots=True)
class Closing:
    """Outcome of a notice, with the reason of a refusal or the request that it repeats."""

    outcome: NoticeState
    reason: RefusalReason | None = None
    duplicate_of: str | None = None
    note: str = ""
    closed_at: datetime | None = None
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class NoticeDone:
    """A notice after an action."""

    request_id: str
    state: NoticeState


def record_work(session: Session, request_id: str, work: Work, actor: Actor) -> NoticeDone:
    """Record work on a notice, also after it was closed: copies are found later, too.

    Raises `NotFoundError`, `ForbiddenError` and `InputError`.
    """
    require_role(NoticeAction.RECORD, actor.roles)
    row = lock_notice(session, request_id)
    if work.is_empty:
        raise InputError("there is nothing to record")
    _record(session, row, work, actor)
    return NoticeDone(row.request_id, NoticeState(row.state))


def close_notice(session: Session, request_id: str, closing: Closing, actor: Actor) -> NoticeDone:
    """Close a notice with its outcome. Raises what `record_work` raises, and `NoticeStateError`."""
    action = OUTCOMES.get(closing.outcome)
    if action is None:
        raise InputError(f"{closing.outcome} is no outcome")
    require_role(action, actor.roles)
    row = lock_notice(session, request_id)
    before = NoticeState(row.state)
    after = following(before, action)
    now = this_second()
    closed_at = closing.closed_at or now
    require_passed(closed_at, now, name="closed_at")
    require_order(row.received_at, closed_at, names=("received_at", "closed_at"))
    _check(closing)
    if closing.duplicate_of is not None:
        row.duplicate_of = _repeated(session, row, closing.duplicate_of)
    if not closing.work.is_empty:
        _record(session, row, closing.work, actor)
    row.state, row.closed_at, row.placed_at = after, closed_at, closed_at
    row.closed_by, row.reason = actor.name, closing.reason or ""
    _add_note(row, closing.note)
    facts = {
        "notice": row.key,
        "actor": actor.name,
        "from": before,
        "to": after,
        "reason": row.reason,
        "closed_at": closed_at.isoformat(),
    }
    audit(session, f"notice.{action}", row, facts)
    return NoticeDone(row.request_id, after)


def reopen_notice(session: Session, request_id: str, note: str, actor: Actor) -> NoticeDone:
    """Open a closed notice again, whose clock runs from where it began.

    Raises what `close_notice` raises.
    """
    require_role(NoticeAction.REOPEN, actor.roles)
    row = lock_notice(session, request_id)
    before = NoticeState(row.state)
    after = following(before, NoticeAction.REOPEN)
    if not note.strip():
        raise InputError("to reopen a notice needs a note with the reason")
    if row.due_at is None:
        after = NoticeState.INCOMPLETE
    row.state, row.placed_at = after, row.due_at or row.received_at
    row.closed_at, row.closed_by, row.reason, row.duplicate_of = None, "", "", None
    _add_note(row, note)
    facts = {"notice": row.key, "actor": actor.name, "from": before, "to": after}
    audit(session, "notice.reopen", row, facts)
    return NoticeDone(row.request_id, after)


def _record(session: Session, row: Notice, work: Work, actor: Actor) -> None:
    now = this_second()
    items = read_items(session, [row.key])
    removed_at = work.removed_at or now
    for moment, name in ((removed_at, "removed_at"), (work.requester_notified_at, "notified_at")):
        if moment is not None:
            require_passed(moment, now, name=name)
            require_order(row.received_at, moment, names=("received_at", name))
    for name in work.removed:
        for one in _named(items, row, name):
            one.row.removed_at = one.row.removed_at or removed_at
            audit(session, "notice.item_removed", one.row, {"notice": row.key})
    for name, list_name, entry in work.listed:
        _list(session, row, _named(items, row, name), list_name, entry)
    _count(row, work)
    if work.requester_notified_at is not None:
        row.requester_notified_at = work.requester_notified_at
    facts = {
        "notice": row.key,
        "actor": actor.name,
        "removed": len(work.removed),
        "listed": [f"{list_name}/{entry}" for _, list_name, entry in work.listed],
        "copies_found": row.copies_found,
        "copies_removed": row.copies_removed,
        "notified": row.requester_notified_at is not None,
    }
    audit(session, "notice.record", row, facts)


def _count(row: Notice, work: Work) -> None:
    for name in ("copies_found", "copies_removed"):
        number = getattr(work, name)
        if number is not None and not 0 <= number <= _MAX_COPIES:
            raise InputError(f"{name} is a number from 0 to {_MAX_COPIES}")
        if number is not None:
            setattr(row, name, number)
    if (row.copies_removed or 0) > (row.copies_found or 0):
        raise InputError("more copies were removed than found")


def _list(
    session: Session, row: Notice, items: Sequence[StoredItem], list_name: str, entry: int
) -> None:
    """Record that an entry of an own list has the hashes of items."""
    own = find_list(session, list_name)
    if own.kind != OWN:
        raise InputError(f"list {list_name} is not an own list")
    if find_numbered_entry(session, own, entry) is None:
        raise NotFoundError(f"list {list_name} has no entry {entry}")
    for one in items:
        one.row.list_key, one.row.entry = own.key, entry
        audit(session, "notice.item_listed", one.row, {"notice": row.key})


def _named(items: Sequence[StoredItem], row: Notice, name: str) -> list[StoredItem]:
    found = [one for one in items if name in (one.row.content_id, one.row.url)]
    if not found:
        # Not quoted: a URL may name somebody.
        raise NotFoundError(
            f"notice {row.request_id} has no such content id or URL",
            hint=f"'hashmatch notices show {row.request_id}' has those that it names.",
        )
    return found


def _repeated(session: Session, row: Notice, request_id: str) -> int:
    other = find_notice(session, request_id)
    if other.key == row.key:
        raise InputError("a notice does not repeat itself")
    return other.key


def _check(closing: Closing) -> None:
    is_refused = closing.outcome is NoticeState.REFUSED
    if is_refused is not (closing.reason is not None):
        raise InputError(
            "a refusal, and nothing else, needs a reason",
            hint=f"Reasons are {', '.join(RefusalReason)}.",
        )
    if is_refused and not closing.note.strip():
        raise InputError("a refusal needs a note that says why")
    is_repeated = closing.outcome is NoticeState.DUPLICATE
    if is_repeated is not (closing.duplicate_of is not None):
        raise InputError("a duplicate, and nothing else, names the request that it repeats")


def _add_note(row: Notice, text: str) -> None:
    """Add a note to those of earlier outcomes, which stay."""
    text = text.strip()
    require_text(text)
    if len(text) > _MAX_CHARACTERS:
        raise InputError(f"the note has more than {_MAX_CHARACTERS} characters")
    row.note = "\n".join(filter(None, (row.note, text)))
