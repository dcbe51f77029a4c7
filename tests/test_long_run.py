"""The bookkeeping of `make long` can fail: it notices what must not happen."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.long.claims import (
    Recorded,
    claim_of_search,
    claims_of_answers,
    claims_of_growth,
    claims_of_records,
)
from benchmarks.long.clients import Asking
from benchmarks.long.expectations import Expected, Judgement, Listing, judge
from benchmarks.long.ledger import Answer, Clock, Journal, Ledger, Window, calm_answers, shares
from benchmarks.long.plan import Kind, Plan
from benchmarks.long.searching import Pieces
from benchmarks.long.slopes import growth
from benchmarks.long.watching import Sample, flatness
from benchmarks.measuring import Table
from benchmarks.results import keep, keep_all
from hashmatch.synthetic import draw_picture

_LISTED, _ADDED, _WITHDRAWN, _OTHER = 1, 2, 3, 4
_CLEAR: dict[str, Any] = {"outcome": "clear", "reason": None, "matches": []}


def _matched(match_id: str = "7", nearness: str = "match") -> dict[str, Any]:
    matches = [{"match_id": match_id, "nearness": nearness}]
    return {"outcome": "matched", "reason": None, "matches": matches}


def _unscreened(reason: str) -> dict[str, Any]:
    return {"outcome": "unscreened", "reason": reason, "matches": []}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger of a run in which all went well."""
    made = Ledger(Journal(tmp_path))
    for kind in ("scan", "lookup", "page", "decision"):
        made.note_answer(Answer(kind, 1.0, 1.1, Judgement.RIGHT, ""), "post/1", [])
    made.followed_s.append(1.0)
    return made


def _failing(ledger: Ledger) -> list[str]:
    return [one.name for one in claims_of_answers(ledger) if not one.holds]


def _failing_records(ledger: Ledger, recorded: Recorded) -> list[str]:
    return [one.name for one in claims_of_records(ledger, recorded) if not one.holds]


def test_a_run_in_which_all_went_well_holds(ledger: Ledger) -> None:
    ledger.note_answer(Answer("scan", 1.0, 1.1, Judgement.RIGHT, ""), "post/1", ["7"])
    ledger.note_notified(["7"])
    assert _failing(ledger) == []
    assert _failing_records(ledger, Recorded({"7": "post/1"}, 0, {})) == []


def test_a_listed_picture_that_is_called_clear_fails_the_run(ledger: Ledger) -> None:
    asking = Asking(ledger, Listing([_LISTED], 5.0), Clock())
    assert asking.note("scan", "post/1", _LISTED, _CLEAR, 0.0) is Judgement.FALSE_CLEAR
    assert _failing(ledger) == ["nothing listed was called clear"]
    assert len(ledger.problems) == 1


@pytest.mark.parametrize(
    ("expected", "is_whole", "outcome", "judgement"),
    [
        (Expected.LISTED, True, _matched(), Judgement.RIGHT),
        (Expected.LISTED, True, _CLEAR, Judgement.FALSE_CLEAR),
        (Expected.LISTED, True, _matched(nearness="near"), Judgement.FALSE_CLEAR),
        (Expected.LISTED, True, _unscreened("store_unavailable"), Judgement.NO_VERDICT),
        (Expected.UNLISTED, True, _CLEAR, Judgement.RIGHT),
        (Expected.UNLISTED, True, _matched(), Judgement.FALSE_MATCH),
        (Expected.UNLISTED, True, _matched(nearness="near"), Judgement.RIGHT),
        (Expected.UNLISTED, True, _unscreened("undecodable"), Judgement.NO_VERDICT),
        (Expected.UNLISTED, True, {"reason": "ConnectionRefusedError"}, Judgement.NO_VERDICT),
        (Expected.EITHER, True, _CLEAR, Judgement.RIGHT),
        (Expected.EITHER, True, _matched(), Judgement.RIGHT),
        (Expected.UNLISTED, False, _CLEAR, Judgement.FALSE_CLEAR),
        (Expected.UNLISTED, False, _unscreened("truncated"), Judgement.RIGHT),
        (Expected.UNLISTED, False, _unscreened("decoder_crashed"), Judgement.NO_VERDICT),
        (Expected.LISTED, False, _matched(), Judgement.RIGHT),
    ],
)
def test_an_answer_is_worth_what_was_expected(
    expected: Expected, is_whole: bool, outcome: dict[str, Any], judgement: Judgement
) -> None:
    assert judge(expected, outcome, is_whole=is_whole) is judgement


