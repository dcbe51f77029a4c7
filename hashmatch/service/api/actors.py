"""Actors of the API: tokens, under their names in cases and in the audit log."""

from __future__ import annotations

from collections.abc import Collection

from hashmatch.cases import Actor, Role
from hashmatch.store.tokens import Scope, Token

_ROLES = {one.value: one for one in Role}


def actor_of(token: Token) -> Actor:
    """Return the actor that a token stands for: its name is the person, its scopes the roles."""
    return Actor(token.name, audit_name_of(token), roles_of(token.scopes))


def roles_of(scopes: Collection[Scope]) -> frozenset[Role]:
    """Return the roles that scopes stand for."""
    return frozenset(_ROLES[one] for one in scopes if one in _ROLES)


def audit_name_of(token: Token) -> str:
    """Return the name of a token's owner in the audit log, or of a caller without a token."""
    return f"token {token.token_id} ({token.name})" if token.token_id else token.name
