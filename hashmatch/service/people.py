"""Who comes in with a token, as cases and the audit chain know them."""

from __future__ import annotations

from hashmatch.cases import Person, Role
from hashmatch.store.tokens import Token

_ROLES = {one.value: one for one in Role}


def person_of(token: Token) -> Person:
    """Return the person: a token's name is whose it is, its scopes what they may."""
    roles = frozenset(_ROLES[one] for one in token.scopes if one in _ROLES)
    return Person(token.name, actor_of(token), roles)


def actor_of(token: Token) -> str:
    """Return what the audit chain calls whoever has the token."""
    return f"token {token.token_id} ({token.name})"
