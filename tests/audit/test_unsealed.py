"""What somebody with write access and without the key does to what is not sealed is found."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from hashmatch.audit import open_seal
from hashmatch.cases import CaseAction, add_note
from hashmatch.config import Settings
from hashmatch.errors import StoreError
from hashmatch.store.engine import Database, audit
from hashmatch.store.engine.batches import batch_text
from hashmatch.store.schema import AccessToken, AuditBatch, AuditHead, AuditRecord, Case, utc_now
from hashmatch.store.tokens import Scope, create_token, revoke_token
from tests.audit.chains import batches_of, change, hash_of, places, verified
from tests.cases.making import OTHER, act, make_match

pytestmark = pytest.mark.usefixtures("sealed_by_hand")


def _forge(store: Database, **other: Any) -> int:
    """Insert a batch as the program would write one, about the token 1, but unsigned."""
    after = verified(store).records
    facts = '{"token":"forged"}'
    record = ["token.revoked", "tokens", 1, facts, secrets.token_hex(32)]
    at = utc_now()
    words = batch_text(after, at.isoformat(timespec="microseconds"), "user x", [record])
    values = {"at": at, "size": 1, "records": words, "key_id": "", "signature": None, **other}
    values["records_hash"] = hash_of(str(values["records"]))
    change(store, insert(AuditBatch).values(**values))
    return int(batches_of(store)[-1]["key"])


@pytest.fixture
def with_token(store: Database) -> Database:
    """A store with the token 1."""
    with store.writing() as session:
        create_token(session, "desk", [Scope.SCAN])
    store.seal_records()
    return store


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"key_id": "0123456789abcdef", "signature": b"x" * 64},
        {"records": "[]"},
        {"records": "{"},
        {"records": batch_text(1, "yesterday", "x", [["a", "", None, "{}", None]]), "size": 1},
        {"records": batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", [["a"]])},
    ],
)
def test_a_forged_batch_is_not_sealed_and_others_are(
    with_token: Database, signed: Settings, other: dict[str, Any]
) -> None:
    forged = _forge(with_token, **other)
    before = verified(with_token).records
    make_match(with_token, "post/1")
    with_token.seal_records()
    found = verified(with_token, signed)
    assert f"batch {forged}" in places(found)
    assert found.records == before + 3
    assert [one["key"] for one in batches_of(with_token)] == [forged]


@pytest.mark.parametrize(
    "words",
    [
        batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x\0", [["a", "", None, "{}", None]]),
        batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", [["a" * 65, "", None, "", None]]),
        batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", [["a", "", 2**63, "{}", None]]),
        batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", [["a", "", None, "{}", "zz"]]),
        batch_text(1, "2026-01-01T00:00:00+00:00", "x", [["a", "", None, "{}", None]]),
        batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", [["a", "", None, "\ud800", None]]),
        batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", []),
        " " + batch_text(1, "2026-01-01T00:00:00.000000+00:00", "x", [["a", "", 1, "{}", None]]),
    ],
)
def test_what_no_column_could_hold_does_not_stop_the_sealing(
    database: Database, words: str
) -> None:
    """Also without a key, where whatever is well-formed is sealed."""
    moment = utc_now().replace(2026, 1, 1, 0, 0, 0, 0)
    _forge(database, records=words, at=moment, size=words.count("["))
    with database.writing() as session:
        audit(session, "test", None, {})
    database.seal_records()
    assert verified(database).records == 2
    assert not verified(database).is_intact


def test_later_records_of_a_row_wait_for_one_that_does_notverified(
    with_token: Database, signed: Settings
) -> None:
    """Or the records of a row would be sealed in another order than it changed."""
    forged = _forge(with_token)
    with with_token.writing() as session:
        token = session.scalars(select(AccessToken)).one()
        revoke_token(session, token.token_id)
    with_token.seal_records()
    assert len(batches_of(with_token)) == 2
    assert places(verified(with_token, signed)) == {f"batch {forged}"}
    change(with_token, delete(AuditBatch).where(AuditBatch.key == forged))
    with_token.seal_records()
    assert verified(with_token, signed).is_intact
    assert batches_of(with_token) == []


def test_a_batch_is_never_sealed_twice(store: Database, signed: Settings) -> None:
    """Its signature stays good: a revoked token would be valid again by the record of before."""
    with store.writing() as session:
        token = create_token(session, "desk", [Scope.SCAN]).split("_")[1]
    (batch,) = batches_of(store)
    with store.reading() as session:
        (row,) = session.execute(select(AccessToken.audit_id, AccessToken.revoked_at))
    store.seal_records()
    with store.writing() as session:
        revoke_token(session, token)
    store.seal_records()
    change(
        store,
        insert(AuditBatch).values(**batch),
        update(AccessToken).values(audit_id=row.audit_id, revoked_at=None),
    )
    assert places(verified(store, signed)) == {f"batch {batch['key']}"}
    store.seal_records()
    assert len(batches_of(store)) == 1
    # Nor by a process that saw nothing of it.
    with closing(Database(store.url, seal=open_seal(signed))) as other:
        other.seal_records()
    assert len(batches_of(store)) == 1


def test_a_batch_that_was_copied_before_it_is_sealed_is_sealed_once(
    store: Database, signed: Settings
) -> None:
    make_match(store, "post/1")
    (batch,) = batches_of(store)
    change(store, insert(AuditBatch).values(**{**batch, "key": 10_000}))
    assert places(verified(store, signed)) == {"batch 10000"}
    store.seal_records()
    assert [one["key"] for one in batches_of(store)] == [10_000]


def test_a_batch_that_is_removed_before_it_is_sealed_is_missed_by_its_rows(
    store: Database, signed: Settings
) -> None:
    case = make_match(store, "post/1")
    store.seal_records()
    # Nothing that is bound changes, and later records hide nothing.
    with store.writing() as session:
        add_note(session, case, "seen before", OTHER)
    change(store, delete(AuditBatch))
    act(store, case, CaseAction.CONFIRM)
    found = places(verified(store, signed))
    assert found == {"case_notes 1"}
    store.seal_records()
    assert places(verified(store, signed)) == {"case_notes 1"}


def test_a_look_that_changed_nothing_is_missed_by_its_row(
    store: Database, signed: Settings
) -> None:
    case = make_match(store, "post/1")
    store.seal_records()
    with store.writing() as session:
        audit(session, "details.shown", session.get_one(Case, case), {})
    change(store, delete(AuditBatch))
    assert places(verified(store, signed)) == {f"cases {case}"}
    store.seal_records()
    assert places(verified(store, signed)) == {f"cases {case}"}


def test_batches_in_another_order_are_found(store: Database, signed: Settings) -> None:
    case = make_match(store, "post/1")
    act(store, case, CaseAction.CONFIRM)
    one, two = batches_of(store)
    order = ((one["key"], -1), (two["key"], one["key"]), (-1, two["key"]))
    moves = [update(AuditBatch).where(AuditBatch.key == a).values(key=b) for a, b in order]
    change(store, *moves)
    assert f"cases {case}" in places(verified(store, signed))


def test_a_rewritten_chain_is_not_continued(
    store: Database, caplog: pytest.LogCaptureFixture
) -> None:
    make_match(store, "post/1")
    store.seal_records()
    with store.reading() as session:
        last = session.scalars(select(AuditHead.number)).one()
        before = session.get_one(AuditRecord, last - 1).record_hash
    change(
        store,
        delete(AuditRecord).where(AuditRecord.number == last),
        update(AuditHead).values(number=last - 1, record_hash=before, signature=None),
    )
    make_match(store, "post/2")
    with pytest.raises(StoreError, match="does not continue"):
        store.seal_records()
