"""Those who made requests: encrypted as they come, and shown to authorised actors only."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hashmatch.store.engine import audit
from hashmatch.store.notices import (
    find_contact,
    find_notice,
    lock_contacts_of_other_keys,
    save_contact,
)
from hashmatch.store.schema import Notice, NoticeContact
from hashmatch.uploaders import Sealer

from .request import Requester


def save_requester(session: Session, sealer: Sealer, notice: Notice, given: Requester) -> None:
    """Store a requester encrypted, with what an earlier part of the request said of them.

    Raises `ConfigError` without a key to encrypt with.
    """
    stored = find_contact(session, notice)
    whole = given if stored is None else _open(sealer, stored).supplemented(given)
    sealed = sealer.seal_record(_owner(notice.key), whole.as_json())
    row = save_contact(session, notice, key_id=sealer.key_id, sealed=sealed)
    audit(session, "contact.given", row, {"notice": notice.key})


def show_contact(
    session: Session, sealer: Sealer, request_id: str, purpose: str
) -> Requester | None:
    """Return the requester to an authorised reader, and record that they were shown.

    None where the platform gave none. Raises `NotFoundError` and `ConfigError`.
    """
    notice = find_notice(session, request_id)
    stored = find_contact(session, notice)
    if stored is None:
        return None
    found = _open(sealer, stored)
    audit(session, "contact.shown", notice, {"notice": notice.key, "purpose": purpose})
    return found


def reencrypt_contacts(session: Session, sealer: Sealer, *, limit: int) -> int:
    """Encrypt requesters that have an older key with the newest; returns their number."""
    rows = lock_contacts_of_other_keys(session, sealer.key_id, limit=limit)
    for row in rows:
        sealed = sealer.seal_record(_owner(row.notice_key), _open(sealer, row).as_json())
        row.key_id, row.sealed = sealer.key_id, sealed
        audit(session, "contact.reencrypted", row, {"notice": row.notice_key})
    return len(rows)


def _open(sealer: Sealer, row: NoticeContact) -> Requester:
    facts = sealer.open_record(_owner(row.notice_key), row.key_id, row.sealed)
    return Requester.model_validate(facts)


def _owner(notice: int) -> str:
    return f"notice {notice}"
