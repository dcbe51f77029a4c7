"""Entries of a list that share a hash are one match, which names the one that counts most."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hashmatch.cases import CaseAction, CaseOpener
from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import decide_flooding
from hashmatch.outbox import WebhookNotifier
from hashmatch.outcome import Action, Clear, Matched
from hashmatch.screening import Scanner
from hashmatch.screening.matching import Finding, find_matches
from hashmatch.store.engine import Database
from hashmatch.store.lists import Terms, allow_hash, disable_entries, enable_entries
from hashmatch.store.matches import FloodAction, read_allowed_matches
from hashmatch.store.outbox import read_outbox
from hashmatch.store.schema import Case, Entry
from tests.cases.making import act, state_of
from tests.pictures import hashes_of
from tests.scanning import NOW, MakeScanner, recorded
from tests.store.importing import import_text

PDQ, MD5 = ALGORITHMS["pdq"], ALGORITHMS["md5"]
VALUE = bytes(31) + b"\x7f"
_NUMBER = 50
_POLICY = {"action": "review", "lists": {"one": {"categories": {"worst": "block"}}}}
_HOOK = {"desk": {"url": "https://desk.example/", "secret": {"env": "X"}}}
_SETTINGS = Settings.model_validate({"webhooks": _HOOK})


def _rows(**categories: str) -> str:
    rows = [f"pdq,{VALUE.hex()},e{n},{categories.get(f'e{n}', '')}" for n in range(_NUMBER)]
    # One of another hash, so that the list is never without any.
    return "\n".join(
        [
            "algorithm,value,entry_id,category",
            *rows,
            f"pdq,{hashes_of(5, 'pdq')['pdq'].value.hex()},other,",
            "",
        ]
    )


@pytest.fixture
def scanner(make_scanner: MakeScanner, database: Database) -> Scanner:
    """A scanner over a list of which fifty entries have one hash, the seventh the worst."""
    listeners = (CaseOpener(_SETTINGS.cases), WebhookNotifier(_SETTINGS.webhooks))
    guards = {"max_contents_per_entry": 2}
    scanner = make_scanner(listeners=listeners, guards=guards, **_POLICY)
    import_text(database, "one", _rows(e7="worst"))
    return scanner


def _look_up(scanner: Scanner, content_id: str = "post/1") -> Matched:
    outcome = scanner.lookup([Hash(PDQ, VALUE, quality=100)], content_id=content_id)
    assert isinstance(outcome, Matched)
    return outcome


def test_entries_that_share_a_hash_are_one_match_with_a_count(
    scanner: Scanner, database: Database
) -> None:
    (match,) = _look_up(scanner).matches
    assert (match.entry_id, match.category, match.entries) == ("e7", "worst", _NUMBER)
    assert _look_up(scanner).action is Action.BLOCK
    assert recorded(database) == 1


def test_disabled_entries_do_not_count_and_are_not_named(
    scanner: Scanner, database: Database
) -> None:
    with database.writing() as session:
        disable_entries(session, "one", ["e0", "e1"])
        later = {"disabled_until": NOW + timedelta(days=1)}
        session.execute(update(Entry).where(Entry.entry_id.in_(["e7", "e2"])).values(later))
    outcome = _look_up(scanner)
    (match,) = outcome.matches
    assert (match.entry_id, match.entries, outcome.action) == ("e10", _NUMBER - 4, Action.REVIEW)


def test_an_entry_that_comes_in_place_of_another_counts_for_an_image_that_is_screened_meanwhile(
    scanner: Scanner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = _rows(e7="worst").replace(",e7,worst", ",new,worst")

    def find_and_import(*arguments: Any) -> list[list[Finding]]:
        found = find_matches(*arguments)
        import_text(database, "one", renamed)
        return found

    monkeypatch.setattr("hashmatch.screening.scanner.find_matches", find_and_import)
    outcome = _look_up(scanner)
    (match,) = outcome.matches
    assert (match.entry_id, match.entries, outcome.action) == ("new", _NUMBER, Action.BLOCK)


def test_a_hash_of_which_all_entries_are_disabled_for_now_does_not_match(
    scanner: Scanner, database: Database
) -> None:
    with database.writing() as session:
        session.execute(update(Entry).values(disabled_until=NOW + timedelta(days=1)))
    outcome = scanner.lookup([Hash(PDQ, VALUE, quality=100)], content_id="post/1")
    assert isinstance(outcome, Clear)


def test_the_match_stays_the_same_when_another_entry_stands_for_the_hash(
    scanner: Scanner, database: Database
) -> None:
    (first,) = _look_up(scanner).matches
    with database.writing() as session:
        disable_entries(session, "one", ["e7"])
    (again,) = _look_up(scanner).matches
    assert (again.match_id, again.entry_id, again.entries) == (first.match_id, "e7", _NUMBER)
    with database.writing() as session:
        enable_entries(session, "one", ["e7"])
        disable_entries(session, "one", [f"e{number}" for number in range(7)])
    (again,) = _look_up(scanner).matches
    assert again.match_id == first.match_id
    assert recorded(database) == 1


def test_an_entry_that_asks_for_more_makes_the_match_new(
    scanner: Scanner, database: Database
) -> None:
    with database.writing() as session:
        disable_entries(session, "one", ["e7"])
    (mild,) = _look_up(scanner).matches
    with database.reading() as session:
        case = session.scalars(select(Case.key)).one()
    act(database, case, CaseAction.DISMISS)
    with database.writing() as session:
        enable_entries(session, "one", ["e7"])
    outcome = _look_up(scanner)
    (worst,) = outcome.matches
    assert (worst.match_id, worst.entry_id, outcome.action) == (mild.match_id, "e7", Action.BLOCK)
    assert state_of(database, case) == "open"
    with database.reading() as session:
        actions = [one.body["data"]["action"] for one in read_outbox(session, limit=9)]
    assert sorted(actions) == ["block", "review"]
    _look_up(scanner)
    with database.reading() as session:
        assert len(read_outbox(session, limit=9)) == 2


def test_an_allow_list_explains_all_entries_of_a_hash(scanner: Scanner, database: Database) -> None:
    with database.writing() as session:
        allow_hash(session, "harmless", "pdq", VALUE, Terms("ann"), "a meme")
    for _ in range(2):
        outcome = scanner.lookup([Hash(PDQ, VALUE, quality=100)], content_id="post/1")
        assert isinstance(outcome, Clear)
        assert len(outcome.allowed) == 1
    with database.reading() as session:
        assert len(read_allowed_matches(session, limit=9)) == 1


def test_a_decision_about_a_flood_holds_for_all_entries_of_the_hash(
    scanner: Scanner, database: Database
) -> None:
    for number in range(3):
        assert _look_up(scanner, f"post/{number}").action is Action.BLOCK
    decide_flooding(database, "one", "e7", FloodAction.REVIEW, "ann")
    with database.writing() as session:
        # The flood does not go on under the name of another one.
        enabled = update(Entry).where(Entry.entry_id == "e9").values(category="worst")
        session.execute(enabled)
        disable_entries(session, "one", ["e7"])
    outcome = _look_up(scanner, "post/3")
    assert (outcome.matches[0].entry_id, outcome.action) == ("e9", Action.REVIEW)


def test_disabling_what_floods_disables_the_hash_and_keeping_it_undoes_no_more(
    scanner: Scanner, database: Database
) -> None:
    with database.writing() as session:
        disable_entries(session, "one", ["e3"])
    for number in range(3):
        _look_up(scanner, f"post/{number}")
    decide_flooding(database, "one", "e7", FloodAction.DISABLE, "ann")
    outcome = scanner.lookup([Hash(PDQ, VALUE, quality=100)], content_id="post/8")
    assert isinstance(outcome, Clear)
    decide_flooding(database, "one", "e7", FloodAction.KEEP, "ann")
    (match,) = _look_up(scanner, "post/9").matches
    assert (match.entry_id, match.entries) == ("e7", _NUMBER - 1)
