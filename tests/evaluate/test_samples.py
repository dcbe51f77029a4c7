"""Samples: drawn at random, the same for the same seed, on record, and never without sense."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from hashmatch.audit import verify
from hashmatch.cases import CaseAction, apply_retention
from hashmatch.config import Settings
from hashmatch.errors import InputError, NotFoundError
from hashmatch.evaluate import SampleRequest, draw_sample, sample_facts
from hashmatch.outcome import Nearness
from hashmatch.store.engine import Database, read_audit_records
from hashmatch.store.evaluations import read_samples
from hashmatch.store.matches import MatchFilter
from hashmatch.store.schema import Case, SampledMatch, utc_now
from tests.cases.making import act, make_match, settings_with
from tests.pictures import list_of
from tests.store.importing import import_text


@pytest.fixture
def matched(database: Database) -> Database:
    """Twenty matches of one list, two of another, and two near ones."""
    import_text(database, "one", list_of(1, 2))
    import_text(database, "two", list_of(3))
    for number in range(20):
        make_match(database, f"post/{number}")
    for number in range(2):
        make_match(database, f"other/{number}", entries=(3,), list_key=2)
        make_match(database, f"near/{number}", distance_bits=40)
    return database


def _draw(database: Database, size: int, **more: Any) -> int:
    wanted = more.pop("wanted", MatchFilter())
    return draw_sample(database, SampleRequest(size, wanted, **more), "alice")


def _facts(database: Database, sample: int) -> dict[str, Any]:
    with database.reading() as session:
        return sample_facts(session, sample)


def _drawn(database: Database, sample: int) -> list[str]:
    return [one["match_id"] for one in _facts(database, sample)["matches"]]


def test_a_sample_says_what_was_drawn_from_what_by_whom(matched: Database) -> None:
    facts = _facts(matched, _draw(matched, 5, seed="spring"))
    assert (facts["drawn"], facts["population"], facts["drawn_by"]) == (5, 22, "alice")
    assert (facts["open"], facts["precision"]) == (5, None)
    assert len(set(_drawn(matched, 1))) == 5
    with matched.reading() as session:
        actions = Counter(one["action"] for one in read_audit_records(session))
        assert verify(session, {}).problems == []
    assert (actions["sample.drawn"], actions["sample.match"]) == (1, 5)


def test_the_same_seed_draws_the_same_matches_and_another_draws_others(matched: Database) -> None:
    same = {tuple(_drawn(matched, _draw(matched, 6, seed="a"))) for _ in range(2)}
    assert len(same) == 1
    others = {tuple(_drawn(matched, _draw(matched, 6, seed=one))) for one in "bcdef"}
    assert len(others | same) == 6
    seeds = {_facts(matched, _draw(matched, 1))["seed"] for _ in range(2)}
    assert len(seeds) == 2


def test_every_match_is_as_likely_as_any_other(matched: Database) -> None:
    """Of 22 matches in 100 samples of 5, each comes about 23 times, with a deviation of 4."""
    drawn = Counter[str]()
    for number in range(100):
        drawn.update(_drawn(matched, _draw(matched, 5, seed=f"seed {number}")))
    assert len(drawn) == 22
    assert min(drawn.values()) > 8
    assert max(drawn.values()) < 40


def test_near_matches_are_drawn_only_where_they_are_asked_for(matched: Database) -> None:
    everything = _facts(matched, _draw(matched, 100))
    assert (everything["drawn"], everything["population"]) == (22, 22)
    near = _facts(matched, _draw(matched, 100, nearness=Nearness.NEAR))
    assert {one["distance_bits"] for one in near["matches"]} == {40}
    assert near["drawn"] == 2


def test_a_sample_by_list_takes_evenly_from_each(matched: Database) -> None:
    facts = _facts(matched, _draw(matched, 10, by_list=True))
    assert {one["list"]: one["drawn"] for one in facts["lists"]} == {"one": 8, "two": 2}
    only = _facts(matched, _draw(matched, 10, wanted=MatchFilter(list_name="two")))
    assert (only["list"], only["drawn"]) == ("two", 2)


def test_the_precision_of_a_sample_by_list_weighs_each_list_by_its_matches(
    matched: Database,
) -> None:
    sample = _draw(matched, 4, by_list=True)
    for one in _facts(matched, sample)["matches"]:
        action = CaseAction.CONFIRM if one["list"] == "one" else CaseAction.DISMISS
        act(matched, one["case"], action)
    facts = _facts(matched, sample)
    assert (facts["confirmed"], facts["false_positives"], facts["open"]) == (2, 2, 0)
    assert facts["precision"] == round(20 / 22, 4)
    assert facts["precision_low"] < facts["precision"] < facts["precision_high"]


def test_progress_follows_the_decisions(matched: Database) -> None:
    sample = _draw(matched, 4)
    first, second, *_ = _facts(matched, sample)["matches"]
    act(matched, first["case"], CaseAction.CONFIRM)
    act(matched, second["case"], CaseAction.DISMISS)
    facts = _facts(matched, sample)
    assert (facts["confirmed"], facts["false_positives"], facts["open"]) == (1, 1, 2)
    assert facts["precision"] == 0.5


def test_a_sample_keeps_its_results_when_its_matches_are_removed(
    matched: Database, settings: Settings
) -> None:
    sample = _draw(matched, 22)
    act(matched, 1, CaseAction.DISMISS)
    act(matched, 2, CaseAction.CONFIRM)
    before = _facts(matched, sample)
    with matched.writing() as session:
        session.execute(update(Case).values(changed_at=utc_now() - timedelta(days=40)))
    chosen = settings_with(settings, retention={"false_positive_days": 30})
    assert apply_retention(matched, chosen, dry_run=False)["matches"] == 1
    after = _facts(matched, sample)
    assert after["matches"][0] == {**before["matches"][0], "case": None, "state": "removed"}
    assert after["lists"] == before["lists"]
    assert after["precision"] == before["precision"] == 0.5
    with matched.reading() as session:
        assert verify(session, {}).problems == []


def test_a_sample_that_was_changed_in_the_database_is_noticed(matched: Database) -> None:
    _draw(matched, 3)
    with matched.writing() as session:
        session.execute(update(SampledMatch).where(SampledMatch.key == 1).values(match_key=1_000))
    with matched.reading() as session:
        assert verify(session, {}).problems != []


def test_nothing_is_recorded_where_nothing_can_be_drawn(matched: Database) -> None:
    with pytest.raises(InputError, match="no match"):
        _draw(matched, 3, wanted=MatchFilter(since=utc_now() + timedelta(days=1)))
    for size in (0, 10_001):
        with pytest.raises(InputError, match="a sample has"):
            _draw(matched, size)
    with pytest.raises(InputError):
        _draw(matched, 3, seed="x" * 65)
    with matched.reading() as session:
        assert read_samples(session, limit=10) == []
        with pytest.raises(NotFoundError):
            sample_facts(session, 1)
