"""The audit chain: whatever is tampered with is found, with its place."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from hashmatch.audit import (
    PublicKeys,
    Verification,
    export_chain,
    make_key,
    open_seal,
    public_keys,
    verify,
)
from hashmatch.cases import CaseAction, add_note, hold
from hashmatch.config import Settings
from hashmatch.errors import ConfigError, InputError
from hashmatch.store.engine import (
    Database,
    audit,
    chained_text,
    moment_text,
    read_audit_checkpoints,
    read_audit_head,
    read_audit_records,
    read_unsealed,
)
from hashmatch.store.lists import disable_entries, set_licence
from hashmatch.store.migrations import downgrade, upgrade
from hashmatch.store.schema import Case, HashList
from hashmatch.store.tokens import Scope, create_token, revoke_token
from tests.audit.tampering import tamper
from tests.cases.making import ADMINISTRATOR, OTHER, act, make_match, settings_with
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture
def chained(database: Database, signed: Settings) -> Iterator[Database]:
    """A store in which all kinds of things were done, on a signed chain."""
    seal = open_seal(signed)
    with closing(Database(signed.database_url, seal=seal, actor="user test")) as store:
        _do_all_kinds_of_things(store)
        store.seal_records()
        yield store


@pytest.fixture
def half_sealed(
    sealed_by_hand: None, database: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """Such a store with checkpoints, in which half of the records are not sealed."""
    monkeypatch.setattr("hashmatch.store.engine.sealing.RECORDS_A_CHECKPOINT", 10)
    database.seal_records()
    with closing(Database(signed.database_url, seal=open_seal(signed))) as store:
        import_text(store, "one", list_of(1, 2, 3))
        for number in range(6):
            make_match(store, f"early/{number}")
            store.seal_records()
        _do_all_kinds_of_things(store)
        with store.reading() as session:
            assert read_unsealed(session).records > 20
            assert len(list(read_audit_checkpoints(session))) > 1
        yield store


def _do_all_kinds_of_things(store: Database) -> None:
    import_text(store, "one", list_of(1, 2, 3))
    cases = [make_match(store, f"post/{number}", entries=(1, 2)) for number in range(4)]
    act(store, cases[0], CaseAction.CONFIRM)
    act(store, cases[1], CaseAction.DISMISS)
    act(store, cases[1], CaseAction.CLOSE, OTHER)
    with store.writing() as session:
        add_note(session, cases[2], "seen before", OTHER)
        hold(session, cases[2], "order 1", ADMINISTRATOR)
        token = create_token(session, "desk", [Scope.REVIEW])
        create_token(session, "other", [Scope.SCAN])
        set_licence(session, "one", licensor="IWF", end=None)
    with store.writing() as session:
        revoke_token(session, token.split("_")[1])
        disable_entries(session, "one", ["e3"])


def _verify(store: Database, keys: PublicKeys, **more: Any) -> Verification:
    with store.reading() as session:
        return verify(session, keys, **more)


def test_a_chain_that_nobody_touched_is_intact(chained: Database, signed: Settings) -> None:
    found = _verify(chained, public_keys(signed))
    assert found.problems == []
    assert found.signed_up_to == found.records > 20
    assert found.rows > 15
    with chained.reading() as session:
        actions = {one["action"] for one in read_audit_records(session)}
    assert actions >= {
        "chain.begun", "list.created", "list.changed", "licence.set", "content.recorded",
        "match.recorded", "case.opened", "case.confirm", "case.dismiss", "case.close", "case.note",
        "case.hold", "token.created", "token.revoked",
    }  # fmt: skip


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "number", [25, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_random_tamperings_are_all_found(
    half_sealed: Database, signed: Settings, tmp_path: Path, number: int
) -> None:
    """Each is of one value, row or order of the chain, of what is not sealed, or of bound rows."""
    keys, chance, missed = public_keys(signed), random.Random(1), []
    with (
        closing(sqlite3.connect(str(half_sealed.sqlite_path()))) as original,
        closing(sqlite3.connect(tmp_path / "tampered.db")) as raw,
        closing(Database(f"sqlite:///{tmp_path}/tampered.db")) as tampered,
    ):
        for _ in range(number):
            original.backup(raw)
            what = tamper(raw, chance)
            try:
                is_found = not _verify(tampered, keys).is_intact
            except Exception:  # noqa: BLE001 (what cannot even be read is found)
                is_found = True
            if not is_found:
                missed.append(what)
        original.backup(raw)
        assert _verify(tampered, keys).is_intact
    assert missed == []


TAMPERINGS = [
    ("UPDATE audit_records SET actor = 'x' WHERE number = 5", "record 5"),
    ("DELETE FROM audit_records WHERE number = 5", "record 5"),
    ("DELETE FROM audit_records WHERE number IN (5, 6)", "records 5 to 6"),
    ("UPDATE matches SET distance_bits = 9 WHERE key = 2", "matches 2"),
    ("UPDATE cases SET state = 'closed' WHERE key = 1", "cases 1"),
    ("UPDATE tokens SET scopes = '[\"admin\"]' WHERE key = 2", "tokens 2"),
    ("UPDATE lists SET licence_end = '2099-01-01'", "lists 1"),
    ("UPDATE case_notes SET text = 'never seen'", "case_notes 1"),
    ("DELETE FROM case_notes", "case_notes 1"),
    ("UPDATE contents SET content_id = 'post/9' WHERE key = 1", "contents 1"),
]


def test_a_problem_is_named_with_its_place(chained: Database, signed: Settings) -> None:
    keys = public_keys(signed)
    for statement, place in TAMPERINGS:
        with chained.connection() as connection, connection.begin() as transaction:
            connection.execute(text(statement))
            with Session(connection, join_transaction_mode="create_savepoint") as session:
                places = [one.place for one in verify(session, keys).problems]
            transaction.rollback()
        assert place in places, statement
    assert _verify(chained, keys).is_intact


def _cut_off(connection: Connection) -> None:
    """Forget the last records, and make the end fit, as one who may write everything can."""
    last = connection.scalar(text("SELECT MAX(number) FROM audit_records")) or 0
    connection.execute(text(f"DELETE FROM audit_records WHERE number > {last - 2}"))
    end = "(SELECT record_hash FROM audit_records ORDER BY number DESC LIMIT 1)"
    connection.execute(text(f"UPDATE audit_head SET number = {last - 2}, record_hash = {end}"))


@pytest.mark.sqlite
def test_an_end_that_was_made_to_fit_is_not_signed(chained: Database, signed: Settings) -> None:
    with chained.connection() as connection, connection.begin():
        _cut_off(connection)
        connection.execute(text("DELETE FROM tokens"))
    found = _verify(chained, public_keys(signed))
    assert ("the end", "not signed by any of the keys") in [
        (one.place, one.problem) for one in found.problems
    ]


def test_an_end_that_was_noted_elsewhere_is_missed_without_any_key(database: Database) -> None:
    _do_all_kinds_of_things(database)
    database.seal_records()
    intact = _verify(database, {})
    known = {intact.records: intact.end_hash}
    assert _verify(database, {}, known=known).is_intact
    with database.connection() as connection, connection.begin():
        _cut_off(connection)
    problems = _verify(database, {}, known=known).problems
    assert "noted elsewhere" in problems[0].problem


@pytest.mark.sqlite
def test_records_without_a_signature_are_found(chained: Database, signed: Settings) -> None:
    with closing(Database(signed.database_url)) as other:
        make_match(other, "post/unsigned")
    (problem,) = _verify(chained, public_keys(signed)).problems
    assert "are not signed" in problem.problem
    # Whoever has the key signs for what is before, too.
    make_match(chained, "post/signed")
    chained.seal_records()
    assert _verify(chained, public_keys(signed)).is_intact


@pytest.mark.sqlite
def test_a_key_may_be_changed(chained: Database, signed: Settings, monkeypatch: Any) -> None:
    monkeypatch.setattr("hashmatch.store.engine.sealing.RECORDS_A_CHECKPOINT", 5)
    for number in range(5):
        make_match(chained, f"old/{number}")
        chained.seal_records()
    old_public = base64.b64encode(
        next(iter(public_keys(signed).values())).public_bytes_raw()
    ).decode()
    monkeypatch.setenv("AUDIT_KEY", make_key()[0])
    with closing(Database(signed.database_url, seal=open_seal(signed))) as store:
        make_match(store, "new/1")
    assert _verify(chained, public_keys(signed, old_public)).is_intact
    problems = _verify(chained, public_keys(signed)).problems
    assert problems[0].place.startswith("checkpoint")


def test_two_writers_at_once_never_fork_the_chain(database: Database, signed: Settings) -> None:
    import_text(database, "one", list_of(1))
    database.seal_records()
    settings = signed
    stores = [
        Database(settings.database_url, busy_timeout_s=30, seal=open_seal(settings))
        for _ in range(2)
    ]
    try:
        with ThreadPoolExecutor(8) as pool:
            keys = list(
                pool.map(lambda n: make_match(stores[n % 2], f"post/{n}", entries=(1,)), range(40))
            )
        assert len(set(keys)) == 40
        stores[0].seal_records()
        found = _verify(database, public_keys(settings))
        assert found.problems == []
        assert found.records == 3 + 40 * 3
    finally:
        for one in stores:
            one.close()


_WRITER = """
import sys
from contextlib import closing
from hashmatch.store.engine import Database, audit
with closing(Database(sys.argv[1], busy_timeout_s=60)) as database:
    for number in range(30):
        with database.writing() as session:
            audit(session, "test", None, {"number": number})
