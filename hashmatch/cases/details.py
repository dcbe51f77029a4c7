"""What platforms tell of uploaders: sealed as it comes, opened for those who may see it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.details import Details, Sealer
from hashmatch.store.cases import find_case_of, find_details
from hashmatch.store.engine import audit
from hashmatch.store.matches import read_match
from hashmatch.store.schema import Case, CaseDetails, utc_now

from .acting import Done, begin
from .people import Person
from .states import CaseAction, State


def give_details(
    session: Session, sealer: Sealer, case: int, details: Details, person: Person
) -> Done:
    """Keep what a platform tells of a case, in place of what it told before.

    Raises what `decide` raises, and `ConfigError` without a key to encrypt with.
    """
    row = begin(session, case, CaseAction.DETAIL, person)
    kept = find_details(session, case) or CaseDetails(case_key=case)
    kept.key_id, kept.sealed, kept.given_at = sealer.key_id, sealer.seal(case, details), utc_now()
    session.add(kept)
    # Whoever agrees to something shall know what it is about.
    row.proposal, row.proposed_by, row.change = "", "", row.change + 1
    audit(session, "case.detail", row, {"person": person.name})
    audit(session, "details.given", kept, {"case": case})
    return Done(case, State(row.state))


def case_of_match(session: Session, match_id: str) -> int:
    """Return the case that a match belongs to. Raises `NotFoundError`."""
    stored, _ = read_match(session, match_id)
    case = find_case_of(session, stored.content.key)
    return 0 if case is None else case.key


def open_details(session: Session, sealer: Sealer, case: int) -> Details | None:
    """Return what is known of an uploader, None where nothing was told. Raises `ConfigError`."""
    kept = find_details(session, case)
    return None if kept is None else sealer.open(case, kept.key_id, kept.sealed)


def show_details(session: Session, sealer: Sealer, case: int, purpose: str) -> Details | None:
    """Do the same for somebody to look at, which is put on record."""
    found = open_details(session, sealer, case)
    if found is not None:
        facts = {"case": case, "purpose": purpose}
        audit(session, "details.shown", session.get_one(Case, case), facts)
    return found


def seal_anew(session: Session, sealer: Sealer, *, limit: int) -> int:
    """Encrypt what is sealed with an older key with the newest; returns how many there were."""
    older = select(CaseDetails).where(CaseDetails.key_id != sealer.key_id).limit(limit)
    rows = session.scalars(older.with_for_update()).all()
    for row in rows:
        details = sealer.open(row.case_key, row.key_id, row.sealed)
        row.key_id, row.sealed = sealer.key_id, sealer.seal(row.case_key, details)
        audit(session, "details.sealed_anew", row, {"case": row.case_key})
    return len(rows)
