"""Near matches: people look at them, and nobody is told more of a file than is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hashmatch.cases import CaseAction, view_case
from hashmatch.cases.escalation.email import write_email
from hashmatch.config import CyberTiplineEscalation, EmailEscalation, Settings
from hashmatch.cybertip.incident import Incident
from hashmatch.cybertip.report import report_document
from hashmatch.errors import InputError
from hashmatch.lists import Verdict, queue_feedback
from hashmatch.match_listener import NewMatches, RecordedMatch
from hashmatch.outbox import WebhookNotifier
from hashmatch.outcome import Action, Match, Nearness
from hashmatch.reports import read_figures, report_rows, transparency
from hashmatch.store.cases import read_case_matches
from hashmatch.store.engine import Database
from hashmatch.store.matches import ContentFacts, MatchFilter
from hashmatch.store.outbox import read_outbox
from hashmatch.store.schema import Case, Content, MatchRecord, utc_now
from hashmatch.uploaders import Details, File
from tests.cases.making import act, make_match, row_of, settings_with
from tests.test_wire import MATCH

NEAR_BITS = 36
EXPORTER = {
    "to": "cybertipline",
    "username": "u",
    "password": {"env": "X"},
    "reporter": {"email": "a@b.example"},
    "generative_ai_lists": ["one"],
    "classifications": {"A": "A1"},
}


@pytest.fixture
def urgent(settings: Settings) -> Settings:
    """Settings with a category that is urgent."""
    return settings_with(
        settings, cases={"due_hours": 48, "categories": {"A": {"due_hours": 1, "priority": 0}}}
    )


def test_a_near_match_opens_a_case_that_is_not_urgent(listed: Database, urgent: Settings) -> None:
    case = row_of(listed, make_match(listed, settings=urgent, distance_bits=NEAR_BITS))
    assert (case.state, case.priority) == ("open", urgent.cases.priority)
    assert case.due_at - case.opened_at > timedelta(hours=40)


def test_the_first_match_within_the_threshold_makes_it_urgent(
    listed: Database, urgent: Settings
) -> None:
    make_match(listed, settings=urgent, distance_bits=NEAR_BITS)
    case = row_of(listed, make_match(listed, settings=urgent, entries=(2,)))
    assert case.priority == 0
    assert case.due_at - case.opened_at < timedelta(hours=2)


def test_a_near_match_that_is_found_within_the_threshold_is_recorded_as_such(
    listed: Database, urgent: Settings
) -> None:
    near = make_match(listed, settings=urgent, distance_bits=NEAR_BITS)
    assert make_match(listed, settings=urgent) == near
    assert row_of(listed, near).priority == 0
    with listed.reading() as session:
        ((record, _),) = read_case_matches(session, session.get_one(Case, near))
    assert (record.key, record.distance_bits, record.action) == (1, 4, "block")
    make_match(listed, settings=urgent, distance_bits=NEAR_BITS)
    with listed.reading() as session:
        ((again, _),) = read_case_matches(session, session.get_one(Case, near))
    assert again.distance_bits == 4


def test_both_are_notified_of(listed: Database) -> None:
    settings = Settings.model_validate(
        {"webhooks": {"desk": {"url": "https://desk.example/", "secret": {"env": "X"}}}}
    )
    content = ContentFacts("post/1", "", b"", None, ())
    with listed.writing() as session:
        notifier = WebhookNotifier(settings.webhooks)
        for one in (_near(MATCH), MATCH, MATCH):
            new = NewMatches(content, 1, [RecordedMatch(one, Action.REVIEW)])
            notifier.on_new_matches(session, [new])
    with listed.reading() as session:
        sent = [one.body["data"]["match"]["nearness"] for one in read_outbox(session, limit=10)]
    assert sorted(sent) == ["match", "near"]


def _near(match: Match) -> Match:
    values = {name: getattr(match, name) for name in match.__dataclass_fields__}
    near = Match(**{**values, "distance_bits": NEAR_BITS})
    assert near.nearness is Nearness.NEAR
    return near


def test_cases_and_reports_say_which_matches_are_near(listed: Database) -> None:
    make_match(listed, entries=(1,), distance_bits=NEAR_BITS)
    case = make_match(listed, entries=(2,))
    with listed.reading() as session:
        facts = [one["nearness"] for one in view_case(session, case)["matches"]]
        rows = [one.nearness for one in report_rows(session, MatchFilter())]
    assert facts == rows == ["near", "match"]


def test_figures_count_near_matches_apart(listed: Database) -> None:
    make_match(listed, "post/1", entries=(1, 2), distance_bits=NEAR_BITS)
    make_match(listed, "post/2", entries=(1,), distance_bits=NEAR_BITS)
    make_match(listed, "post/2", entries=(2,))
    with listed.reading() as session:
        figures = read_figures(session, None, None)
    assert (figures.matches, figures.contents) == (1, 1)
    assert (figures.near, figures.near_contents) == (3, 1)
    assert sum(number for _, number in figures.by_list) == 1
    counts = transparency(figures)
    assert (counts["images_screened"], counts["images_matched"], counts["images_only_near"]) == (
        2,
        1,
        1,
    )


def _incident(*distances: int) -> Incident:
    records = [
        MatchRecord(
            entry_id=f"e{bits}", category="A", algorithm="pdq", distance_bits=bits,
            threshold_bits=31, matched_at=utc_now(),
        )
        for bits in distances
    ]  # fmt: skip
    content = Content(content_id="post/1", reference="", declared="", evidence="")
    return Incident(1, content, [(one, "one") for one in records], [], Details())


def test_near_matches_say_nothing_of_the_file_in_a_report_to_ncmec() -> None:
    target = CyberTiplineEscalation.model_validate(EXPORTER)
    assert not _incident(NEAR_BITS).is_generated(target)
    assert _incident(NEAR_BITS, 4).is_generated(target)
    assert [one.distance_bits for one, _ in _incident(NEAR_BITS, 4).within_threshold] == [4]


@pytest.mark.parametrize("declared", ["generated", "partly"])
def test_a_file_that_declares_it_is_reported_as_generated(declared: str) -> None:
    incident = _incident(4)
    incident.content.declared, incident.content.evidence = declared, "png:parameters iptc:Credit"
    believed = CyberTiplineEscalation.model_validate({**EXPORTER, "generative_ai_lists": []})
    doubted = CyberTiplineEscalation.model_validate(
        {**EXPORTER, "generative_ai_lists": [], "declared_generative_ai": False}
    )
    assert incident.is_generated(believed)
    assert not incident.is_generated(doubted)
    said = replace(incident, details=Details(file=File(generated=False)))
    assert not said.is_generated(believed)
    text = report_document(believed, incident, without_file="").decode()
    assert "declares to be generated (png:parameters, iptc:Credit); nobody verified" in text


def test_a_report_to_ncmec_says_that_a_match_is_only_near() -> None:
    target = CyberTiplineEscalation.model_validate(EXPORTER)
    text = report_document(target, _incident(NEAR_BITS, 4), without_file="").decode()
    assert "Is near list one: entry e36, category A" in text
    assert "distance 36 beyond the threshold of 31 bits" in text
    assert "Matched list one: entry e4, category A" in text


def test_mail_counts_near_matches_apart() -> None:
    settings = EmailEscalation.model_validate(
        {"to": "email", "server": "mail.example", "sender": "a@b.example",
         "recipients": ["c@d.example"]}
    )  # fmt: skip
    match = {"list": "one", "category": "A"}
    body: dict[str, Any] = {"case": 1, "state": "confirmed", "priority": 0, "due_at": "soon"}
    some = [match, {**match, "nearness": "near"}, {**match, "nearness": "match"}]
    assert (
        "Matches: 2, near: 1, of one"
        in write_email(settings, {**body, "matches": some}).as_string()
    )
    assert "Matches: 1, of one" in write_email(settings, {**body, "matches": [match]}).as_string()


def test_owners_of_lists_get_no_feedback_on_near_matches(
    listed: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "x")
    source = {"source": "threatexchange", "privacy_group": "1", "access_token": {"env": "TOKEN"}}
    chosen = settings_with(settings, lists={"one": {**source, "feedback": True}})
    make_match(listed, distance_bits=NEAR_BITS)
    make_match(listed, entries=(2,))
    with listed.writing() as session:
        with pytest.raises(InputError, match="only near"):
            queue_feedback(session, chosen, "1", Verdict.FALSE_POSITIVE)
        assert queue_feedback(session, chosen, "2", Verdict.CONFIRMED)


def test_a_confirmed_case_stays_confirmed_when_something_is_near_it(listed: Database) -> None:
    case = make_match(listed)
    act(listed, case, CaseAction.CONFIRM)
    make_match(listed, entries=(2,), distance_bits=NEAR_BITS)
    row = row_of(listed, case)
    assert (row.state, row.result) == ("confirmed", "confirmed")


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        ((CaseAction.CONFIRM,), "confirmed"),
        ((CaseAction.CONFIRM, CaseAction.REPORTED), "reported"),
        ((CaseAction.DISMISS,), "open"),
        ((CaseAction.CONFIRM, CaseAction.REPORTED, CaseAction.CLOSE), "open"),
    ],
)
def test_a_near_match_that_becomes_one_is_no_other_bytes(
    listed: Database, actions: Sequence[CaseAction], state: str
) -> None:
    case = make_match(listed, distance_bits=NEAR_BITS)
    for one in actions:
        act(listed, case, one)
    make_match(listed)
    assert row_of(listed, case).state == state
