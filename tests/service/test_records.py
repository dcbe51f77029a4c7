"""What was recorded, over HTTP: page by page, or as a stream."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta

import pytest

from tests.pictures import drawn
from tests.service.serving import Served


@pytest.fixture
def matched(served: Served) -> Served:
    for number in range(5):
        for seed in (1, 2):
            params = {"content_id": f"post/{number}/{seed}"}
            served.client.post("/v1/scan", params=params, content=drawn(seed))
    return served


@pytest.mark.parametrize("limit", [1, 3, 20, 1000])
def test_pages_give_every_match_once_newest_first(matched: Served, limit: int) -> None:
    ids: list[int] = []
    cursor: str | None = None
    while True:
        params: dict[str, str | int] = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = matched.client.get("/v1/matches", params=params).json()
        ids += [int(one["match_id"]) for one in page["matches"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert ids == sorted(range(1, 21), reverse=True)


def test_dates_are_whole_days_as_on_the_command_line(matched: Served) -> None:
    rows = matched.client.get("/v1/matches").json()["matches"]
    last, *_, first = (datetime.fromisoformat(one["matched_at"]).date() for one in rows)
    before, after = str(first - timedelta(1)), str(last + timedelta(1))
    for query, number in (
        ({"since": str(first), "until": str(last)}, 20),
        ({"since": after}, 0),
        ({"until": before}, 0),
        ({"since": before, "until": after}, 20),
    ):
        assert len(matched.client.get("/v1/matches", params=query).json()["matches"]) == number
        report = matched.client.get("/v1/reports", params={"format": "jsonl", **query})
        assert len(report.text.splitlines()) == number


def test_matches_are_filtered_by_time_and_list(matched: Served) -> None:
    every = matched.client.get("/v1/matches").json()["matches"]
    assert len(every) == 20
    for query, number in (
        ({"since": "2100-01-01T00:00:00Z"}, 0),
        ({"until": "2100-01-01T00:00:00Z"}, 20),
        ({"list": "one"}, 20),
    ):
        assert len(matched.client.get("/v1/matches", params=query).json()["matches"]) == number
    assert matched.client.get("/v1/matches", params={"list": "two"}).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"cursor": "x"},
        {"cursor": "-1"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-02", "until": "2025-12-31"},
        {"since": "2026-02-30"},
        {"until": "9999-12-31"},
        {"until": "0001-01-01"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(steady: Served, query: dict[str, str]) -> None:
    assert steady.client.get("/v1/matches", params=query).status_code == 400


def test_reports_are_what_the_command_line_writes(matched: Served) -> None:
    answer = matched.client.get("/v1/reports", params={"format": "csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["match_id"] for row in rows] == [str(one) for one in range(1, 21)]
    assert {row["value"] for row in rows} == {""}
    answer = matched.client.get("/v1/reports", params={"format": "jsonl", "show_hashes": True})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) == 20
    assert all(one["value"] for one in lines)


def test_a_report_that_cannot_begin_is_an_error(steady: Served) -> None:
    for query, status in (({"list": "two"}, 404), ({"format": "xml"}, 400)):
        assert steady.client.get("/v1/reports", params=query).status_code == status


def test_a_report_without_matches_has_its_header(steady: Served) -> None:
    assert steady.client.get("/v1/reports").text.startswith("match_id,")
    assert steady.client.get("/v1/reports", params={"format": "jsonl"}).text == ""


def test_reports_that_are_left_hold_no_connection_to_the_store(steady: Served) -> None:
    for number in range(50):  # More than there are connections.
        with steady.client.stream("GET", "/v1/reports") as answer:
            assert answer.status_code == 200, number
    assert steady.client.get("/v1/matches").status_code == 200
