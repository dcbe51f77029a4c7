"""Consumers: organisations that lists are shared with, what they may see, and their tokens."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.errors import InputError, NotFoundError

from ..engine import WRITES, among, audit
from ..lists import find_list
from ..schema import AccessToken, Consumer, ConsumerToken, require_text, utc_now
from ..tokens import Scope, create_token, revoke_token, split_token

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Its id, and when it was used last.
_Token: TypeAlias = tuple[str, datetime | None]


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

    A private one is given no hash. `last_used_at` is of the token that was used last.
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
    last_used_at: datetime | None = None


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
    for token_id, _ in _tokens_of(session, [row.key])[row.key]:
        revoke_token(session, token_id)
    row.removed_at = utc_now()
    audit(session, "consumer.removed", row, {"consumer": name})


def revoke_consumer_token(session: Session, name: str, token_id: str) -> None:
    """Revoke a token of a consumer. Raises `NotFoundError` where it is of somebody else."""
    if token_id not in read_consumer(session, name).tokens:
        raise NotFoundError(f"consumer {name} has no such token")
    revoke_token(session, token_id)


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


def read_consumers(
    session: Session, *, after: str = "", limit: int | None = None
) -> list[ConsumerFacts]:
    """Return consumers that were not removed, by name, with the ids of their tokens.

    All of them, or those of a page, from after a name on.
    """
    query = select(Consumer).where(Consumer.removed_at.is_(None)).order_by(Consumer.name)
    if after:
        query = query.where(Consumer.name > after)
    rows = session.scalars(query.limit(limit)).all()
    found = _tokens_of(session, [row.key for row in rows])
    return [_facts(row, found[row.key]) for row in rows]


def read_consumer(session: Session, name: str) -> ConsumerFacts:
    """Return a consumer that was not removed. Raises `NotFoundError`."""
    return facts_of(session, require_consumer(session, name))


def facts_of(session: Session, row: Consumer) -> ConsumerFacts:
    """Return a consumer with the ids of its tokens."""
    return _facts(row, _tokens_of(session, [row.key])[row.key])


def _find(session: Session, name: str) -> Consumer | None:
    query = select(Consumer).where(Consumer.name == name)
    return session.scalar(query.with_for_update() if session.info.get(WRITES) else query)


def _tokens_of(session: Session, keys: Collection[int]) -> Mapping[int, list[_Token]]:
    """Return the tokens of consumers that are not revoked, oldest first."""
    query = (
        select(ConsumerToken.consumer_key, AccessToken.token_id, AccessToken.last_used_at)
        .join(AccessToken, AccessToken.token_id == ConsumerToken.token_id)
        .where(among(session, ConsumerToken.consumer_key, keys), AccessToken.revoked_at.is_(None))
        .order_by(ConsumerToken.key)
    )
    found = defaultdict[int, list[_Token]](list)
    for key, token_id, used_at in session.execute(query):
        found[key].append((token_id, used_at))
    return found


def _facts(row: Consumer, tokens: Sequence[_Token] = ()) -> ConsumerFacts:
    return ConsumerFacts(
        row.key,
        row.name,
        tuple(json.loads(row.lists)),
        tuple(json.loads(row.categories)),
        tuple(json.loads(row.members)),
        row.private,
        row.revision,
        row.removed_at,
        tuple(token_id for token_id, _ in tokens),
        max((used_at for _, used_at in tokens if used_at is not None), default=None),
    )
