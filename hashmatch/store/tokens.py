"""Access tokens: shown once when they are created, and stored as a hash.

A token is `hm_ID_SECRET`. The id finds the row and is no secret; the secret has 256 random bits, so
that its plain SHA-256 can neither be reversed nor guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from .engine import audit
from .schema import AccessToken, utc_now

_SHAPE = re.compile(r"hm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_ID_BYTES, _SECRET_BYTES = 6, 32


class Scope(StrEnum):
    """Permission of a token."""

    SCAN = "scan"
    REVIEW = "review"
    EXPORT = "export"
    ADMIN = "admin"
    METRICS = "metrics"
    DETAILS = "details"
    CURATE = "curate"
    SENIOR = "senior"
    LISTS = "lists"
    AUDIT = "audit"
    PULL = "pull"


# What people do, as the scopes that it takes.
ROLE_SCOPES: Mapping[str, frozenset[Scope]] = {
    "reviewer": frozenset({Scope.REVIEW}),
    "senior": frozenset({Scope.REVIEW, Scope.SENIOR, Scope.EXPORT, Scope.DETAILS}),
    "lists": frozenset({Scope.LISTS, Scope.CURATE}),
    "admin": frozenset(
        {Scope.REVIEW, Scope.SENIOR, Scope.LISTS, Scope.CURATE, Scope.EXPORT, Scope.ADMIN}
    ),
    "auditor": frozenset({Scope.AUDIT}),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored, without its secret."""

    token_id: str
    name: str
    secret_hash: bytes
    scopes: frozenset[Scope]
    requests_per_minute: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def __repr__(self) -> str:
        return f"Token({self.token_id})"

    def is_of(self, secret: str) -> bool:
        """Say whether that is its secret, in constant time."""
        return hmac.compare_digest(_hashed(secret), self.secret_hash)

    def state(self, now: datetime) -> str:
        """Return its state: active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


def create_token(
    session: Session,
    name: str,
    scopes: Collection[Scope],
    *,
    expires_at: datetime | None = None,
    requests_per_minute: int = 0,
) -> str:
    """Create a token and return it with its secret, this once. Raises `InputError`.

    Without `requests_per_minute` the number of requests is unlimited.
    """
    if not name.strip() or "\0" in name:
        raise InputError("a token needs the name of its owner")
    if not scopes:
        raise InputError("a token needs a scope", hint=f"Scopes are {', '.join(Scope)}.")
    if expires_at is not None and expires_at <= utc_now():
        raise InputError("the token would expire at once")
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    row = AccessToken(
        token_id=token_id,
        name=name,
        secret_hash=_hashed(secret),
        scopes=json.dumps(sorted(scopes)),
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
    )
    session.add(row)
    session.flush()
    facts = {"token": token_id, "name": name, "scopes": sorted(scopes)}
    audit(session, "token.created", row, facts)
    return f"hm_{token_id}_{secret}"


def split_token(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of text in the form of a token; None for any other."""
    found = _SHAPE.fullmatch(text)
    return None if found is None else (found[1], found[2])


def find_token(session: Session, token_id: str) -> Token | None:
    """Return the token of that id, whatever its state."""
    row = session.scalar(select(AccessToken).where(AccessToken.token_id == token_id))
    return None if row is None else _facts(row)


def read_tokens(session: Session) -> list[Token]:
    """Return all tokens, oldest first."""
    return [_facts(row) for row in session.scalars(select(AccessToken).order_by(AccessToken.key))]


def revoke_token(session: Session, token_id: str) -> None:
    """Revoke a token. Raises `NotFoundError`."""
    row = session.scalar(select(AccessToken).where(AccessToken.token_id == token_id))
    if row is None:
        raise NotFoundError(
            f"there is no token {token_id[:32]!r}", hint="'hashmatch tokens list' gives the ids."
        )
    if row.revoked_at is None:
        row.revoked_at = utc_now()
        audit(session, "token.revoked", row, {"token": token_id, "name": row.name})


def note_token_uses(session: Session, used_at: Mapping[str, datetime]) -> None:
    """Record when tokens were last used, by id."""
    for token_id, moment in sorted(used_at.items()):
        is_newer = or_(AccessToken.last_used_at.is_(None), AccessToken.last_used_at < moment)
        session.execute(
            update(AccessToken)
            .where(AccessToken.token_id == token_id, is_newer)
            .values(last_used_at=moment)
        )


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _facts(row: AccessToken) -> Token:
    return Token(
        row.token_id,
        row.name,
        row.secret_hash,
        frozenset(map(Scope, json.loads(row.scopes))),
        row.requests_per_minute,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_at,
    )
