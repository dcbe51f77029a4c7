"""Consumers: organisations that lists are shared with, what they may see, and their tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from ..engine import audit
from ..lists import find_list
from ..schema import AccessToken, Consumer, ConsumerToken, require_text, utc_now
from ..tokens import Scope, create_token, revoke_token, split_token

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Visibility:
    """Part of a list that a consumer sees: entries of some categories and members, all where empty.

    The member of an entry is what precedes the slash in its id.
    """

    categories: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()

    def shows(self, entry_id: str, categories: Collection[str]) -> bool:
        """Say whether an entry is seen whose hashes are of these categories: all have to be."""
        if self.categories and not self.categories.issuperset(categories):
            return False
        return not self.members or member_of(entry_id) in self.members


@dataclass(frozen=True, slots=True)
class ConsumerFacts:
    """A consumer as it stands. `revision` counts the changes of what it may see.

    A private one is given no hash.
    """

    key: int
    name: str
    lists: tuple[str, ...]
    categories: tuple[str, ...]
    members: tuple[str, ...]
    is_private: bool
    revision: int
    removed_at: datetime | None
    tokens: tuple[str, ...] = ()


def member_of(entry_id: str) -> str:
    """Return the id of the member whose entry it is, empty for the publisher's own."""
    return entry_id.partition("/")[0] if "/" in entry_id else ""


def save_consumer(
    session: Session,
    name: str,
    *,
    lists: Sequence[str],
    categories: Sequence[str] = (),
    members: Sequence[str] = (),
    is_private: bool = False,
) -> ConsumerFacts:
    """Register a consumer, or replace what a registered one may see.

    A private one may only ask whether it has hashes that are listed. Raises `InputError` and
    `UnknownListError`.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:70]!r} is not a name of a consumer",
            hint="Use up to 64 lower-case letters, digits, dots, hyphens and underscores.",
        )
    require_text(*categories, *members)
    if not lists:
        raise InputError("a consumer needs a list that is shared with it")
    for one in lists:
        find_list(session, one)
    row = _find(session, name)
    is_new = row is None
    if row is None:
        row = Consumer(name=name, lists="[]", revision=0)
        session.add(row)
    row.lists = json.dumps(sorted(set(lists)))
    row.categories = json.dumps(sorted(set(categories)))
    row.members = json.dumps(sorted(set(members)))
    row.private = is_private
    row.revision, row.removed_at = row.revision + 1, None
    session.flush()
    facts = _facts(row)
    audit(
        session,
        "consumer.registered" if is_new else "consumer.changed",
        row,
        {
            "consumer": name,
            "lists": list(facts.lists),
            "categories": list(facts.categories),
            "members": list(facts.members),
            "private": is_private,
        },
    )
    return facts


def create_consumer_token(
    session: Session,
    name: str,
    *,
    expires_at: datetime | None = None,
    requests_per_minute: int = 0,
) -> str:
    """Create a token by which a consumer pulls, and return it with its secret, this once."""
    row = require_consumer(session, name)
    token = create_token(
        session,
        f"consumer {name}",
        [Scope.PULL],
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
    )
    parts = split_token(token)
    assert parts is not None  # noqa: S101 (it was just made)
    link = ConsumerToken(token_id=parts[0], consumer_key=row.key)
    session.add(link)
    session.flush()
    audit(session, "consumer.token", link, {"consumer": name, "token": parts[0]})
    return token


def remove_consumer(session: Session, name: str) -> None:
    """Remove a consumer and revoke its tokens. Raises `NotFoundError`."""
    row = require_consumer(session, name)
    for token_id in _tokens(session, row):
        revoke_token(session, token_id)
    row.removed_at = utc_now()
    audit(session, "consumer.removed", row, {"consumer": name})


def require_consumer(session: Session, name: str) -> Consumer:
    """Return a consumer that was not removed. Raises `NotFoundError`."""
    row = _find(session, name)
    if row is None or row.removed_at is not None:
        raise NotFoundError(
            f"there is no consumer {name[:64]!r}",
            hint="'hashmatch sharing consumers' lists them.",
        )
    return row


def find_consumer(session: Session, token_id: str) -> Consumer | None:
    """Return the consumer that a token is of; None where there is none, or it was removed."""
    query = (
        select(Consumer)
        .join(ConsumerToken, ConsumerToken.consumer_key == Consumer.key)
        .where(ConsumerToken.token_id == token_id, Consumer.removed_at.is_(None))
    )
    return session.scalar(query)


def read_consumers(session: Session) -> list[ConsumerFacts]:
    """Return all consumers that were not removed, by name, with the ids of their tokens."""
    query = select(Consumer).where(Consumer.removed_at.is_(None)).order_by(Consumer.name)
    return [facts_of(session, row) for row in session.scalars(query)]


def facts_of(session: Session, row: Consumer) -> ConsumerFacts:
    """Return a consumer with the ids of its tokens."""
    return _facts(row, tuple(_tokens(session, row)))


def _find(session: Session, name: str) -> Consumer | None:
    return session.scalar(select(Consumer).where(Consumer.name == name).with_for_update())


def _tokens(session: Session, row: Consumer) -> list[str]:
    """Return the ids of the tokens that are not revoked, oldest first."""
    query = (
        select(ConsumerToken.token_id)
        .join(AccessToken, AccessToken.token_id == ConsumerToken.token_id)
        .where(ConsumerToken.consumer_key == row.key, AccessToken.revoked_at.is_(None))
        .order_by(ConsumerToken.key)
    )
    return list(session.scalars(query))


def _facts(row: Consumer, tokens: tuple[str, ...] = ()) -> ConsumerFacts:
    return ConsumerFacts(
        row.key,
        row.name,
        tuple(json.loads(row.lists)),
        tuple(json.loads(row.categories)),
        tuple(json.loads(row.members)),
        row.private,
        row.revision,
        row.removed_at,
        tokens,
    )
