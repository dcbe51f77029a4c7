"""The register: once for each reference, with a clock that runs from the last part."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hashmatch.audit import verify
from hashmatch.cases import Actor, CaseAction, Role, apply_retention, contribute
from hashmatch.config import Settings
from hashmatch.errors import (
    ConfigError,
    ForbiddenError,
    InputError,
    NotFoundError,
    NoticeStateError,
)
from hashmatch.notices import (
    NoticeRequest,
    Work,
    notice_row,
    record_work,
    register_notice,
    reopen_notice,
    view_notice,
)
from hashmatch.store.engine import Database
from hashmatch.store.lists import create_list
from hashmatch.store.notices import CLOSED, WAITING, NoticeFilter, read_notice_page
from hashmatch.store.schema import NoticeState, utc_now
from hashmatch.store.sharing import ContributionFacts
from tests.cases.making import ADMINISTRATOR, REVIEWER, SCANNER, act, make_match, settings_with
from tests.notices.making import add, close, request_of, row_of, supplement
from tests.pictures import list_of
from tests.store.importing import import_text


def test_a_request_with_every_part_is_valid_at_once(database: Database, chosen: Settings) -> None:
    received_at = utc_now() - timedelta(hours=3)
    found = add(database, chosen, received_at=received_at)
    assert found.is_new
    assert (found.state, found.missing) == (NoticeState.VALID, ())
    assert found.completed_at == received_at
    assert found.due_at == received_at + timedelta(hours=48)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"signed": False, "requester": {"emails": ["a@b.example"]}}, ["signature"]),
        ({"places": []}, ["identification"]),
        ({"identified": False}, ["identification"]),
        ({"good_faith": False}, ["good_faith"]),
        ({"requester": {"name": "x"}}, ["contact"]),
        ({"requester": None, "signed": False, "places": []},
         ["signature", "identification", "contact"]),
    ],
)  # fmt: skip
def test_a_request_that_lacks_a_part_says_which_and_has_no_clock(
    database: Database, chosen: Settings, changes: dict[str, Any], missing: list[str]
) -> None:
    found = add(database, chosen, **changes)
    assert (found.state, list(found.missing)) == (NoticeState.INCOMPLETE, missing)
    assert (found.completed_at, found.due_at) == (None, None)


def test_the_clock_runs_from_the_last_part(database: Database, chosen: Settings) -> None:
    received_at = utc_now() - timedelta(days=9)
    found = add(
        database, chosen, received_at=received_at, good_faith=False, places=[], identified=False
    )
    first = supplement(database, chosen, found.request_id, good_faith=True)
    assert list(first.missing) == ["identification"]
    supplied_at = utc_now() - timedelta(hours=1)
    last = supplement(
        database,
        chosen,
        found.request_id,
        places=[{"url": "https://x.example/9"}],
        supplied_at=supplied_at,
    )
    assert (last.state, last.missing) == (NoticeState.VALID, ())
    assert (last.received_at, last.completed_at) == (received_at, supplied_at)
    assert last.due_at == supplied_at + timedelta(hours=48)
    later = supplement(database, chosen, found.request_id, places=[{"content_id": "post/7"}])
    assert later.due_at == last.due_at


def test_places_may_turn_out_to_suffice(database: Database, chosen: Settings) -> None:
    found = add(database, chosen, identified=False)
    assert list(found.missing) == ["identification"]
    assert supplement(database, chosen, found.request_id, identified=True).missing == ()


def test_an_operator_chooses_the_parts_and_the_time(database: Database, settings: Settings) -> None:
    chosen = settings_with(
        settings, notices={"due_hours": 24, "parts": ["identification", "standing"]}
    )
    places = [{"content_id": "x"}]
    lacking = NoticeRequest.model_validate({"reference": "a", "places": places})
    whole = NoticeRequest.model_validate(
        {"reference": "b", "places": places, "made_by": "representative"}
    )
    with database.writing() as session:
        assert register_notice(session, chosen, lacking, SCANNER).missing == ["standing"]
        found = register_notice(session, chosen, whole, SCANNER)
    assert found.due_at == found.received_at + timedelta(hours=24)


def test_the_same_request_is_recorded_once(database: Database, chosen: Settings) -> None:
    received_at = utc_now()
    first = add(database, chosen, received_at=received_at)
    supplement(database, chosen, first.request_id, places=[{"content_id": "post/9"}])
    again = add(database, chosen, received_at=received_at)
    assert (again.request_id, again.is_new) == (first.request_id, False)
    with database.reading() as session:
        assert len(read_notice_page(session, NoticeFilter()).notices) == 1
    with pytest.raises(NoticeStateError, match="another request was recorded"):
        add(database, chosen, received_at=received_at, places=[{"content_id": "post/3"}])
    # Without a reference nothing says that two requests are one.
    assert add(database, chosen, None).request_id != add(database, chosen, None).request_id


def test_a_key_may_be_changed_between_two_posts_of_a_request(
    database: Database, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashmatch.uploaders import make_detail_key

    received_at = utc_now()
    first = add(database, chosen, received_at=received_at)
    monkeypatch.setenv("NEW_KEY", make_detail_key())
    both = settings_with(chosen, cases={"detail_keys": [{"env": "NEW_KEY"}, {"env": "DETAIL_KEY"}]})
    assert add(database, both, received_at=received_at).request_id == first.request_id


def test_two_at_once_record_one_request_once(database: Database, chosen: Settings) -> None:
    received_at, found = utc_now(), []

    def post() -> None:
        found.append(add(database, chosen, received_at=received_at))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4
    assert {one.request_id for one in found} == {found[0].request_id}
    assert sum(one.is_new for one in found) == 1


def test_all_of_it_may_happen_within_a_second(database: Database, chosen: Settings) -> None:
    latest = utc_now().replace(microsecond=999_999)
    found = add(database, chosen, received_at=latest, good_faith=False)
    whole = supplement(database, chosen, found.request_id, good_faith=True)
    assert whole.state is NoticeState.VALID
    assert close(database, found.request_id) is NoticeState.REMOVED


def test_times_that_cannot_be_are_refused(database: Database, chosen: Settings) -> None:
    with pytest.raises(InputError, match="received_at is in the future"):
        add(database, chosen, received_at=utc_now() + timedelta(days=1))
    found = add(database, chosen, good_faith=False)
    with pytest.raises(InputError, match="supplied_at is before received_at"):
        supplement(
            database,
            chosen,
            found.request_id,
            good_faith=True,
            supplied_at=found.received_at - timedelta(hours=1),
        )
    with pytest.raises(InputError, match="closed_at is in the future"):
        close(database, found.request_id, at=utc_now() + timedelta(hours=1))
    with pytest.raises(InputError, match="closed_at is before received_at"):
        close(database, found.request_id, at=found.received_at - timedelta(hours=1))


def test_those_without_the_role_add_nothing(database: Database, chosen: Settings) -> None:
    auditor = Actor("eve", "token 9 (eve)", frozenset({Role.EXPORTER}))
    with database.writing() as session, pytest.raises(ForbiddenError):
        register_notice(session, chosen, request_of(), auditor)


def test_without_a_key_no_person_is_recorded(database: Database, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="no key"):
        add(database, settings)
    with database.reading() as session:
        assert read_notice_page(session, NoticeFilter()).notices == []
    assert add(database, settings, requester=None, contact_on_file=True).missing == ()


def test_the_register_shows_what_is_due_next_first(database: Database, chosen: Settings) -> None:
    now = utc_now()
    for number, hours in enumerate((5, 60, 1, 30)):
        add(database, chosen, f"valid/{number}", received_at=now - timedelta(hours=hours))
    for number, hours in enumerate((2, 9)):
        received_at = now - timedelta(hours=hours)
        add(database, chosen, f"lacking/{number}", received_at=received_at, good_faith=False)
    gone = add(database, chosen, "closed/0").request_id
    close(database, gone)
    expected = ["valid/1", "valid/3", "valid/0", "valid/2", "lacking/1", "lacking/0"]
    with database.reading() as session:
        page = read_notice_page(session, NoticeFilter())
        assert [one.reference for one in page.notices] == expected
        rows = [notice_row(one, chosen.notices, now) for one in page.notices]
        assert [one["is_overdue"] for one in rows] == [True] + [False] * 5
        due = read_notice_page(session, NoticeFilter(due_before=now)).notices
        assert [one.reference for one in due] == ["valid/1"]
        assert _paged(session, NoticeFilter((*WAITING, *CLOSED), limit=2)) == [
            *expected, "closed/0",
        ]  # fmt: skip
        of_content = NoticeFilter((*WAITING, *CLOSED), content_id="post/2")
        assert len(read_notice_page(session, of_content).notices) == 7
        assert read_notice_page(session, NoticeFilter(content_id="post/3")).notices == []


def _paged(session: Any, wanted: NoticeFilter) -> list[str | None]:
    from dataclasses import replace

    found: list[str | None] = []
    while True:
        page = read_notice_page(session, wanted)
        found += [one.reference for one in page.notices]
        if page.following is None:
            return found
        wanted = replace(wanted, after=page.following)


def test_what_was_done_is_on_record(database: Database, chosen: Settings) -> None:
    import_text(database, "one", list_of(1))
    case = make_match(database, "post/1")
    act(database, case, CaseAction.CONFIRM)
    with database.writing() as session:
        create_list(session, "ours", kind="own")
    with database.writing(ADMINISTRATOR.audit_name) as session:
        facts = ContributionFacts(basis="the request")
        two = {"lists": {"ours": {"two_people": False}}}
        done = contribute(
            session, settings_with(chosen, sharing=two), case, "ours", ADMINISTRATOR, facts
        )
    request_id = add(database, chosen).request_id
    notified_at = utc_now()
    work = Work(
        removed=["post/1", "post/2"],
        listed=[("post/1", "ours", done.entry or 0)],
        copies_found=3,
        copies_removed=2,
        requester_notified_at=notified_at,
    )
    assert close(database, request_id, work=work) is NoticeState.REMOVED
    with database.writing(REVIEWER.audit_name) as session:
        record_work(session, request_id, Work(copies_found=4, copies_removed=4), REVIEWER)
    with database.reading() as session:
        facts_of = view_notice(session, chosen.notices, request_id, utc_now())
        assert verify(session, {}).problems == []
    first, second = facts_of["places"]
    assert first["case"] == case
    assert first["entry"] == f"ours/{done.entry}"
    assert first["contributions"] == [done.number]
    assert second["case"] is None
    assert first["removed_at"]
    assert second["removed_at"]
    assert (facts_of["copies_found"], facts_of["copies_removed"]) == (4, 4)
    assert facts_of["requester_notified_at"] == notified_at.isoformat(timespec="seconds")
    assert (facts_of["closed_by"], facts_of["in_time"]) == ("alice", True)
    assert [one["what"] for one in facts_of["history"]] == [
        "notice.received", "notice.complete", "notice.record", "notice.remove", "notice.record",
    ]  # fmt: skip
    assert "post/1" not in str(facts_of["history"])


@pytest.mark.parametrize(
    ("work", "error", "match"),
    [
        (Work(), InputError, "nothing to record"),
        (Work(removed=["post/77"]), NotFoundError, "no such content id or URL"),
        (Work(copies_found=1, copies_removed=2), InputError, "more copies were removed"),
        (Work(copies_found=-1), InputError, "copies_found is a number"),
        (Work(listed=[("post/1", "one", 1)]), InputError, "not an own list"),
    ],
)
def test_work_that_cannot_be_is_refused(
    database: Database, chosen: Settings, work: Work, error: type[Exception], match: str
) -> None:
    import_text(database, "one", list_of(1))
    request_id = add(database, chosen).request_id
    with database.writing() as session, pytest.raises(error, match=match):
        record_work(session, request_id, work, REVIEWER)


def test_a_refusal_has_a_reason_and_a_duplicate_its_original(
    database: Database, chosen: Settings
) -> None:
    first = add(database, chosen, "form/1").request_id
    second = add(database, chosen, "form/2").request_id
    with pytest.raises(InputError, match="does not repeat itself"):
        close(database, second, NoticeState.DUPLICATE, duplicate_of=second)
    with pytest.raises(InputError, match="names the request"):
        close(database, second, NoticeState.DUPLICATE)
    close(database, second, NoticeState.DUPLICATE, duplicate_of=first)
    close(database, first, NoticeState.REFUSED)
    with database.reading() as session:
        found = view_notice(session, chosen.notices, second, utc_now())
        refused = view_notice(session, chosen.notices, first, utc_now())
    assert found["duplicate_of"] == first
    assert (refused["reason"], refused["note"]) == ("not_intimate", "because")


def test_a_notice_that_is_opened_again_has_its_old_clock(
    database: Database, chosen: Settings
) -> None:
    valid = add(database, chosen, received_at=utc_now() - timedelta(hours=50))
    lacking = add(database, chosen, "form/2", good_faith=False)
    for one in (valid, lacking):
        close(database, one.request_id, NoticeState.WITHDRAWN)
        with database.writing() as session, pytest.raises(InputError, match="needs a note"):
            reopen_notice(session, one.request_id, " ", REVIEWER)
        with database.writing() as session:
            reopen_notice(session, one.request_id, "by mistake", REVIEWER)
    row = row_of(database, valid.request_id)
    assert (row.state, row.due_at, row.closed_at) == ("valid", valid.due_at, None)
    assert row.note == "because\nby mistake"
    assert row_of(database, lacking.request_id).state == "incomplete"
    assert notice_row(row, chosen.notices, utc_now())["is_overdue"]


def test_retention_removes_closed_notices_and_no_open_one(
    database: Database, chosen: Settings
) -> None:
    past = utc_now() - timedelta(days=31)
    for number in range(30):
        one = add(database, chosen, f"form/{number}", received_at=past)
        if number % 3:
            close(database, one.request_id, at=past if number % 3 == 1 else None)
    assert apply_retention(database, chosen, dry_run=True)["notices"] == 10
    removed = apply_retention(database, chosen, dry_run=False)
    found = {name: removed[name] for name in removed if name.startswith("notice")}
    assert found == {"notices": 10, "notice_items": 20, "notice_contacts": 10}
    with database.reading() as session:
        left = _paged(session, NoticeFilter((*WAITING, *CLOSED)))
        assert verify(session, {}).problems == []
    assert len(left) == 20


@pytest.mark.parametrize(
    "changes",
    [
        {"places": [{"content_id": "x"}] * 101},
        {"places": [{}]},
        {"places": [{"url": "https://x.example/" + "a" * 2000}]},
        {"places": [{"url": "https://x.example/ b"}]},
        {"requester": {"emails": ["a@b.example"] * 11}},
        {"requester": {"statement": "x" * 10_001}},
        {"requester": {"hobby": "x"}},
        {"reference": ""},
        {"received_at": "2026-11-01T00:00:00"},
        {"made_by": "nobody"},
        {"signd": True},
    ],
)
def test_a_form_that_is_open_to_everybody_has_limits(changes: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, InputError)):
        request_of(**changes)


def test_a_notice_names_so_many_places_and_no_more(database: Database, chosen: Settings) -> None:
    request_id = add(database, chosen).request_id
    with pytest.raises(InputError, match="at most 500 places"):
        for page in range(6):
            places = [{"content_id": f"x/{page}/{one}"} for one in range(100)]
            supplement(database, chosen, request_id, places=places)
