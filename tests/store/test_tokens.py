"""Tokens: shown once, stored as a hash, valid for their scopes until they expire."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hashmatch.errors import InputError, NotFoundError
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.tokens import AccessToken
from hashmatch.store.tokens import (
    Scope,
    create_token,
    find_token,
    note_token_uses,
    read_tokens,
    revoke_token,
    split_token,
)


def test_a_token_is_found_by_its_id_and_known_by_its_secret(database: Database) -> None:
    with database.writing() as session:
        written = create_token(session, "uploads", [Scope.SCAN], requests_per_minute=60)
    parts = split_token(written)
    assert parts is not None
    with database.reading() as session:
        token = find_token(session, parts[0])
    assert token is not None
    assert token.is_of(parts[1])
    assert not token.is_of(parts[1][::-1])
    assert (token.name, token.requests_per_minute) == ("uploads", 60)
    assert set(token.scopes) == {Scope.SCAN}
    assert token.state(utc_now()) == "active"
    assert parts[1] not in repr(token)


def test_the_secret_is_not_stored(database: Database) -> None:
    with database.writing() as session:
        written = create_token(session, "x", [Scope.SCAN])
    with database.reading() as session:
        row = session.scalars(select(AccessToken)).one()
    secret = written.split("_", 2)[2]
    assert len(secret) == 43
    assert secret not in repr([getattr(row, one.key) for one in AccessToken.__table__.columns])


def test_no_two_tokens_are_alike(database: Database) -> None:
    with database.writing() as session:
        written = {create_token(session, "x", [Scope.SCAN]) for _ in range(50)}
    assert len({split_token(one) for one in written}) == 50


def test_a_token_ends_when_it_expires_or_is_revoked(database: Database) -> None:
    now = utc_now()
    with database.writing() as session:
        create_token(session, "x", [Scope.SCAN], expires_at=now + timedelta(days=1))
        (token,) = read_tokens(session)
        assert token.state(now) == "active"
        assert token.state(now + timedelta(days=1)) == "expired"
        revoke_token(session, token.token_id)
        (revoked,) = read_tokens(session)
        assert revoked.state(now) == "revoked"
        revoke_token(session, token.token_id)
        assert read_tokens(session) == [revoked]


def test_an_unknown_token_cannot_be_revoked(database: Database) -> None:
    with pytest.raises(NotFoundError), database.writing() as session:
        revoke_token(session, "0" * 12)


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [("", [Scope.SCAN], 1), (" ", [Scope.SCAN], 1), ("a\0", [Scope.SCAN], 1), ("x", [], 1),
     ("x", [Scope.SCAN], -1)],
)  # fmt: skip
def test_a_token_that_makes_no_sense_is_not_created(
    database: Database, name: str, scopes: list[Scope], days: int
) -> None:
    with pytest.raises(InputError), database.writing() as session:
        create_token(session, name, scopes, expires_at=utc_now() + timedelta(days=days))


@pytest.mark.parametrize(
    "text",
    ["", "hm_", "hm_x_y", "hm_" + "0" * 12 + "_" + "A" * 42, "hm_" + "0" * 12 + "_" + "é" * 43],
)  # fmt: skip
def test_other_text_is_no_token(text: str) -> None:
    assert split_token(text) is None


def test_the_last_use_never_goes_back(database: Database) -> None:
    now = utc_now()
    with database.writing() as session:
        create_token(session, "x", [Scope.SCAN])
        (token,) = read_tokens(session)
        for moment in (now, now - timedelta(hours=1)):
            note_token_uses(session, {token.token_id: moment, "unknown": moment})
    with database.reading() as session:
        assert read_tokens(session)[0].last_used_at == now