"""


@pytest.mark.sqlite
def test_processes_that_write_at_once_never_fork_the_chain(database: Database) -> None:
    command = [sys.executable, "-c", _WRITER, database.url]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [one.wait(100) for one in writers] == [0, 0, 0]
    found = _verify(database, {})
    assert (found.problems, found.records) == ([], 91)


def test_what_is_undone_leaves_no_record(database: Database) -> None:
    with pytest.raises(InputError):
        with database.writing() as session:
            audit(session, "test", None, {})
            raise InputError("no")
    assert _verify(database, {}).records == 1


def test_matches_from_before_the_chain_are_passed_over_and_have_cases(
    tmp_path: Path,
) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/old.db")) as store:
        upgrade(store)
        import_text(store, "one", list_of(1))
        for number in range(3):
            make_match(store, f"post/{number}")
        downgrade(store, "0010")
        upgrade(store)
        assert _verify(store, {}).is_intact
        with store.reading() as session:
            cases = session.query(Case).all()
            assert [(one.state, one.newest_match) for one in cases] == [
                ("open", 1), ("open", 2), ("open", 3),
            ]  # fmt: skip
        act(store, 1, CaseAction.CONFIRM)
        assert _verify(store, {}).is_intact
        with store.connection() as connection, connection.begin():
            connection.execute(text("UPDATE cases SET state = 'closed' WHERE key = 1"))
        assert not _verify(store, {}).is_intact


@pytest.mark.sqlite
def test_outsiders_can_verify_an_export_as_the_document_says(
    chained: Database, signed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written from docs/audit.md alone: hashlib, json, and one Ed25519."""
    (public,) = (
        base64.b64encode(one.public_bytes_raw()).decode() for one in public_keys(signed).values()
    )
    with chained.reading() as session:
        lines = [json.loads(line) for line in export_chain(session, public)]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(lines[0]["public_key"]))
    previous = bytes(32)
    names = ("number", "at", "actor", "action", "subject", "subject_key", "facts", "state_hash")
    records = [one for one in lines if one["kind"] == "record"]
    for one in records:
        written = json.dumps([one[name] for name in names], separators=(",", ":")).encode()
        previous = hashlib.sha256(previous + written).digest()
        assert previous.hex() == one["record_hash"]
    end = lines[-1]
    assert (end["kind"], end["number"], end["record_hash"]) == ("end", len(records), previous.hex())
    signed_values = ["hashmatch audit", end["number"], end["record_hash"], end["signed_at"]]
    signed_bytes = json.dumps(signed_values, separators=(",", ":")).encode()
    key.verify(base64.b64decode(end["signature"]), signed_bytes)


