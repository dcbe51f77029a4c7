"""Uploader details of cases: encrypted as they arrive, and shown to authorised actors only."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hashmatch.errors import NotFoundError
from hashmatch.store.cases import (
    find_details_of,
    lock_details_of_other_keys,
    read_case,
    save_uploader_details,
)
from hashmatch.store.engine import audit
from hashmatch.store.matches import read_match
from hashmatch.uploaders import Details, Sealer

from .actors import Actor
from .decisions import ActionDone, begin_action
from .states import CaseAction, State


def store_details(
    session: Session, sealer: Sealer, case: int, details: Details, actor: Actor
) -> ActionDone:
    """Store the uploader details of a case, in place of earlier ones.

    Raises what `decide` raises, and `ConfigError` without a key to encrypt with.
    """
    row = begin_action(session, case, CaseAction.DETAIL, actor)
    sealed = sealer.seal(case, details)
    stored = save_uploader_details(
        session,
        case,
        key_id=sealer.key_id,
        sealed=sealed,
        account_digest=sealer.account_digest(details),
    )
    # A second approval has to know what it is about.
    row.proposal, row.proposed_by, row.revision = "", "", row.revision + 1
    audit(session, "case.detail", row, {"actor": actor.name})
    audit(session, "details.given", stored, {"case": case})
    return ActionDone(case, State(row.state))


def case_of_match(session: Session, match_id: str) -> int:
    """Return the case of a match. Raises `NotFoundError` where either does not exist."""
    case = read_match(session, match_id).case
    if case is None:
        raise NotFoundError(f"match {match_id} has no case")
    return case


def open_details(session: Session, sealer: Sealer, case: int) -> Details | None:
    """Return the uploader details of a case, None where there are none. Raises `ConfigError`.

    Those of a case that was merged into it count where it has none of its own.
    """
    stored = find_details_of(session, read_case(session, case).row)
    return None if stored is None else sealer.open(stored.case_key, stored.key_id, stored.sealed)


def show_details(session: Session, sealer: Sealer, case: int, purpose: str) -> Details | None:
    """Return the details to an authorised reader, and record that they were shown."""
    found = open_details(session, sealer, case)
    if found is not None:
        facts = {"case": case, "purpose": purpose}
        audit(session, "details.shown", read_case(session, case).row, facts)
    return found


def reencrypt_details(session: Session, sealer: Sealer, *, limit: int) -> int:
    """Encrypt details that have an older key with the newest; returns their number."""
    rows = lock_details_of_other_keys(session, sealer.key_id, limit=limit)
    for row in rows:
        details = sealer.open(row.case_key, row.key_id, row.sealed)
        row.key_id, row.sealed = sealer.key_id, sealer.seal(row.case_key, details)
        row.account_digest = sealer.account_digest(details)
        audit(session, "details.reencrypted", row, {"case": row.case_key})
    return len(rows)
