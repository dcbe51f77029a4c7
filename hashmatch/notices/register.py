"""The register of notices: each is added once, completed, worked on, closed, and on record.

A request comes from a form that is open to everybody, by way of the platform, which has a token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from hashmatch.cases import Actor
from hashmatch.config import NoticeSettings, Settings
from hashmatch.errors import ForbiddenError, NoticeStateError
from hashmatch.store.engine import audit
from hashmatch.store.notices import (
    add_items,
    add_notice,
    find_notice_of,
    lock_notice,
    read_items,
)
from hashmatch.store.schema import Notice, NoticeState, utc_now
from hashmatch.uploaders import Sealer, open_sealer

from .clock import due_after, require_order, require_passed, this_second
from .contacts import save_requester
from .request import PARTS, NoticeParts, NoticeRequest, NoticeSupplement, missing_parts, parts_of
from .states import ADDERS, NoticeAction, following, require_role

# Without letters and digits that look alike (Crockford's base 32); 60 bits that nobody can guess.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _LETTERS_EACH = 3, 4
_PURPOSE = "notice"


@dataclass(frozen=True, slots=True)
class Registered:
    """A notice as its sender learns of it; `is_new` is false where the same one came again."""

    request_id: str
    reference: str | None
    state: NoticeState
    missing: Sequence[str]
    received_at: datetime
    completed_at: datetime | None
    due_at: datetime | None
    is_new: bool = False


def register_notice(
    session: Session, settings: Settings, request: NoticeRequest, actor: Actor
) -> Registered:
    """Record a request that the platform received.

    The same request under the same reference is recorded once. Raises `ForbiddenError`,
    `InputError`, `ConfigError` where the requester cannot be encrypted, and `NoticeStateError`
    where another request has that reference.
    """
    if not ADDERS & actor.roles:
        raise ForbiddenError(f"adding a notice needs the role {' or '.join(sorted(ADDERS))}")
    sealer = open_sealer(settings)
    now = this_second()
    received_at = request.received_at or now
    require_passed(received_at, now, name="received_at")
    if request.requester is not None:
        # Said before anything is recorded, also where the request came before.
        _ = sealer.key_id
    row = _insert(session, request, sealer, received_at)
    if row is None:
        return _known(session, settings.notices, request, sealer)
    _add(session, row, request)
    if request.requester is not None:
        save_requester(session, sealer, row, request.requester)
    missing = missing_parts(parts_of(row), settings.notices.parts)
    audit(session, "notice.received", row, {"notice": row.key, "actor": actor.name,
                                            "missing": missing})  # fmt: skip
    if not missing:
        _complete(session, settings.notices, row, received_at, actor)
    return _registered(settings.notices, row, is_new=True)


def supplement_notice(
    session: Session,
    settings: Settings,
    request_id: str,
    supplement: NoticeSupplement,
    actor: Actor,
) -> Registered:
    """Add parts to an open notice; the clock runs once none is missing.

    Raises `NotFoundError`, `ForbiddenError`, `NoticeStateError`, `InputError` and `ConfigError`.
    """
    require_role(NoticeAction.SUPPLEMENT, actor.roles)
    row = lock_notice(session, request_id)
    following(NoticeState(row.state), NoticeAction.SUPPLEMENT)
    now = this_second()
    supplied_at = supplement.supplied_at or now
    require_passed(supplied_at, now, name="supplied_at")
    require_order(row.received_at, supplied_at, names=("received_at", "supplied_at"))
    before = parts_of(row)
    _add(session, row, supplement)
    if supplement.requester is not None:
        save_requester(session, open_sealer(settings), row, supplement.requester)
    for name in supplement.given():
        setattr(row, f"has_{name}", True)
    if supplement.identified and read_items(session, [row.key]):
        row.has_identification = True
    facts = {
        "notice": row.key,
        "actor": actor.name,
        "given": [one for one in PARTS if one in parts_of(row) - before],
        "missing": missing_parts(parts_of(row), settings.notices.parts),
    }
    audit(session, "notice.supplement", row, facts)
    if row.completed_at is None and not facts["missing"]:
        _complete(session, settings.notices, row, supplied_at, actor)
    return _registered(settings.notices, row)


def _insert(
    session: Session, request: NoticeRequest, sealer: Sealer, received_at: datetime
) -> Notice | None:
    given = request.given()
    return add_notice(
        session,
        {
            "request_id": _new_request_id(),
            "reference": request.reference,
            "fingerprint": _fingerprints(request, sealer)[0],
            "state": NoticeState.INCOMPLETE,
            "received_at": received_at,
            "recorded_at": utc_now(),
            "placed_at": received_at,
            **{f"has_{name}": name in given for name in PARTS},
        },
    )


def _add(session: Session, row: Notice, parts: NoticeParts) -> None:
    for one in add_items(session, row, parts.as_items()):
        audit(session, "notice.item", one, {"notice": row.key})


def _known(
    session: Session, settings: NoticeSettings, request: NoticeRequest, sealer: Sealer
) -> Registered:
    """Return the notice that has a request's reference, if it is of the same request."""
    row = find_notice_of(session, request.reference or "")
    if row is None or row.fingerprint not in _fingerprints(request, sealer):
        raise NoticeStateError(
            "another request was recorded under this reference",
            hint="Supplement that notice, or give this request a reference of its own.",
        )
    return _registered(settings, row)


def _complete(
    session: Session, settings: NoticeSettings, row: Notice, at: datetime, actor: Actor
) -> None:
    """Start the clock of a notice that has every part."""
    row.state = following(NoticeState(row.state), NoticeAction.COMPLETE)
    row.completed_at, row.due_at = at, due_after(at, settings.due_hours)
    row.placed_at = row.due_at
    facts = {"notice": row.key, "actor": actor.name, "due_at": row.due_at.isoformat()}
    audit(session, "notice.complete", row, facts)


def _registered(settings: NoticeSettings, row: Notice, *, is_new: bool = False) -> Registered:
    return Registered(
        row.request_id,
        row.reference,
        NoticeState(row.state),
        missing_parts(parts_of(row), settings.parts) if row.completed_at is None else (),
        row.received_at,
        row.completed_at,
        row.due_at,
        is_new,
    )


def _new_request_id() -> str:
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS_EACH)) for _ in range(_GROUPS)
    )
    return "-".join(("NR", *groups))


def _fingerprints(request: NoticeParts, sealer: Sealer) -> list[str]:
    """Return the digests of a request under each key, and one without a key, the best first.

    Where there is no key, there is no requester in it, whose words could be guessed.
    """
    text = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    plain = hashlib.sha256(f"{_PURPOSE}\0{text}".encode()).hexdigest()
    return [*sealer.digests(_PURPOSE, text), plain]