@pytest.mark.sqlite
def test_the_chain_holds_no_hash_value_and_no_name_of_content(chained: Database) -> None:
    with chained.reading() as session:
        words = json.dumps([one["facts"] for one in read_audit_records(session)])
        values = session.scalars(text("SELECT value FROM matches")).all()
    assert "post/" not in words
    assert "seen before" not in words
    assert all(value.hex() not in words for value in values)


@pytest.mark.sqlite
@pytest.mark.parametrize("key", ["", "x", "AAAA", base64.b64encode(b"x" * 33).decode()])
def test_what_is_no_key_is_refused(settings: Settings, monkeypatch: Any, key: str) -> None:
    monkeypatch.setenv("AUDIT_KEY", key)
    chosen = settings_with(settings, audit={"signing_key": {"env": "AUDIT_KEY"}})
    with pytest.raises(ConfigError):
        open_seal(chosen)
    with pytest.raises(InputError):
        public_keys(settings, key)


def test_text_is_hashed_the_same_everywhere() -> None:
    assert chained_text([1, "é\u2028", None]) == b'[1,"\\u00e9\\u2028",null]'
    moment = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert moment_text(moment) == "2026-01-01T00:00:00.000000+00:00"
    assert moment_text(moment) == moment_text(moment.astimezone(UTC))


def test_a_head_is_read(database: Database) -> None:
    with database.reading() as session:
        head = read_audit_head(session)
        assert head is not None
        assert head.number == 1
        assert session.get(HashList, 1) is None
