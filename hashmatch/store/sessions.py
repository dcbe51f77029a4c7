"""Sessions of people in the console: of each secret only a hash is stored.

A session ends when it is signed out of, after a time without use, at its end in any case, and with
the token that it began with.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from .engine import audit
from .schema import AccessToken, Case, ConsoleSession, require_text, utc_now
from .tokens import Scope, Token, find_token, read_tokens

_SECRET_BYTES = 32
# Sessions that have ended and are removed when another begins.
_REMOVED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session as it is stored; `scopes` are those that it has now."""

    key: int
    name: str
    token_id: str
    subject: str
    scopes: frozenset[Scope]
    began_at: datetime
    used_at: datetime
    ends_at: datetime


def begin_session(
    session: Session,
    name: str,
    scopes: Collection[Scope],
    ends_at: datetime,
    *,
    token_id: str = "",
    subject: str = "",
) -> str:
    """Begin a session and return its secret, this once. Raises `InputError`."""
    require_text(name, subject)
    now = utc_now()
    ended = select(ConsoleSession.key).where(ConsoleSession.ends_at < now).limit(_REMOVED_AT_ONCE)
    session.execute(delete(ConsoleSession).where(ConsoleSession.key.in_(ended)))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = ConsoleSession(
        secret_hash=_hashed(secret),
        name=name,
        token_id=token_id,
        subject=subject,
        scopes=json.dumps(sorted(scopes)),
        began_at=now,
        used_at=now,
        ends_at=ends_at,
    )
    session.add(row)
    session.flush()
    facts = {"session": row.key, "name": name, "token": token_id, "subject": subject}
    audit(session, "console.signed_in", None, {**facts, "scopes": sorted(scopes)})
    return secret


def find_session(session: Session, secret: str, *, idle: timedelta) -> SignedIn | None:
    """Return the session of a secret; None for one that has ended or that nobody has."""
    of_secret = ConsoleSession.secret_hash == _hashed(secret)
    row = session.scalar(select(ConsoleSession).where(of_secret))
    now = utc_now()
    if row is None or now >= row.ends_at or now - row.used_at >= idle:
        return None
    token: Token | None = None
    if row.token_id:
        token = find_token(session, row.token_id)
        if token is None or token.state(now) != "active":
            return None
    return _facts(row, token)


def note_session_uses(session: Session, used_at: Mapping[int, datetime]) -> None:
    """Record when sessions were last used, by key."""
    for key, moment in sorted(used_at.items()):
        session.execute(
            update(ConsoleSession)
            .where(ConsoleSession.key == key, ConsoleSession.used_at < moment)
            .values(used_at=moment)
        )


def end_session(session: Session, key: int, name: str) -> None:
    """End one session of a person; one that has ended stays so."""
    of_person = ConsoleSession.key == key, ConsoleSession.name == name
    if session.scalar(select(ConsoleSession.key).where(*of_person)) is None:
        return
    session.execute(delete(ConsoleSession).where(*of_person))
    audit(session, "console.signed_out", None, {"session": key, "name": name})


def end_sessions_of(session: Session, name: str) -> int:
    """End all sessions of a person, and return their number."""
    keys = list(session.scalars(select(ConsoleSession.key).where(ConsoleSession.name == name)))
    session.execute(delete(ConsoleSession).where(ConsoleSession.name == name))
    audit(session, "console.signed_out", None, {"sessions": len(keys), "name": name})
    return len(keys)


def read_sessions(session: Session, name: str | None = None, *, limit: int) -> list[SignedIn]:
    """Return the newest sessions of a person, or of all, newest first."""
    revoked = select(AccessToken.token_id).where(AccessToken.revoked_at.is_not(None))
    query = select(ConsoleSession).where(
        ConsoleSession.ends_at > utc_now(), ConsoleSession.token_id.not_in(revoked)
    )
    if name is not None:
        query = query.where(ConsoleSession.name == name)
    rows = session.scalars(query.order_by(ConsoleSession.key.desc()).limit(limit))
    return [_facts(row, None) for row in rows]


def read_names(session: Session, *, limit: int) -> list[str]:
    """Return names of people by which cases may be assigned: so many at most of each origin.

    Those of tokens to review, of the newest sessions, and of cases that are assigned.
    """
    newest = select(ConsoleSession.name).order_by(ConsoleSession.key.desc()).limit(limit)
    found = {one.name for one in _reviewers(session)[:limit]} | set(session.scalars(newest))
    # From each name to the next: the index has as many rows as there are cases.
    first = select(func.min(Case.assignee).label("name")).where(Case.assignee > "")
    names = first.cte("names", recursive=True)
    following = select(func.min(Case.assignee)).where(Case.assignee > names.c.name)
    after = select(following.scalar_subquery()).where(names.c.name.is_not(None))
    names = names.union_all(after)
    found |= set(session.scalars(select(names.c.name).limit(limit)))
    return sorted(one for one in found if one)


def is_known_name(session: Session, name: str) -> bool:
    """Say whether somebody of a name has a token to review, has signed in, or has cases."""
    queries = (
        select(ConsoleSession.key).where(ConsoleSession.name == name),
        select(Case.key).where(Case.assignee == name),
    )
    is_found = any(session.scalar(one.limit(1)) is not None for one in queries)
    return is_found or any(one.name == name for one in _reviewers(session))


def _reviewers(session: Session) -> list[Token]:
    now = utc_now()
    return [
        one
        for one in read_tokens(session)
        if Scope.REVIEW in one.scopes and one.state(now) == "active"
    ]


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _facts(row: ConsoleSession, token: Token | None) -> SignedIn:
    scopes = frozenset(map(Scope, json.loads(row.scopes)))
    return SignedIn(
        row.key,
        row.name,
        row.token_id,
        row.subject,
        # A token that has fewer scopes than it had gives no more than it has.
        scopes if token is None else scopes & token.scopes,
        row.began_at,
        row.used_at,
        row.ends_at,
    )
