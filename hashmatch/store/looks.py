"""Looks at content in the platform's own viewer: each is on record before the link is given."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError

from .engine import audit
from .schema import Case, ContentLook, require_text


def note_look(session: Session, case: Case, content: int, name: str, reason: str) -> None:
    """Record that somebody looks at the content of a case, and why. Raises `InputError`."""
    require_text(reason)
    if not reason.strip():
        raise InputError("a look needs a reason")
    session.add(ContentLook(case_key=case.key, content_key=content, name=name, reason=reason))
    facts = {"case": case.key, "evidence": content, "reason": reason, "actor": name}
    audit(session, "content.looked_at", case, facts)


def read_look_times(session: Session, name: str, since: datetime, *, limit: int) -> list[datetime]:
    """Return when somebody looked since a time, the newest `limit` first."""
    of_person = ContentLook.name == name, ContentLook.looked_at >= since
    query = select(ContentLook.looked_at).where(*of_person)
    return list(session.scalars(query.order_by(ContentLook.looked_at.desc()).limit(limit)))
