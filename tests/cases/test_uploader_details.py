"""Uploader details: encrypted, and shown to authorised actors only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from hashmatch.cases import (
    CaseAction,
    open_details,
    reencrypt_details,
    show_details,
    store_details,
    view_case,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ConfigError, ForbiddenError, InputError
from hashmatch.store.engine import Database
from hashmatch.uploaders import Details, Sealer, make_detail_key, open_sealer, parse_details
from tests.cases.making import ADMINISTRATOR, REVIEWER, SCANNER, act, make_match, settings_with

DETAILS = '{"account": {"id": "someone", "emails": ["a@b.example"]}, "file": {"name": "x.jpg"}}'


@pytest.fixture
def sealer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Sealer:
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    return open_sealer(settings_with(settings, cases={"detail_keys": [{"env": "DETAIL_KEY"}]}))


def _give(database: Database, sealer: Sealer, case: int) -> None:
    with database.writing() as session:
        store_details(session, sealer, case, parse_details(DETAILS), SCANNER)


def test_they_are_stored_encrypted(listed: Database, sealer: Sealer) -> None:
    case = make_match(listed)
    _give(listed, sealer, case)
    with listed.reading() as session:
        assert open_details(session, sealer, case) == parse_details(DETAILS)
        tables = ("uploader_details", "audit_records", "cases", "outbox")
        stored = str([session.execute(text(f"SELECT * FROM {one}")).all() for one in tables])
        assert "has_details" in (facts := view_case(session, case))
    assert "someone" not in stored
    assert "someone" not in json.dumps(facts)


def test_who_looks_at_them_is_on_record(listed: Database, sealer: Sealer) -> None:
    case = make_match(listed)
    _give(listed, sealer, case)
    with listed.writing("token 9 (eve)") as session:
        show_details(session, sealer, case, "service")
    with listed.reading() as session:
        last = view_case(session, case)["history"][-1]
    assert (last["what"], last["by"], last["purpose"]) == (
        "details.shown", "token 9 (eve)", "service",
    )  # fmt: skip


def test_keys_can_be_changed(
    listed: Database, settings: Settings, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [make_match(listed, f"post/{number}") for number in range(3)]
    for case in cases:
        _give(listed, sealer, case)
    monkeypatch.setenv("NEW_KEY", make_detail_key())
    both = {"detail_keys": [{"env": "NEW_KEY"}, {"env": "DETAIL_KEY"}]}
    changing = open_sealer(settings_with(settings, cases=both))
    new = open_sealer(settings_with(settings, cases={"detail_keys": [{"env": "NEW_KEY"}]}))
    with listed.reading() as session, pytest.raises(ConfigError, match="which is not configured"):
        open_details(session, new, cases[0])
    with listed.writing() as session:
        assert [reencrypt_details(session, changing, limit=2) for _ in range(3)] == [2, 1, 0]
    with listed.reading() as session:
        assert all(open_details(session, new, one) == parse_details(DETAILS) for one in cases)


def test_details_of_another_case_are_not_taken_for_its_own(
    listed: Database, sealer: Sealer
) -> None:
    one, two = make_match(listed, "post/1"), make_match(listed, "post/2")
    _give(listed, sealer, one)
    with listed.writing() as session:
        session.execute(text(f"UPDATE uploader_details SET case_key = {two}"))
    with listed.reading() as session, pytest.raises(ConfigError, match="were altered"):
        open_details(session, sealer, two)


def test_they_may_be_corrected_while_the_case_is_open(listed: Database, sealer: Sealer) -> None:
    case = make_match(listed)
    _give(listed, sealer, case)
    with listed.writing() as session:
        store_details(session, sealer, case, Details(), REVIEWER)
        with pytest.raises(ForbiddenError):
            store_details(session, sealer, case, Details(), ADMINISTRATOR)
    act(listed, case, CaseAction.DISMISS)
    act(listed, case, CaseAction.CLOSE)
    with listed.writing() as session, pytest.raises(CaseStateError):
        store_details(session, sealer, case, Details(), REVIEWER)


@pytest.mark.sqlite
def test_without_a_key_nothing_is_stored(listed: Database, settings: Settings) -> None:
    case = make_match(listed)
    with listed.writing() as session, pytest.raises(ConfigError, match="no key") as caught:
        store_details(session, open_sealer(settings), case, Details(), SCANNER)
    assert "cases.detail_keys" in caught.value.hint


@pytest.mark.parametrize(
    "given",
    [
        "", "[]", "x", '{"account": {"ids": 1}}', '{"file": {"uploaded_at": "2026-01-01"}}',
        '{"account": {"addresses": [{"ip": "no-address"}]}}', '{"account": {"id": ""}}',
        '{"account": {"id": "a\\u0000b"}}', '{"account": {"id": "a\\nb"}}', '{"info": "\\ufffe"}',
        '{"account": {"id": "\\ud800"}}', '{"file": {"viewed_by_platform": "maybe"}}', "[" * 99_999,
        '{"secret-someone": 1}',
    ],
)  # fmt: skip
def test_what_is_no_details_is_refused_and_not_quoted(given: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_details(given)
    assert "secret-someone" not in caught.value.message
    assert "no-address" not in caught.value.message


@given(
    st.builds(
        dict,
        account=st.fixed_dictionaries({}, optional={"id": st.text(min_size=1, max_size=30)}),
        info=st.text(min_size=1, max_size=50),
    )
)
def test_what_is_taken_comes_back_as_it_was(given: dict[str, Any]) -> None:
    key = make_detail_key()
    sealer = Sealer({"k": key})
    try:
        details = parse_details(json.dumps(given))
    except InputError:
        return
    assert sealer.open(7, "k", sealer.seal(7, details)) == details
