"""Reports have room of their own: two at a time, in their own threads, and no query without end."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from hashmatch.errors import StoreSlowError
from hashmatch.service.api import long_answers, reports
from hashmatch.store.engine import Database, read_audit_records
from tests.pictures import drawn, hashes_of
from tests.service.conftest import Serve
from tests.service.serving import Served

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()


def _match(served: Served, number: int) -> None:
    for one in range(number):
        body = {"algorithm": "pdq", "value": PDQ, "content_id": f"post/{one}"}
        served.client.post("/v1/lookup", json={"hashes": [body]})


class _Held:
    """Reading for reports that waits until it is let go."""

    def __init__(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go, self.begun = threading.Event(), threading.Semaphore(0)
        self._reading = served.service.reading
        monkeypatch.setattr(served.service, "reading", self.reading)

    def reading(self) -> Any:
        self.begun.release()
        assert self.let_go.wait(60)
        return self._reading()


def test_of_many_reports_at_once_two_are_made_and_screening_goes_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as served:
        _match(served, 3)
        held = _Held(served, monkeypatch)
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/v1/reports", {"format": "csv"}),
            ("/v1/reports", {"format": "html"}),
            ("/v1/reports", {"format": "jsonl", "of": "cases"}),
            ("/v1/matches", {"limit": 1000}),
            ("/v1/cases", {"limit": 1000}),
        ]

        def ask(number: int) -> int:
            path, params = asked[number % len(asked)]
            answer = served.client.get(path, params=params)
            if answer.status_code == 429:
                assert answer.headers["Retry-After"] == "1"
            return answer.status_code

        with ThreadPoolExecutor(20) as pool:
            futures = [pool.submit(ask, number) for number in range(20)]
            while sum(one.done() for one in futures) < 18:
                threading.Event().wait(0.01)
            assert (served.service.reports.running, served.service.reports.waiting) == (2, 0)
            # All others go on meanwhile.
            scan = served.client.post("/v1/scan", params={"content_id": "x"}, content=drawn(9))
            assert scan.json()["outcome"] == "clear"
            one = {"algorithm": "pdq", "value": PDQ, "content_id": "y"}
            found = served.client.post("/v1/lookup", json={"hashes": [one]})
            assert found.json()["results"][0]["outcome"] == "matched"
            assert served.client.get("/readyz").status_code == 200
            held.let_go.set()
            statuses = [one.result() for one in futures]
    assert sorted(statuses) == [200] * 2 + [429] * 18


def test_a_report_gives_its_place_back_however_it_ends(serve: Serve) -> None:
    with serve() as served:
        _match(served, 2)
        for _ in range(3):
            asked: list[tuple[dict[str, str | int], int]] = [
                ({"format": "csv"}, 200),
                ({"format": "html"}, 200),
                ({"format": "csv", "list": "nothing"}, 404),
                ({"format": "cybertip", "case": 99}, 400),
            ]
            for params, status in asked:
                assert served.client.get("/v1/reports", params=params).status_code == status
            with served.client.stream("GET", "/v1/reports") as answer:
                assert answer.status_code == 200
            # The service notices a moment later that nobody reads on.
            while served.service.reports.running:
                threading.Event().wait(0.01)


def test_a_client_that_stops_reading_keeps_its_place_for_a_time_only(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_answers, "_MAX_STALL_S", 0.2)
    monkeypatch.setattr(reports, "_PIECE_CHARACTERS", 1)
    with serve() as served:
        _match(served, 3)
        # More than the socket and all buffers hold.
        monkeypatch.setattr(reports, "_pieces", lambda *_: ("x" * 1_000_000 for _ in range(200)))
        where = urlsplit(served.url)
        assert where.hostname is not None
        token = served.client.headers["Authorization"]
        head = f"GET /v1/reports HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: {token}\r\n\r\n"
        stopped = [socket.create_connection((where.hostname, where.port or 80)) for _ in range(2)]
        for one in stopped:
            one.sendall(head.encode())
        while served.service.reports.running < 2:
            threading.Event().wait(0.01)
        while served.service.reports.running:
            threading.Event().wait(0.01)
        for one in stopped:
            one.close()


@pytest.mark.parametrize("limit_s", [0.05])
def test_a_query_that_takes_too_long_is_stopped(database: Database, limit_s: float) -> None:
    endless = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
        " SELECT count(*) FROM n"
    )
    with pytest.raises(StoreSlowError), database.reading(limit_s=limit_s) as session:
        session.execute(endless).all()
    # The connection is as good as before.
    with database.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_report_that_takes_too_long_says_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as served:

        def slow(*_: object) -> None:
            raise StoreSlowError("the database takes too long over this", hint="Ask for less.")

        monkeypatch.setattr(reports, "read_figures", slow)
        answer = served.client.get("/v1/reports", params={"format": "html"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert served.service.reports.running == 0


def test_pages_of_a_period_and_of_cases_lose_and_repeat_nothing(serve: Serve) -> None:
    with serve() as served:
        _match(served, 25)
        for path, kind, key in (
            ("/v1/matches", "matches", "match_id"),
            ("/v1/cases", "cases", "case"),
        ):
            seen: list[Any] = []
            cursor: str | None = None
            while True:
                query: dict[str, str | int] = {"limit": 4, "list": "one"}
                query |= {"cursor": cursor} if cursor else {}
                page = served.client.get(path, params=query).json()
                seen += [one[key] for one in page[kind]]
                cursor = page["next"]
                if cursor is None:
                    break
            assert len(seen) == len(set(seen)) == 25
        for cursor in ("1", "1.x", "9" * 17 + ".1", "0." + "9" * 17 + ".1"):
            for path in ("/v1/matches", "/v1/cases"):
                answer = served.client.get(path, params={"cursor": cursor})
                assert answer.status_code in (200, 400), (path, cursor)


def test_a_report_to_a_regulator_is_made_in_any_form_and_recorded(serve: Serve) -> None:
    period = {"since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00+02:00"}
    with serve(reports={"provider": "Example Ltd"}) as served:
        _match(served, 2)
        for form, begin in (
            ("json", b"{"), ("csv", b"point,"), ("html", b"<!doctype html>"), ("pdf", b"%PDF-"),
            ("zip", b"PK"),
        ):  # fmt: skip
            path = "/v1/reports/regulators/dsa"
            answer = served.client.get(path, params={**period, "format": form})
            assert answer.status_code == 200, answer.text
            assert answer.content.startswith(begin)
            assert f'filename="dsa-2026-01-01.{form}"' in answer.headers["Content-Disposition"]
        shown = served.client.get("/v1/reports/regulators/ofcom", params=period).json()
        assert shown["provider"] == "Example Ltd"
        figures = {
            one["name"]: one["now"]
            for section in shown["sections"]
            for one in section["answer"]["figures"]
        }
        assert figures["content items detected"]["value"] == 2
        for path, params, status in (
            ("ofcom", {**period, "format": "zip"}, 400),
            ("nobody", period, 400),
            ("ofcom", {"since": period["since"]}, 400),
            ("ofcom", {"since": period["until"], "until": period["since"]}, 400),
        ):
            answer = served.client.get(f"/v1/reports/regulators/{path}", params=params)
            assert answer.status_code == status, (path, params, answer.text)
        with served.database.reading() as session:
            exported = [
                one for one in read_audit_records(session) if one["action"] == "report.exported"
            ]
    assert len(exported) == 7
