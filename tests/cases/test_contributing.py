"""Hashes of confirmed cases in own lists: on a basis, by two people, and taken back."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from sqlalchemy import select, update

from hashmatch.cases import (
    Actor,
    CaseAction,
    Role,
    approve_contribution,
    contribute,
    parse_classification,
    reject_contribution,
    withdraw_contribution,
)
from hashmatch.config import Settings
from hashmatch.errors import CaseStateError, ForbiddenError, HashmatchError, InputError
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    OWN,
    create_list,
    find_list,
    find_numbered_entry,
    read_active_hashes,
    remove_list,
    withdraw_entry,
)
from hashmatch.store.schema import ContentHash, ContributionState, MatchRecord
from hashmatch.store.sharing import ContributionFacts, read_contributions

from .making import REVIEWER, act, make_match

SENIOR = Actor("carol", "token 3 (carol)", frozenset({Role.REVIEWER, Role.SENIOR}))
SECOND = Actor("dave", "token 4 (dave)", frozenset({Role.REVIEWER, Role.SENIOR}))
FACTS = ContributionFacts(
    "A1", {"icse": "baseline", "uk": "A"}, "GB", "classified by two of the team", "generated", "n"
)


@pytest.fixture
def confirmed(listed: Database) -> int:
    """A confirmed case, and the own list "ours"."""
    with listed.writing() as session:
        create_list(session, "ours", kind=OWN)
    case = make_match(listed)
    act(listed, case, CaseAction.CONFIRM)
    return case


def _settings(*, two_people: bool) -> Settings:
    lists = {"ours": {"two_people": two_people}}
    return Settings.model_validate({"sharing": {"lists": lists}})


def _contribute(
    database: Database, case: int, actor: Actor = SENIOR, *, two_people: bool = False, **more: Any
) -> Any:
    facts = more.pop("facts", FACTS)
    with database.writing() as session:
        settings = _settings(two_people=two_people)
        name = more.pop("list_name", "ours")
        return contribute(session, settings, case, name, actor, facts, **more)


def _entry(database: Database, number: int | None) -> Any:
    with database.reading() as session:
        row = find_list(session, "ours")
        return read_active_hashes(session, row, [str(number)]).get(str(number))


def test_a_confirmed_case_becomes_an_entry_with_its_basis(listed: Database, confirmed: int) -> None:
    done = _contribute(listed, confirmed)
    assert not done.needs_second_person
    assert sorted(_entry(listed, done.entry).hashes) == ["pdq", "sha256"]
    with listed.reading() as session:
        (found,) = read_contributions(session, case=confirmed, limit=10)
    assert (found.state, found.entry, found.facts) == (ContributionState.ADDED, done.entry, FACTS)
    assert found.proposed_by == "carol"


def test_two_people_where_the_list_asks_for_them(listed: Database, confirmed: int) -> None:
    proposed = _contribute(listed, confirmed, two_people=True)
    assert proposed.needs_second_person
    with pytest.raises(ForbiddenError), listed.writing() as session:
        approve_contribution(session, proposed.number, SENIOR)
    with pytest.raises(ForbiddenError), listed.writing() as session:
        approve_contribution(session, proposed.number, REVIEWER)
    with listed.writing() as session:
        done = approve_contribution(session, proposed.number, SECOND)
    assert _entry(listed, done.entry) is not None
    with pytest.raises(CaseStateError), listed.writing() as session:
        approve_contribution(session, proposed.number, SECOND)


def test_two_people_are_the_rule_for_lists_that_nobody_configured(
    listed: Database, confirmed: int
) -> None:
    with listed.writing() as session:
        done = contribute(session, Settings(), confirmed, "ours", SENIOR, FACTS)
    assert done.needs_second_person


def test_a_rejected_proposal_adds_nothing(listed: Database, confirmed: int) -> None:
    proposed = _contribute(listed, confirmed, two_people=True)
    with listed.writing() as session:
        reject_contribution(session, proposed.number, SECOND)
    with pytest.raises(CaseStateError), listed.writing() as session:
        approve_contribution(session, proposed.number, SECOND)
    assert _contribute(listed, confirmed).entry


def test_only_confirmed_cases_contribute(listed: Database) -> None:
    with listed.writing() as session:
        create_list(session, "ours", kind=OWN)
    case = make_match(listed)
    with pytest.raises(CaseStateError):
        _contribute(listed, case)
    act(listed, case, CaseAction.DISMISS, note="a drawing")
    with pytest.raises(CaseStateError):
        _contribute(listed, case)


def test_a_case_that_is_dismissed_takes_its_hashes_back(listed: Database, confirmed: int) -> None:
    done = _contribute(listed, confirmed)
    act(listed, confirmed, CaseAction.DISMISS, note="a drawing after all")
    assert _entry(listed, done.entry) is None
    with listed.reading() as session:
        assert find_numbered_entry(session, find_list(session, "ours"), done.entry) is None
        (found,) = read_contributions(session, case=confirmed, limit=10)
    assert found.state is ContributionState.WITHDRAWN


def test_a_case_that_is_dismissed_ends_its_proposals(listed: Database, confirmed: int) -> None:
    proposed = _contribute(listed, confirmed, two_people=True)
    act(listed, confirmed, CaseAction.DISMISS, note="a drawing after all")
    with pytest.raises(CaseStateError), listed.writing() as session:
        approve_contribution(session, proposed.number, SECOND)


def test_an_entry_is_withdrawn_by_its_contribution(listed: Database, confirmed: int) -> None:
    done = _contribute(listed, confirmed)
    with pytest.raises(CaseStateError):
        _contribute(listed, confirmed)
    with listed.writing() as session:
        withdraw_contribution(session, done.number, SENIOR)
    assert _entry(listed, done.entry) is None
    # It may come back, as an entry of its own.
    again = _contribute(listed, confirmed)
    assert again.entry != done.entry


def test_evidence_is_chosen_where_there_are_several(listed: Database, confirmed: int) -> None:
    case = make_match(listed, entries=(2,), data=b"other bytes under the same id")
    assert case == confirmed
    act(listed, case, CaseAction.CONFIRM)
    with pytest.raises(InputError, match="evidence"):
        _contribute(listed, case)
    with pytest.raises(InputError, match="evidence"):
        _contribute(listed, case, evidence=77)
    assert _contribute(listed, case, evidence=2).entry


def test_a_case_is_dismissed_after_its_list_was_removed(listed: Database, confirmed: int) -> None:
    _contribute(listed, confirmed)
    with listed.writing() as session:
        remove_list(session, "ours")
    act(listed, confirmed, CaseAction.DISMISS, note="a drawing after all")
    with listed.reading() as session:
        (found,) = read_contributions(session, case=confirmed, limit=10)
    assert found.state is ContributionState.WITHDRAWN


def test_an_entry_that_was_withdrawn_by_itself_may_come_back(
    listed: Database, confirmed: int
) -> None:
    done = _contribute(listed, confirmed)
    with listed.writing() as session:
        withdraw_entry(session, find_list(session, "ours"), done.entry or 0)
    assert _contribute(listed, confirmed).entry != done.entry


def test_one_person_is_one_however_the_letters_are_composed(
    listed: Database, confirmed: int
) -> None:
    roles = frozenset({Role.SENIOR})
    composed, decomposed = (
        Actor(unicodedata.normalize(form, "Jos\u00e9"), "x", roles) for form in ("NFC", "NFD")
    )
    proposed = _contribute(listed, confirmed, composed, two_people=True)
    with pytest.raises(ForbiddenError), listed.writing() as session:
        approve_contribution(session, proposed.number, decomposed)


def test_of_several_frames_only_the_one_that_matched_is_listed(
    listed: Database, confirmed: int
) -> None:
    with listed.writing() as session:
        (first,) = session.scalars(select(ContentHash).where(ContentHash.algorithm == "pdq"))
        title = ContentHash(
            **{
                **{one: getattr(first, one) for one in first.__table__.columns.keys()},  # noqa: SIM118
                "frame": 0,
                "value": bytes(range(32)),
            }
        )
        first.frame = 7
        session.flush()
        session.add(title)
        session.execute(update(MatchRecord).values(frame=7))
    done = _contribute(listed, confirmed)
    (value,) = _entry(listed, done.entry).hashes["pdq"]
    assert value != bytes(range(32))


WRONG = {
    "no basis": ContributionFacts("A1", {}, "", "  "),
    "a country of three letters": ContributionFacts("A1", {}, "GBR", "basis"),
    "a making that there is not": ContributionFacts("A1", {}, "GB", "basis", "maybe"),
    "too long": ContributionFacts("A1", {}, "GB", "b" * 2_001),
    "a zero": ContributionFacts("A1", {}, "GB", "basis\0"),
}


@pytest.mark.parametrize("facts", WRONG.values(), ids=WRONG)
def test_wrong_facts_are_refused(listed: Database, confirmed: int, facts: Any) -> None:
    with pytest.raises(InputError):
        _contribute(listed, confirmed, facts=facts)


def test_only_own_lists_and_seniors(listed: Database, confirmed: int) -> None:
    with pytest.raises(InputError, match="own list"):
        _contribute(listed, confirmed, list_name="one")
    with pytest.raises(HashmatchError):
        _contribute(listed, confirmed, list_name="nowhere")
    with pytest.raises(ForbiddenError):
        _contribute(listed, confirmed, REVIEWER)


@pytest.mark.parametrize("text", ["icse", "=x", "icse=", "ICSE=x", "a b=c", "x=" + "y" * 65])
def test_a_classification_is_a_scheme_and_a_code(text: str) -> None:
    assert parse_classification(["icse=baseline", "uk=A"]) == {"icse": "baseline", "uk": "A"}
    with pytest.raises(InputError):
        parse_classification([text])
