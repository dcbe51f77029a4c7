"""Reports for the NCA: every fact that the law lists, or its name among what is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import update

from hashmatch.audit import verify
from hashmatch.cases import (
    EarlierReference,
    State,
    earlier_references,
    escalate,
    keep_reference_until,
    read_nca_report,
    refer,
    view_case,
    write_nca_report,
)
from hashmatch.config import NCAEscalation, Settings
from hashmatch.errors import CaseStateError, ConfigError, InputError
from hashmatch.outbox import sign
from hashmatch.store.cases import read_case
from hashmatch.store.engine import Database
from hashmatch.store.outbox import read_outbox
from hashmatch.store.schema import OutboxMessage, utc_now
from hashmatch.uploaders import make_detail_key, open_sealer
from tests.cases.making import REVIEWER, state_of
from tests.cases.nca import (
    SCHEMA,
    Desk,
    confirmed,
    give_details,
    nca_settings,
    preview,
    report_to_ncmec,
    send,
    with_desk,
)
from tests.lists.loopback import serving


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DESK", "secret-desk")
    with serving(Desk(), "/nca") as running:
        yield running


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    return {"detail_keys": [{"env": "DETAIL_KEY"}]}


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_report_has_every_fact_that_is_known(
    listed: Database, settings: Settings, keys: dict[str, Any]
) -> None:
    chosen = nca_settings(settings, keys)
    case = confirmed(listed, reference="s3://bucket/1")
    give_details(listed, chosen, case)
    found = preview(listed, chosen, case)
    assert found["not_known"] == []
    assert found["reporter"] == {
        "name": "Ann Example", "email": "safety@x.example", "phone": "+442", "company": "X Ltd",
    }  # fmt: skip
    assert (found["platform"], found["uploader_details"]) == ("The Platform", "included")
    content, account = found["content"], found["account"]
    assert (content["url"], content["uploaded_at"]) == (
        "https://x.example/p/1", "2026-10-02T03:04:05+00:00",
    )  # fmt: skip
    assert content["upload_address"]["ip"] == "192.0.2.2"
    assert (content["has_exif"], content["original_hash"]) == (True, "a" * 64)
    assert (content["generated"], content["confirmed_by_a_person"]) == (False, True)
    (detection,) = content["detection"]
    assert (detection["means"], detection["list"]) == ("perceptual hash", "one")
    assert (detection["category"], detection["is_match"]) == ("A", True)
    assert len(content["hashes"][0]["sha256"]) == 64
    assert (account["user_name"], account["billing"]) == ("unique-user", "card of A B")
    assert (account["recovery_emails"], account["verified_phones"]) == (["r@b.example"], [])
    assert [one["ip"] for one in account["login_addresses"]] == ["192.0.2.1"]
    assert found["duty"] == {
        "applies": True, "basis": "detected and not reported", "reported_abroad": [],
    }  # fmt: skip
    # A person declares it, and no program.
    assert found["declaration"]["declared_by"] is None


def test_what_nobody_knows_is_named_and_not_dropped(
    listed: Database, settings: Settings, keys: dict[str, Any]
) -> None:
    chosen = nca_settings(settings, keys, reporter={"email": "a@b.example"}, platform="")
    found = preview(listed, chosen, confirmed(listed))
    assert found["uploader_details"] == "none"
    assert {
        "platform", "reporter.name", "reporter.phone", "content.url", "content.uploaded_at",
        "content.upload_address", "content.has_exif", "content.original_hash",
        "content.generated", "account.user_name", "account.billing", "account.emails",
        "account.recovery_emails", "account.phones", "account.verified_phones",
        "account.profile_urls", "account.login_addresses",
    } <= set(found["not_known"])  # fmt: skip


def test_a_preview_without_details_withholds_them(
    listed: Database, settings: Settings, keys: dict[str, Any]
) -> None:
    chosen = nca_settings(settings, keys)
    case = confirmed(listed)
    give_details(listed, chosen, case)
    found = preview(listed, chosen, case, with_details=False)
    assert found["uploader_details"] == "withheld"
    assert "unique-user" not in str(found)


@pytest.mark.parametrize(
    ("changes", "incident", "priority"),
    [
        ({}, None, 2),
        ({"priority": 3}, None, 3),
        ({"priorities": {"A": 1, "B": 3}}, None, 1),
        ({"priorities": {"B": 1}}, None, 2),
        ({"priorities": {"A": 3}}, {"high_priority": "a child at risk"}, 1),
    ],
)
def test_the_priority_is_of_the_category_or_of_the_platforms_word(
    listed: Database,
    settings: Settings,
    keys: dict[str, Any],
    changes: dict[str, Any],
    incident: dict[str, Any] | None,
    priority: int,
) -> None:
    chosen = nca_settings(settings, keys, due_hours=[0, 12, 48], **changes)
    case = confirmed(listed)
    give_details(listed, chosen, case, {"incident": incident} if incident else {})
    found = preview(listed, chosen, case)
    assert found["priority"] == priority
    with listed.reading() as session:
        opened_at = read_case(session, case).row.opened_at
    due_at = datetime.fromisoformat(found["due_at"])
    hours = (0, 12, 48)[priority - 1]
    assert abs(due_at - opened_at - timedelta(hours=hours)) <= timedelta(seconds=1)


def test_a_near_match_has_no_category_that_counts(
    listed: Database, settings: Settings, keys: dict[str, Any]
) -> None:
    chosen = nca_settings(settings, keys, priorities={"A": 1})
    case = confirmed(listed, distance_bits=40)
    assert preview(listed, chosen, case)["priority"] == 2


@pytest.mark.parametrize(
    ("file", "lists", "generated"),
    [
        ({}, [], None),
        ({"generated": True}, [], True),
        ({"generated": False}, [], False),
        ({"generated": False}, ["one"], True),
    ],
)
def test_generated_is_said_where_somebody_says_so(
    listed: Database,
    settings: Settings,
    keys: dict[str, Any],
    file: dict[str, Any],
    lists: list[str],
    generated: bool | None,
) -> None:
    chosen = nca_settings(settings, keys, generative_ai_lists=lists)
    case = confirmed(listed)
    give_details(listed, chosen, case, {"file": file})
    assert preview(listed, chosen, case)["content"]["generated"] is generated


def test_a_desk_gets_the_report_signed_and_on_record(
    listed: Database, settings: Settings, keys: dict[str, Any], desk: Desk
) -> None:
    chosen = with_desk(settings, keys, desk)
    case = confirmed(listed)
    give_details(listed, chosen, case)
    with listed.writing() as session:
        escalate(session, chosen, case, "nca", REVIEWER)
    with listed.reading() as session:
        assert all("unique-user" not in str(one.body) for one in read_outbox(session, limit=9))
    assert send(listed, chosen) == {"sent": 1}
    assert state_of(listed, case) is State.ESCALATED
    request = desk.requests[-1]
    body, headers = json.loads(request.body), request.headers
    assert list(Draft202012Validator(SCHEMA).iter_errors(body)) == []
    assert (body["case"], body["account"]["user_name"]) == (case, "unique-user")
    moment = int(headers["webhook-timestamp"])
    expected = sign("secret-desk", headers["webhook-id"], moment, request.body)
    assert headers["webhook-signature"] == expected
    with listed.reading() as session:
        whats = [one["what"] for one in view_case(session, case)["history"]]
        assert verify(session, {}).problems == []
    assert whats[-2:] == ["details.shown", "escalation.sent"]


def test_what_was_reported_abroad_is_not_sent_unless_it_is_asked_for(
    listed: Database, settings: Settings, keys: dict[str, Any], desk: Desk
) -> None:
    chosen = with_desk(settings, keys, desk)
    case = confirmed(listed)
    report_to_ncmec(listed, case, is_test=True)
    assert preview(listed, chosen, case)["duty"]["applies"]
    report_to_ncmec(listed, case)
    duty = preview(listed, chosen, case)["duty"]
    assert (duty["applies"], duty["basis"]) == (False, "reported abroad already")
    assert [(one["authority"], one["reference"]) for one in duty["reported_abroad"]] == [
        ("NCMEC", "77")
    ]
    with listed.writing() as session, pytest.raises(CaseStateError, match="to NCMEC as 77"):
        escalate(session, chosen, case, "nca", REVIEWER)
    sending = with_desk(settings, keys, desk, when_reported_abroad="send")
    for settings_now, again in ((chosen, True), (sending, False)):
        with listed.writing() as session:
            escalate(session, settings_now, case, "nca", REVIEWER, again=again)
        assert send(listed, settings_now) == {"sent": 1}
    assert len(desk.requests) == 2
    assert not json.loads(desk.requests[-1].body)["duty"]["applies"]


def test_a_report_abroad_that_ends_first_makes_a_queued_one_needless(
    listed: Database, settings: Settings, keys: dict[str, Any], desk: Desk
) -> None:
    chosen = with_desk(settings, keys, desk)
    case = confirmed(listed)
    with listed.writing() as session:
        escalate(session, chosen, case, "nca", REVIEWER)
        session.flush()
        earlier = utc_now() - timedelta(minutes=1)
        session.execute(update(OutboxMessage).values(created_at=earlier))
    report_to_ncmec(listed, case)
    assert send(listed, chosen) == {"sent": 1}
    assert desk.requests == []
    with listed.reading() as session:
        last = view_case(session, case)["history"][-1]
    assert (last["what"], last["reported_to"]) == ("escalation.not_needed", "NCMEC as 77")


def test_a_report_that_never_arrives_is_owed(
    listed: Database, settings: Settings, keys: dict[str, Any], desk: Desk
) -> None:
    chosen = with_desk(settings, keys, desk)
    case = confirmed(listed)
    with listed.writing() as session:
        escalate(session, chosen, case, "nca", REVIEWER)
        # Others know of the case already.
        read_case(session, case).row.notified_at = utc_now()
        session.flush()
        session.execute(update(OutboxMessage).values(attempts=11))
    desk.faults = [500]
    assert send(listed, chosen) == {"dead": 1}
    assert state_of(listed, case) is State.CONFIRMED


def test_references_from_elsewhere_count(
    listed: Database, settings: Settings, keys: dict[str, Any]
) -> None:
    chosen = nca_settings(settings, keys, authorities_abroad=["ncmec", "BKA"])
    target = chosen.escalations["nca"]
    assert isinstance(target, NCAEscalation)
    case = confirmed(listed)
    at = datetime(2026, 5, 1, tzinfo=UTC)
    references = [
        EarlierReference("NCA", "R-1", at),
        EarlierReference("BKA", "B-2", None),
        EarlierReference("Police", "P-3", at),
    ]
    with listed.reading() as session:
        row = read_case(session, case).row
        assert earlier_references(session, row) == []
        found = read_nca_report(session, open_sealer(chosen), row, target, references=references)
    assert [one["reference"] for one in found["duty"]["reported_abroad"]] == ["B-2"]
    assert [one["reference"] for one in found["earlier_reports"]["nca_references"]] == ["R-1"]
    assert [one["reference"] for one in found["earlier_reports"]["other_references"]] == ["P-3"]
    with listed.writing() as session:
        refer(session, chosen, case, "Police", "P-3", REVIEWER)
        refer(session, chosen, case, "NCMEC", "77", REVIEWER)
    report_to_ncmec(listed, case)
    duty = preview(listed, chosen, case)["duty"]
    # Once, although it is recorded and finished, and a police of the country frees from nothing.
    assert [one["reference"] for one in duty["reported_abroad"]] == ["77"]
    assert list(Draft202012Validator(SCHEMA).iter_errors(found)) == []


def test_a_report_is_written_for_entry_by_hand_on_record(
    listed: Database, settings: Settings, keys: dict[str, Any]
) -> None:
    chosen = nca_settings(settings, keys)
    case = confirmed(listed)
    give_details(listed, chosen, case)
    with listed.writing() as session:
        assert write_nca_report(session, chosen, case)["account"]["user_name"] == "unique-user"
        without = write_nca_report(session, chosen, case, "nca", with_details=False)
    assert without["uploader_details"] == "withheld"
    with listed.reading() as session:
        whats = [one["what"] for one in view_case(session, case)["history"]]
    assert whats.count("details.shown") == 1
    assert whats.count("case.nca_report_written") == 2
    with listed.writing() as session, pytest.raises(ConfigError, match="has no url"):
        escalate(session, chosen, case, "nca", REVIEWER)
    with listed.writing() as session, pytest.raises(InputError, match="0 escalations to the NCA"):
        write_nca_report(session, settings, case)


@pytest.mark.parametrize(
    ("issued_at", "until"),
    [("2026-04-07", "2031-04-07"), ("2028-02-29", "2033-03-01"), ("2027-02-28", "2032-02-28")],
)
def test_a_reference_is_to_be_kept_for_five_years(issued_at: str, until: str) -> None:
    assert keep_reference_until(datetime.fromisoformat(issued_at)).date().isoformat() == until


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://desk.example/"},
        {"secret": {"env": "X"}},
        {"url": "ftp://desk.example/", "secret": {"env": "X"}},
        {"priority": 0},
        {"priorities": {"A": 4}},
        {"due_hours": [1, 2]},
        {"due_hours": [-1, 2, 3]},
        {"reporter": {}},
        {"when_reported_abroad": "maybe"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(
    settings: Settings, keys: dict[str, Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="escalations"):
        nca_settings(settings, keys, **changes)