def test_expectations_follow_a_synced_list_and_leave_time_for_it() -> None:
    listing = Listing([_LISTED, _WITHDRAWN], follow_s=5.0)
    listing.begin(10.0, [_ADDED], [_WITHDRAWN])
    assert listing.expected(_ADDED, 8.0, 9.0) is Expected.UNLISTED
    assert listing.expected(_ADDED, 9.0, 10.5) is Expected.EITHER
    assert listing.expected(_WITHDRAWN, 1000.0, 1001.0) is Expected.EITHER
    listing.end(20.0)
    assert listing.expected(_ADDED, 24.9, 26.0) is Expected.EITHER
    assert listing.expected(_ADDED, 25.0, 26.0) is Expected.LISTED
    assert listing.expected(_WITHDRAWN, 25.0, 26.0) is Expected.UNLISTED
    assert listing.expected(_LISTED, 15.0, 16.0) is Expected.LISTED
    assert listing.expected(_OTHER, 15.0, 16.0) is Expected.UNLISTED
    assert listing.expected(None, 15.0, 16.0) is Expected.UNLISTED
    assert listing.listed() == {_LISTED, _ADDED}
    listing.begin(30.0, [_WITHDRAWN], [_ADDED])
    listing.end(40.0)
    assert listing.expected(_WITHDRAWN, 25.0, 26.0) is Expected.UNLISTED
    assert listing.expected(_WITHDRAWN, 45.0, 46.0) is Expected.LISTED
    assert listing.listed() == {_LISTED, _WITHDRAWN}


def test_a_match_that_is_not_on_record_or_not_notified_fails_the_run(ledger: Ledger) -> None:
    ledger.note_answer(Answer("scan", 1.0, 1.1, Judgement.RIGHT, ""), "post/1", ["7"])
    lost = _failing_records(ledger, Recorded({}, 0, {}))
    assert lost == ["every answered match is on record", "every match was notified at least once"]
    ledger.note_notified(["7"])
    assert _failing_records(ledger, Recorded({"7": "post/1", "8": "file/8"}, 0, {})) == [
        "every match was notified at least once"
    ]
    assert _failing_records(ledger, Recorded({"7": "post/1"}, 1, {})) == [
        "no match is on record twice"
    ]


def test_retention_may_remove_what_somebody_dismissed_and_nothing_else(ledger: Ledger) -> None:
    ledger.matched, ledger.notified = {"7": "post/1"}, Counter(["7"])
    ledger.note_dismissal("post/1")
    ledger.note_decision(1, "false_positive")
    assert _failing_records(ledger, Recorded({}, 0, {})) == []
    ledger.note_decision(2, "confirmed")
    stands = ["every acknowledged decision stands"]
    assert _failing_records(ledger, Recorded({}, 0, {})) == stands
    assert _failing_records(ledger, Recorded({}, 0, {2: ("open", 0)})) == stands
    assert _failing_records(ledger, Recorded({}, 0, {2: ("open", 1)})) == []
    assert _failing_records(ledger, Recorded({}, 0, {2: ("confirmed", 0)})) == []


def test_answers_without_a_verdict_are_excused_by_a_disturbance_alone(ledger: Ledger) -> None:
    failure = Answer("scan", 12.0, 14.0, Judgement.NO_VERDICT, "store_unavailable")
    ledger.answers.append(failure)
    assert _failing(ledger) == ["a verdict each while nothing was disturbed"]
    ledger.windows.append(Window(Kind.STOP, 10.0, 13.0, 20.0))
    assert _failing(ledger) == []
    assert failure not in calm_answers(ledger.answers, ledger.windows)
    (share,) = shares(ledger.answers, ledger.windows)
    assert (share.answers, share.without, share.worst_recovery_s) == (1, 1, 1.0)
    ledger.answers.append(Answer("scan", 140.0, 141.0, Judgement.NO_VERDICT, "store_unavailable"))
    ledger.windows[0].ended_s = 150.0
    assert _failing(ledger) == ["well again within 60 s"]


