"""People in the console: their sessions, what they may do, and the forms that they send."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hashmatch.cases import Actor
from hashmatch.config import ConsoleSettings
from hashmatch.errors import InputError
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.sessions import (
    SignedIn,
    begin_session,
    end_session,
    end_sessions_of,
    find_session,
    is_known_name,
    note_session_uses,
    read_names,
)
from hashmatch.store.tokens import Scope

from ..api.actors import roles_of

# How long a use may be known here alone, at most.
_UNWRITTEN = timedelta(minutes=2)
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in; `form_token` is part of every form that they are sent."""

    session: SignedIn
    form_token: str

    @property
    def name(self) -> str:
        """Return the name that counts as one person."""
        return self.session.name

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return what the person may do."""
        return self.session.scopes

    @property
    def audit_name(self) -> str:
        """Return the name in the audit log, which says how they signed in."""
        if self.session.token_id:
            return f"token {self.session.token_id} ({self.name}), console"
        return f"subject {self.session.subject} ({self.name}), console"

    @property
    def actor(self) -> Actor:
        """Return the actor of cases that the person is."""
        return Actor(self.name, self.audit_name, roles_of(self.scopes))

    @property
    def sees_distances(self) -> bool:
        """Say whether the person may see exact distances, as a token with those scopes may."""
        return self.may(Scope.EXPORT, Scope.AUDIT)

    def may(self, *scopes: Scope) -> bool:
        """Say whether the person has one of the scopes."""
        return not self.scopes.isdisjoint(scopes)


class Sessions:
    """Sessions of the console, in the store; their last uses are written a little later."""

    def __init__(self, database: Database, settings: ConsoleSettings) -> None:
        self._database = database
        self._idle = timedelta(minutes=settings.idle_minutes)
        self._longest = timedelta(hours=settings.session_hours)
        self._uses: dict[int, datetime] = {}
        self._lock = threading.Lock()

    def begin(
        self,
        name: str,
        scopes: Collection[Scope],
        *,
        token_id: str = "",
        subject: str = "",
        ends_at: datetime | None = None,
    ) -> str:
        """Begin a session, which ends at a time at the latest, and return its secret.

        Raises `StoreError`.
        """
        end = utc_now() + self._longest
        if ends_at is not None:
            end = min(end, ends_at)
        actor = f"token {token_id} ({name})" if token_id else f"subject {subject} ({name})"
        with self._database.writing(actor) as session:
            return begin_session(session, name, scopes, end, token_id=token_id, subject=subject)

    def find(self, secret: str) -> Person | None:
        """Return who has the session of a secret; None where it has ended. Raises `StoreError`."""
        with self._database.reading() as session:
            # A use that is not written yet counts: `find_session` would take it for idle.
            found = find_session(session, secret, idle=self._idle + _UNWRITTEN)
        if found is None:
            return None
        now = utc_now()
        with self._lock:
            used_at = max(self._uses.get(found.key, found.used_at), found.used_at)
            if now - used_at >= self._idle:
                return None
            self._uses[found.key] = now
        return Person(found, form_token(secret))

    def end(self, person: Person) -> None:
        """End one session. Raises `StoreError`."""
        with self._database.writing(person.audit_name) as session:
            end_session(session, person.session.key, person.name)

    def end_all(self, person: Person, name: str) -> int:
        """End all sessions of somebody, and return their number. Raises `StoreError`."""
        with self._database.writing(person.audit_name) as session:
            return end_sessions_of(session, name)

    def note_uses(self) -> None:
        """Write when sessions were last used. Raises `StoreError`, and keeps the times then."""
        with self._lock:
            uses = dict(self._uses)
        if not uses:
            return
        with self._database.writing() as session:
            note_session_uses(session, uses)
        with self._lock:
            self._uses = {key: at for key, at in self._uses.items() if uses.get(key) != at}


def form_token(secret: str) -> str:
    """Return the token of the forms of a session, which others cannot know."""
    return hmac.new(secret.encode(), b"hashmatch form", hashlib.sha256).hexdigest()


def read_people(session: Session) -> list[str]:
    """Return the names of people whom cases can be assigned to, as far as they are known."""
    return read_names(session, limit=_MOST_NAMES)


def require_known(session: Session, name: str) -> None:
    """Raise `InputError` for a name that nobody has; nobody would see what is assigned to it."""
    if name and not is_known_name(session, name):
        raise InputError(
            f"nobody of the name {name[:100]!r} has signed in or has a token",
            hint="Names are suggested where one is asked for.",
        )
