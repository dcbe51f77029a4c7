"""Sealing: soon, once, in order, by one process at a time, and nothing that does not verify."""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from hashmatch.audit import Verification, export_chain, make_key, open_seal, public_keys, verify
from hashmatch.cases import CaseAction, add_note
from hashmatch.config import Settings
from hashmatch.errors import StoreError
from hashmatch.store.engine import (
    Database,
    audit,
    audit_id,
    audit_rows,
    read_audit_records,
    read_history,
    read_unsealed,
)
from hashmatch.store.engine.batches import batch_text
from hashmatch.store.engine.sealer import Sealer
from hashmatch.store.migrations import downgrade, upgrade
from hashmatch.store.schema import (
    AccessToken,
    AuditBatch,
    AuditHead,
    AuditRecord,
    Case,
    utc_now,
)
from hashmatch.store.tokens import Scope, create_token, revoke_token
from tests.cases.making import OTHER, act, make_match, row_of, settings_with
from tests.pictures import list_of
from tests.store.importing import import_text

_PATIENCE_S = 60


@pytest.fixture
def by_itself() -> None:
    """Let the threads seal, which they do in the tests that ask for this."""


@pytest.fixture(autouse=True)
def _nothing_is_sealed_by_itself(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the tests say when to seal."""
    if "by_itself" not in request.fixturenames:
        monkeypatch.setattr("hashmatch.store.engine.sealer._GATHER_S", 3600)
        monkeypatch.setattr("hashmatch.store.engine.sealer._LOOK_EVERY_S", 3600)


@pytest.fixture
def signed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a key to sign with."""
    monkeypatch.setenv("AUDIT_KEY", make_key()[0])
    return settings_with(settings, audit={"signing_key": {"env": "AUDIT_KEY"}})


@pytest.fixture
def store(database: Database, signed: Settings) -> Iterator[Database]:
    """A store on a signed chain, with a list in it."""
    with closing(Database(signed.database_url, seal=open_seal(signed))) as store:
        import_text(store, "one", list_of(1, 2, 3))
        store.seal_records()
        yield store


def _verify(store: Database, settings: Settings | None = None) -> Verification:
    with store.reading() as session:
        return verify(session, {} if settings is None else public_keys(settings))


def _places(found: Verification) -> set[str]:
    return {one.place for one in found.problems}


def _batches(store: Database) -> list[dict[str, Any]]:
    with store.reading() as session:
        rows = session.execute(select(AuditBatch.__table__).order_by(AuditBatch.key))
        return [dict(one._mapping) for one in rows]


def _change(store: Database, *statements: Any) -> None:
    """Do something to the database that leaves no record."""
    with store.connection() as connection, connection.begin():
        for one in statements:
            connection.execute(one)


def test_records_are_verified_before_they_are_sealed(store: Database, signed: Settings) -> None:
    case = make_match(store, "post/1")
    act(store, case, CaseAction.CONFIRM)
    found = _verify(store, signed)
    assert (found.problems, found.unsealed) == ([], 5)
    store.seal_records()
    after = _verify(store, signed)
    assert (after.problems, after.unsealed) == ([], 0)
    assert after.records == after.signed_up_to == found.records + 5


@pytest.mark.usefixtures("by_itself")
def test_records_are_sealed_by_themselves(database: Database) -> None:
    with database.writing() as session:
        audit(session, "test", None, {})
    _wait(lambda: _verify(database).records == 2)


@pytest.mark.usefixtures("by_itself")
def test_records_of_a_dead_process_are_sealed_by_another(database: Database) -> None:
    _write_and_die(database.url, 3)
    assert _verify(database).unsealed == 3
    database.start_sealing()
    _wait(lambda: _verify(database).records == 4)
    assert _verify(database).is_intact


def test_records_are_sealed_when_the_database_is_closed(database: Database) -> None:
    with closing(Database(database.url)) as other, other.writing() as session:
        audit(session, "test", None, {})
    assert (_verify(database).records, _verify(database).unsealed) == (2, 0)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


_WRITER = """
import os, signal, sys
from contextlib import closing
from hashmatch.store.engine import Database, audit, sealer
from hashmatch.store.tokens import Scope, create_token, revoke_token
url, number, dies = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "dies"
if dies:
    sealer._GATHER_S = 3600  # It dies between its last commit and any sealing.
with closing(Database(url, busy_timeout_s=60)) as database:
    for one in range(number):
        with database.writing() as session:
            create_token(session, str(one), [Scope.SCAN])
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _write_and_die(url: str, number: int) -> None:
    process = subprocess.run([sys.executable, "-c", _WRITER, url, str(number), "dies"])
    assert process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("by_itself")
def test_the_chain_is_intact_after_many_writers_and_a_dead_one(database: Database) -> None:
    """Each seals what it sees, beside the others; one is killed between commit and sealing."""
    commands = [
        [sys.executable, "-c", _WRITER, database.url, "25", how] for how in ("", "", "", "dies")
    ]
    writers = [subprocess.Popen(one) for one in commands]
    assert [one.wait(_PATIENCE_S * 2) for one in writers] == [0, 0, 0, -signal.SIGKILL]
    found = _verify(database)
    assert (found.problems, found.records + found.unsealed) == ([], 1 + 4 * 25)
    database.seal_records()
    found = _verify(database)
    assert (found.problems, found.records, found.unsealed) == ([], 101, 0)


def test_two_sealers_at_once_seal_everything_once(store: Database, signed: Settings) -> None:
    before = _verify(store).records
    for number in range(40):
        with store.writing() as session:
            create_token(session, str(number), [Scope.SCAN])
    seal = open_seal(signed)
    others = [Database(store.url, busy_timeout_s=_PATIENCE_S, seal=seal) for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(Database.seal_records, others))
    finally:
        for one in others:
            one.close()
    found = _verify(store, signed)
    assert (found.problems, found.records, found.unsealed) == ([], before + 40, 0)


def test_a_turn_is_short_however_much_one_transaction_records(
    store: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.engine.audit_log.RECORDS_A_BATCH", 4)
    with store.writing() as session:
        for number in range(10):
            audit(session, "test", None, {"number": number})
    assert [one["size"] for one in _batches(store)] == [4, 4, 2]
    assert _verify(store, signed).is_intact
    store.seal_records()
    with store.reading() as session:
        facts = [one["facts"] for one in read_audit_records(session) if one["action"] == "test"]
    assert [json.loads(one)["number"] for one in facts] == list(range(10))


def test_writers_do_not_wait_for_each_others_commits(store: Database, signed: Settings) -> None:
    """Records of two transactions are written, and sealed, in any order of their commits."""
    if store.sqlite_path() is not None:
        pytest.skip("SQLite has one writer at a time")
    with closing(Database(store.url, seal=open_seal(signed))) as other:
        with store.connection() as one:
            with store.transaction(one) as session:
                create_token(session, "first", [Scope.SCAN])
                with other.writing() as inner:
                    create_token(inner, "second", [Scope.SCAN])
                other.seal_records()
        assert (_verify(store, signed).problems, _verify(store).unsealed) == ([], 1)
        other.seal_records()
    assert (_verify(store, signed).problems, _verify(store).unsealed) == ([], 0)


def test_the_history_of_a_case_has_what_is_not_sealed(store: Database) -> None:
    case = make_match(store, "post/1")
    store.seal_records()
    act(store, case, CaseAction.CONFIRM)
    make_match(store, "post/2")
    with store.reading() as session:
        history = read_history(session, session.get_one(Case, case))
    assert [one.action for one in history] == ["case.opened", "case.confirm"]


def test_rows_that_were_inserted_without_objects_are_bound(
    store: Database, signed: Settings
) -> None:
    columns = {"requests_per_minute": 0, "expires_at": None, "revoked_at": None, "scopes": "[]"}
    with store.writing() as session:
        rows = [
            {"key": key, "token_id": str(key), "name": "x", "secret_hash": b"x" * 32, **columns}
            for key in (7, 8)
        ]
        own = audit_id(session)
        session.execute(
            insert(AccessToken.__table__),  # type: ignore[arg-type]
            [{**one, "audit_id": own, "created_at": utc_now()} for one in rows],
        )
        audit_rows(session, "token.created", AccessToken, rows, [{"token": 7}, {"token": 8}])
    assert _verify(store, signed).is_intact
    store.seal_records()
    assert _verify(store, signed).is_intact
    _change(store, text("UPDATE tokens SET name = 'y' WHERE key = 8"))
    assert _places(_verify(store, signed)) == {"tokens 8"}


# What somebody with write access and without the key may do to what is not sealed.


def _forge(store: Database, **other: Any) -> int:
    """Insert a batch as the program would write one, about the token 1, but unsigned."""
    after = _verify(store).records
    facts = '{"token":"forged"}'
    record = ["token.revoked", "tokens", 1, facts, secrets.token_hex(32)]
    at = utc_now()
    words = batch_text(after, at.isoformat(timespec="microseconds"), "user x", [record])
    values = {"at": at, "size": 1, "records": words, "key_id": "", "signature": None, **other}
    values["records_hash"] = _hash(str(values["records"]))
    _change(store, insert(AuditBatch).values(**values))
    return int(_batches(store)[-1]["key"])


def _hash(words: str) -> bytes:
    return hashlib.sha256(words.encode()).digest()


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
    before = _verify(with_token).records
    make_match(with_token, "post/1")
    with_token.seal_records()
    found = _verify(with_token, signed)
    assert f"batch {forged}" in _places(found)
    assert found.records == before + 3
    assert [one["key"] for one in _batches(with_token)] == [forged]


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
    assert _verify(database).records == 2
    assert not _verify(database).is_intact


def test_later_records_of_a_row_wait_for_one_that_does_not_verify(
    with_token: Database, signed: Settings
) -> None:
    """Or the records of a row would be sealed in another order than it changed."""
    forged = _forge(with_token)
    with with_token.writing() as session:
        token = session.scalars(select(AccessToken)).one()
        revoke_token(session, token.token_id)
    with_token.seal_records()
    assert len(_batches(with_token)) == 2
    assert _places(_verify(with_token, signed)) == {f"batch {forged}"}
    _change(with_token, delete(AuditBatch).where(AuditBatch.key == forged))
    with_token.seal_records()
    assert _verify(with_token, signed).is_intact
    assert _batches(with_token) == []


def test_a_batch_is_never_sealed_twice(store: Database, signed: Settings) -> None:
    """Its signature stays good: a revoked token would be valid again by the record of before."""
    with store.writing() as session:
        token = create_token(session, "desk", [Scope.SCAN]).split("_")[1]
    (batch,) = _batches(store)
    with store.reading() as session:
        (row,) = session.execute(select(AccessToken.audit_id, AccessToken.revoked_at))
    store.seal_records()
    with store.writing() as session:
        revoke_token(session, token)
    store.seal_records()
    _change(
        store,
        insert(AuditBatch).values(**batch),
        update(AccessToken).values(audit_id=row.audit_id, revoked_at=None),
    )
    assert _places(_verify(store, signed)) == {f"batch {batch['key']}"}
    store.seal_records()
    assert len(_batches(store)) == 1
    # Nor by a process that saw nothing of it.
    with closing(Database(store.url, seal=open_seal(signed))) as other:
        other.seal_records()
    assert len(_batches(store)) == 1


def test_a_batch_that_was_copied_before_it_is_sealed_is_sealed_once(
    store: Database, signed: Settings
) -> None:
    make_match(store, "post/1")
    (batch,) = _batches(store)
    _change(store, insert(AuditBatch).values(**{**batch, "key": 10_000}))
    assert _places(_verify(store, signed)) == {"batch 10000"}
    store.seal_records()
    assert [one["key"] for one in _batches(store)] == [10_000]


def test_a_batch_that_is_removed_before_it_is_sealed_is_missed_by_its_rows(
    store: Database, signed: Settings
) -> None:
    case = make_match(store, "post/1")
    store.seal_records()
    # Nothing that is bound changes, and later records hide nothing.
    with store.writing() as session:
        add_note(session, case, "seen before", OTHER)
    _change(store, delete(AuditBatch))
    act(store, case, CaseAction.CONFIRM)
    found = _places(_verify(store, signed))
    assert found == {"case_notes 1"}
    store.seal_records()
    assert _places(_verify(store, signed)) == {"case_notes 1"}


def test_a_look_that_changed_nothing_is_missed_by_its_row(
    store: Database, signed: Settings
) -> None:
    case = make_match(store, "post/1")
    store.seal_records()
    with store.writing() as session:
        audit(session, "details.shown", session.get_one(Case, case), {})
    _change(store, delete(AuditBatch))
    assert _places(_verify(store, signed)) == {f"cases {case}"}
    store.seal_records()
    assert _places(_verify(store, signed)) == {f"cases {case}"}


def test_batches_in_another_order_are_found(store: Database, signed: Settings) -> None:
    case = make_match(store, "post/1")
    act(store, case, CaseAction.CONFIRM)
    one, two = _batches(store)
    order = ((one["key"], -1), (two["key"], one["key"]), (-1, two["key"]))
    moves = [update(AuditBatch).where(AuditBatch.key == a).values(key=b) for a, b in order]
    _change(store, *moves)
    assert f"cases {case}" in _places(_verify(store, signed))


def test_a_rewritten_chain_is_not_continued(
    store: Database, caplog: pytest.LogCaptureFixture
) -> None:
    make_match(store, "post/1")
    store.seal_records()
    with store.reading() as session:
        last = session.scalars(select(AuditHead.number)).one()
        before = session.get_one(AuditRecord, last - 1).record_hash
    _change(
        store,
        delete(AuditRecord).where(AuditRecord.number == last),
        update(AuditHead).values(number=last - 1, record_hash=before, signature=None),
    )
    make_match(store, "post/2")
    with pytest.raises(StoreError, match="does not continue"):
        store.seal_records()


def test_what_others_continued_without_a_signature_is_on_record(
    store: Database, signed: Settings
) -> None:
    make_match(store, "post/1")
    store.seal_records()
    end = _verify(store, signed).signed_up_to
    with closing(Database(store.url)) as unsigned:
        make_match(unsigned, "post/2")
    make_match(store, "post/3")
    store.seal_records()
    assert _verify(store, signed).is_intact
    with store.reading() as session:
        (facts,) = (
            json.loads(one["facts"])
            for one in read_audit_records(session)
            if one["action"] == "chain.unsigned"
        )
    assert facts == {"after": end, "up_to": end + 3}


def test_signed_batches_are_left_to_those_who_can_sign_the_end(
    store: Database, signed: Settings
) -> None:
    make_match(store, "post/1")
    with closing(Database(store.url)) as unsigned:
        unsigned.seal_records()
    assert _verify(store, signed).unsealed == 3
    _change(store, update(AuditBatch).values(at=utc_now()))


def test_checkpoints_are_on_record(
    store: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.engine.sealing.RECORDS_A_CHECKPOINT", 5)
    for number in range(6):
        make_match(store, f"post/{number}")
        store.seal_records()
    assert _verify(store, signed).is_intact
    with store.reading() as session:
        numbers = session.scalars(text("SELECT number FROM audit_checkpoints ORDER BY 1")).all()
    assert len(numbers) > 2
    _change(store, text(f"DELETE FROM audit_checkpoints WHERE number = {numbers[1]}"))
    assert _places(_verify(store, signed)) == {f"checkpoint {numbers[1]}"}
    _change(
        store,
        text(
            "INSERT INTO audit_checkpoints SELECT number, record_hash, signed_at, key_id, signature"
            " FROM audit_head"
        ),
    )
    end = _verify(store, signed).records
    assert f"checkpoint {end}" in _places(_verify(store, signed))


def test_a_failing_sealer_breaks_nothing_and_goes_on(
    store: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Sealer) -> bool:
        raise RuntimeError("of any kind")

    with monkeypatch.context() as failing:
        failing.setattr(Sealer, "_look", fail)
        with closing(Database(store.url, seal=open_seal(signed))) as other:
            with other.writing() as session:
                audit(session, "test", None, {})
    assert _verify(store, signed).unsealed == 1
    store.seal_records()
    assert _verify(store, signed).unsealed == 0


def test_an_export_holds_what_is_not_sealed(store: Database) -> None:
    make_match(store, "post/1")
    with store.reading() as session:
        lines = [json.loads(one) for one in export_chain(session, None)]
    (batch,) = (one for one in lines if one["kind"] == "batch")
    assert _hash(batch["records"]).hex() == batch["records_hash"]
    label, after, _, actor, records = json.loads(batch["records"])
    end = lines[-1]["number"]
    assert (label, after, actor) == ("hashmatch audit batch", end, "hashmatch")
    assert [one[0] for one in records] == ["content.recorded", "match.recorded", "case.opened"]


def test_unsealed_records_are_counted_with_their_age(database: Database) -> None:
    with database.reading() as session:
        assert read_unsealed(session) == (0, None)
    before = utc_now()
    with database.writing() as session:
        audit(session, "test", None, {})
        audit(session, "test", None, {})
    with database.reading() as session:
        found = read_unsealed(session)
    assert found.records == 2
    assert found.oldest is not None
    assert before <= found.oldest <= utc_now()


def test_a_row_names_the_transaction_that_recorded_it_last(store: Database) -> None:
    case = make_match(store, "post/1")
    first = row_of(store, case).audit_id
    act(store, case, CaseAction.CONFIRM)
    second = row_of(store, case).audit_id
    assert None not in (first, second)
    assert first != second


def test_an_older_schema_has_every_record_sealed_and_every_row_bound(
    store: Database, signed: Settings
) -> None:
    """The program of that time hashes the state of a row without an audit id."""
    case = make_match(store, "post/1")
    store.seal_records()
    act(store, case, CaseAction.CONFIRM)
    _change(store, text("UPDATE matches SET distance_bits = 9"))
    before = _verify(store, signed)
    downgrade(store, "0017")
    upgrade(store)
    found = _verify(store)
    assert (found.unsealed, _places(found)) == (0, {"matches 1"})
    assert found.records > before.records + before.unsealed
    with store.reading() as session:
        assert set(session.scalars(select(Case.audit_id))) == {None}
