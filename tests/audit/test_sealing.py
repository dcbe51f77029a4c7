"""Sealing: soon, once, in order, by one process at a time, and nothing that does not verify."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import delete, insert, select, text, update

from hashmatch.audit import export_chain, open_seal
from hashmatch.cases import CaseAction
from hashmatch.config import Settings
from hashmatch.store.engine import (
    Database,
    audit,
    audit_id,
    audit_rows,
    read_audit_records,
    read_history,
    read_unsealed,
)
from hashmatch.store.engine.sealer import Sealer
from hashmatch.store.migrations import downgrade, upgrade
from hashmatch.store.schema import AccessToken, AuditBatch, AuditRecord, Case, utc_now
from hashmatch.store.tokens import Scope, create_token
from tests.audit.chains import batches_of, change, hash_of, places, verified
from tests.cases.making import act, make_match, row_of

_PATIENCE_S = 60


def test_records_are_verified_before_they_are_sealed(store: Database, signed: Settings) -> None:
    case = make_match(store, "post/1")
    act(store, case, CaseAction.CONFIRM)
    found = verified(store, signed)
    assert (found.problems, found.unsealed) == ([], 5)
    store.seal_records()
    after = verified(store, signed)
    assert (after.problems, after.unsealed) == ([], 0)
    assert after.records == after.signed_up_to == found.records + 5


def test_records_are_sealed_by_themselves(database: Database) -> None:
    with database.writing() as session:
        audit(session, "test", None, {})
    _wait(lambda: verified(database).records == 2)


def test_records_of_a_dead_process_are_sealed_by_another(database: Database) -> None:
    _write_and_die(database.url, 3)
    assert verified(database).unsealed == 3
    database.start_sealing()
    _wait(lambda: verified(database).records == 4)
    assert verified(database).is_intact


@pytest.mark.usefixtures("sealed_by_hand")
def test_records_are_sealed_when_the_database_is_closed(database: Database) -> None:
    with closing(Database(database.url)) as other, other.writing() as session:
        audit(session, "test", None, {})
    assert (verified(database).records, verified(database).unsealed) == (2, 0)


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


def test_the_chain_is_intact_after_many_writers_and_a_dead_one(database: Database) -> None:
    """Each seals what it sees, beside the others; one is killed between commit and sealing."""
    commands = [
        [sys.executable, "-c", _WRITER, database.url, "25", how] for how in ("", "", "", "dies")
    ]
    writers = [subprocess.Popen(one) for one in commands]
    assert [one.wait(_PATIENCE_S * 2) for one in writers] == [0, 0, 0, -signal.SIGKILL]
    found = verified(database)
    assert (found.problems, found.records + found.unsealed) == ([], 1 + 4 * 25)
    database.seal_records()
    found = verified(database)
    assert (found.problems, found.records, found.unsealed) == ([], 101, 0)


def test_two_sealers_at_once_seal_everything_once(store: Database, signed: Settings) -> None:
    before = verified(store).records
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
    found = verified(store, signed)
    assert (found.problems, found.records, found.unsealed) == ([], before + 40, 0)


@pytest.mark.parametrize("records_a_look", [3, 10_000])
def test_records_are_sealed_by_another_process_however_late(
    store: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch, records_a_look: int
) -> None:
    """Also where more was sealed since they were written than a process remembers."""
    monkeypatch.setattr("hashmatch.store.engine.known_chain._RECORDS_A_LOOK", records_a_look)
    late = []
    for number in range(3):
        make_match(store, f"late/{number}")
        late += batches_of(store)
        change(store, delete(AuditBatch))
        make_match(store, f"post/{number}")
        store.seal_records()
    change(store, insert(AuditBatch).values(late))
    with closing(Database(store.url, seal=open_seal(signed))) as other:
        other.seal_records()
        after = verified(store, signed)
        assert (after.problems, after.unsealed) == ([], 0)
        # Nothing of it is sealed again, by those who saw it sealed nor by others.
        change(store, insert(AuditBatch).values(late))
        other.seal_records()
    with closing(Database(store.url, seal=open_seal(signed))) as third:
        third.seal_records()
    assert len(batches_of(store)) == len(late)
    assert verified(store, signed).records == after.records


def test_late_records_beside_a_damaged_chain_are_not_sealed(
    store: Database, signed: Settings
) -> None:
    make_match(store, "late/1")
    late = batches_of(store)
    change(store, delete(AuditBatch))
    for number in range(3):
        make_match(store, f"post/{number}")
    store.seal_records()
    last = verified(store, signed).records
    change(store, update(AuditRecord).where(AuditRecord.number == last - 2).values(actor="other"))
    change(store, insert(AuditBatch).values(late))
    with closing(Database(store.url, seal=open_seal(signed))) as other:
        other.seal_records()
    assert len(batches_of(store)) == len(late)


def test_a_turn_is_short_however_much_one_transaction_records(
    store: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.engine.audit_log.RECORDS_A_BATCH", 4)
    with store.writing() as session:
        for number in range(10):
            audit(session, "test", None, {"number": number})
    assert [one["size"] for one in batches_of(store)] == [4, 4, 2]
    assert verified(store, signed).is_intact
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
        assert (verified(store, signed).problems, verified(store).unsealed) == ([], 1)
        other.seal_records()
    assert (verified(store, signed).problems, verified(store).unsealed) == ([], 0)


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
    assert verified(store, signed).is_intact
    store.seal_records()
    assert verified(store, signed).is_intact
    change(store, text("UPDATE tokens SET name = 'y' WHERE key = 8"))
    assert places(verified(store, signed)) == {"tokens 8"}


def test_what_others_continued_without_a_signature_is_on_record(
    store: Database, signed: Settings
) -> None:
    make_match(store, "post/1")
    store.seal_records()
    end = verified(store, signed).signed_up_to
    with closing(Database(store.url)) as unsigned:
        make_match(unsigned, "post/2")
    make_match(store, "post/3")
    store.seal_records()
    assert verified(store, signed).is_intact
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
    assert verified(store, signed).unsealed == 3
    change(store, update(AuditBatch).values(at=utc_now()))


def test_checkpoints_are_on_record(
    store: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.store.engine.sealing.RECORDS_A_CHECKPOINT", 5)
    for number in range(6):
        make_match(store, f"post/{number}")
        store.seal_records()
    assert verified(store, signed).is_intact
    with store.reading() as session:
        numbers = session.scalars(text("SELECT number FROM audit_checkpoints ORDER BY 1")).all()
    assert len(numbers) > 2
    change(store, text(f"DELETE FROM audit_checkpoints WHERE number = {numbers[1]}"))
    assert places(verified(store, signed)) == {f"checkpoint {numbers[1]}"}
    change(
        store,
        text(
            "INSERT INTO audit_checkpoints SELECT number, record_hash, signed_at, key_id, signature"
            " FROM audit_head"
        ),
    )
    end = verified(store, signed).records
    assert f"checkpoint {end}" in places(verified(store, signed))


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
    assert verified(store, signed).unsealed == 1
    store.seal_records()
    assert verified(store, signed).unsealed == 0


def test_an_export_holds_what_is_not_sealed(store: Database) -> None:
    make_match(store, "post/1")
    with store.reading() as session:
        lines = [json.loads(one) for one in export_chain(session, None)]
    (batch,) = (one for one in lines if one["kind"] == "batch")
    assert hash_of(batch["records"]).hex() == batch["records_hash"]
    label, after, _, actor, records = json.loads(batch["records"])
    end = lines[-1]["number"]
    assert (label, after, actor) == ("hashmatch audit batch", end, "hashmatch")
    assert [one[0] for one in records] == ["content.recorded", "match.recorded", "case.opened"]


@pytest.mark.usefixtures("sealed_by_hand")
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
    change(store, text("UPDATE matches SET distance_bits = 9"))
    before = verified(store, signed)
    downgrade(store, "0017")
    upgrade(store)
    found = verified(store)
    assert (found.unsealed, places(found)) == (0, {"matches 1"})
    assert found.records > before.records + before.unsealed
    with store.reading() as session:
        assert set(session.scalars(select(Case.audit_id))) == {None}