@pytest.mark.parametrize("per_hour", [0.0, 15.0, 100.0])
def test_a_slope_is_found_under_noise_and_outliers(per_hour: float) -> None:
    times_s = [5.0 * number for number in range(480)]
    noise = [200.0 if number % 50 == 7 else math.sin(number) for number in range(480)]
    values = [one + per_hour * at / 3600 for one, at in zip(noise, times_s, strict=True)]
    found = growth(times_s, values)
    assert abs(found.per_hour - per_hour) < 1.0
    assert found.is_within(20.0, 8.0) is (per_hour < 20.0)


def _samples(role: str, growing_mb: float, more_files: int) -> list[Sample]:
    return [
        Sample(at, role, 1, 200 + growing_mb * at / 3600, 100.0, 20 + more_files * at // 3600, 9, 5)
        for at in range(0, 3600, 10)
    ]


def test_memory_and_files_that_grow_fail_the_run() -> None:
    measured = Plan(3600.0).measured

    def failing(growing_mb: float, more_files: int) -> list[str]:
        found = flatness(_samples("service", growing_mb, more_files), "service", measured)
        return [one.name for one in claims_of_growth({"service": found}) if not one.holds]

    assert failing(5.0, 0) == []
    assert failing(40.0, 0) == ["service: memory is flat"]
    assert failing(5.0, 40) == ["service: files and threads are flat"]
    assert flatness([], "service", measured) is None
    assert [one.holds for one in claims_of_growth({"service": None})] == [False]


def test_processes_that_take_turns_are_measured_as_one_that_goes_on() -> None:
    """Decoders are replaced after some files: none of them lives for a third of an hour."""
    short = [
        replace(one, role="decoder", pid=number // 20)
        for number, one in enumerate(_samples("decoder", 40.0, 0))
    ]
    measured = (short[0].at_s, short[-1].at_s)
    assert flatness(short, "decoder", measured) is None
    found = flatness(short, "decoder", measured, take_turns=True)
    claims = claims_of_growth({"decoder": found})
    assert [one.name for one in claims if not one.holds] == ["decoder: memory is flat"]


@pytest.mark.parametrize("minutes", [3, 10, 60])
def test_a_schedule_has_everything_and_one_service_while_growth_is_measured(minutes: int) -> None:
    plan = Plan(minutes * 60.0)
    begin_s, end_s = plan.measured
    assert {kind for _, kind in plan.events()} == set(Kind)
    assert all(
        at_s + plan.slot_s <= begin_s or at_s >= end_s
        for at_s, kind in plan.events()
        if kind is Kind.SERVICE
    )
    assert all(0 <= at_s < plan.duration_s for at_s, _ in plan.events())
    assert end_s - begin_s > plan.duration_s / 2


def test_the_search_finds_a_piece_of_an_image(tmp_path: Path) -> None:
    pixels = draw_picture(1, 320, 240).tobytes()
    pieces = Pieces([pixels])
    (tmp_path / "innocent").write_bytes(draw_picture(2, 320, 240).tobytes())
    assert pieces.files_with_one([tmp_path])[0] == []
    (tmp_path / "thumbnail").write_bytes(b"x" * 7 + pixels[100_000:101_000])
    found, size = pieces.files_with_one([tmp_path])
    assert found == [str(tmp_path / "thumbnail")]
    assert not claim_of_search(found, size, len(pieces)).holds


def test_results_keep_the_tables_of_others(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\nOld.\n\n## one\n\nFirst.\n\n## two\n\nSecond.\n")
    keep([Table("two", "New.", ("a",), [("1",)]), Table("three", "New.", ("a",), [])], path)
    text = path.read_text()
    assert [line for line in text.splitlines() if line.startswith("##")] == [
        "## one", "## two", "## three",
    ]  # fmt: skip
    assert "First." in text
    assert "Second." not in text
    keep_all([Table("four", "New.", ("a",), [])], {"three"}, path)
    text = path.read_text()
    assert [line for line in text.splitlines() if line.startswith("##")] == ["## four", "## three"]
