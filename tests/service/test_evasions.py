"""What an adversary would send: nothing gets past unchecked, and nobody else has to wait."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy.orm import Session

from hashmatch.errors import StoreError
from hashmatch.reports import FORMATS
from hashmatch.service.api import reports
from hashmatch.service.http.authentication import Authenticator
from hashmatch.store.engine import Database
from hashmatch.store.lists import set_licence
from hashmatch.store.matches import MatchFilter, Tally
from hashmatch.store.tokens import Scope
from tests.pictures import drawn, hashes_of, list_of
from tests.service.conftest import Serve
from tests.service.serving import PATIENCE_S, Served, make_token
from tests.store.importing import import_text

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()


def _part(data: bytes) -> bytes:
    return b"--B\r\nContent-Disposition: form-data; name=file\r\n\r\n" + data + b"\r\n--B--"


@pytest.mark.parametrize("between", [b"\r\n", b"", b"\r\n\r\n  "])
def test_a_second_file_behind_the_end_of_a_form_is_refused(steady: Served, between: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    params = {"content_id": "x"}
    for body, status in (
        (_part(drawn(9)) + b"\r\n", 200),
        (_part(drawn(9)) + between + _part(drawn(1)), 400),
        (_part(drawn(9)) + between + b"x" * 300_000, 400),
    ):
        answer = steady.client.post("/v1/scan", params=params, content=body, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    "body",
    [
        f'{{"hashes":[{{"algorithm":"pdq","value":"{PDQ}","value":"00","content_id":"k"}}]}}',
        f'{{"hashes":[{{"algorithm":"pdq","value":"{PDQ}","content_id":"k"}}],"hashes":[]}}',
    ],
)
def test_a_key_that_is_given_twice_is_refused(steady: Served, body: str) -> None:
    answer = steady.client.post("/v1/lookup", content=body)
    assert answer.status_code == 400
    assert PDQ not in answer.text


def test_a_key_that_nobody_knows_is_refused_and_not_quoted(steady: Served) -> None:
    hashes = [{"algorithm": "pdq", "value": PDQ, "content_id": "k", "4070a57ca47c93e2": 1}]
    answer = steady.client.post("/v1/lookup", json={"hashes": hashes})
    assert answer.status_code == 400
    assert "4070a57ca47c93e2" not in answer.text


@pytest.mark.parametrize(
    ("header", "status"),
    [({"Content-Encoding": "br"}, 415), ({"Content-Range": "bytes 0-100/90000"}, 400)],
)
def test_a_body_that_is_said_not_to_be_the_file_is_not_screened(
    steady: Served, header: dict[str, str], status: int
) -> None:
    params = {"content_id": "x"}
    answer = steady.client.post("/v1/scan", params=params, content=drawn(9), headers=header)
    assert answer.status_code == status


@pytest.mark.parametrize("query", ["content_id=%FF", "content_id=a&content_id=b", "content_id=%C3"])
def test_a_query_that_could_be_read_in_two_ways_is_refused(steady: Served, query: str) -> None:
    answer = steady.client.post(f"/v1/scan?{query}", content=drawn(1))
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"])
def test_times_at_the_ends_of_the_calendar_are_refused(steady: Served, moment: str) -> None:
    for path in ("/v1/matches", "/v1/reports"):
        assert steady.client.get(path, params={"since": moment}).status_code == 400


def test_a_bank_is_not_empty_because_another_matched_while_it_could_not_be_asked(
    serve: Serve, database: Database
) -> None:
    import_text(database, "percept", list_of(2))
    with database.writing() as session:
        set_licence(session, "percept", licensor=None, end=date(2020, 1, 1))
    with serve() as served:
        query = {"signal_type": "pdq", "signal": PDQ, "banks": "PERCEPT"}
        for path in ("/m/lookup", "/m/raw_lookup"):
            answer = served.client.get(path, params=query)
            assert answer.status_code == 503
        files = {"photo": drawn(1)}
        answer = served.client.post("/m/lookup", params={"banks": "PERCEPT"}, files=files)
        assert answer.status_code == 503
        assert served.client.get("/m/lookup", params={**query, "banks": "ONE"}).status_code == 200


def test_one_hash_does_not_stand_for_several_frames(steady: Served) -> None:
    frames = [Image.open(io.BytesIO(drawn(seed))).convert("RGB") for seed in (9, 1)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=100)
    answer = steady.client.post("/h/hash", files={"photo": stream.getvalue()})
    assert answer.status_code == 409
    assert "its hashes alone" in answer.json()["message"]


@pytest.mark.parametrize(
    "given", ["f0e1d2c3b4a59687", "hm_0123456789ab_" + "A" * 40, "a b", "x" * 65]
)
def test_a_request_id_that_could_be_a_hash_or_token_is_replaced(steady: Served, given: str) -> None:
    answer = steady.client.get("/healthz", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    kept = "0d5f3c1e-1b0a-4f3e-9d57-2f8a6c1b7e90"
    answer = steady.client.get("/healthz", headers={"X-Request-ID": kept})
    assert answer.headers["X-Request-ID"] == kept


@contextmanager
def _connection(served: Served) -> Iterator[socket.socket]:
    host, _, port = served.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        yield connection


@pytest.mark.parametrize("line", [b"A" * 1000 + b": b\r\n", b"A: " + b"b" * 1000])
def test_a_head_without_end_is_cut_off(steady: Served, line: bytes) -> None:
    with _connection(steady) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises((ConnectionError, TimeoutError)):
            for _ in range(20_000):
                connection.sendall(line)
    assert steady.client.get("/healthz").status_code == 200


def test_a_connection_that_says_nothing_is_closed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.service.http.protocol._HEAD_TIMEOUT_S", 0.2)
    with serve() as served, _connection(served) as silent:
        assert silent.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert silent.recv(1000) == b""


def test_uploads_that_stand_still_take_nobodys_turn(serve: Serve, database: Database) -> None:
    with serve(service={"queue": 2}) as served, ExitStack() as opened:
        token = served.client.headers["Authorization"]
        head = (
            "POST /v1/scan?content_id=x HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {token}\r\nContent-Length: 1000\r\n\r\nx"
        ).encode()
        for _ in range(30):
            opened.enter_context(_connection(served)).sendall(head)
        params = {"content_id": "post/1"}
        deadline = time.monotonic() + 20  # Before the first of them is given up.
        while served.client.post("/v1/scan", params=params, content=drawn(1)).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_report_that_nobody_reads_on_holds_no_connection(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "_ROWS_A_PAGE", 3)
    monkeypatch.setattr(reports, "_PIECE_CHARACTERS", 1)
    with serve() as served:
        for number in range(10):
            one = {"algorithm": "pdq", "value": PDQ, "content_id": f"post/{number}"}
            served.client.post("/v1/lookup", json={"hashes": [one]})
    database.seal_records()  # So that no thread of its own uses a connection.
    (report,) = (one for one in FORMATS if one.name == "jsonl")
    rows = reports._matches(MatchFilter(), show_hashes=False)
    pieces = reports._pieces(report, rows, database.reading)
    pool: Any = database._engine.pool
    read = []
    for piece in pieces:
        assert pool.checkedout() == 0
        read += piece.splitlines()
    assert [json.loads(line)["content_id"] for line in read] == [f"post/{n}" for n in range(10)]


class _StandingStill(Database):
    """A store that answers no write until it is let go."""

    def __init__(self) -> None:
        super().__init__("sqlite:////nowhere")
        self.is_asked, self.let_go = threading.Event(), threading.Event()

    @contextmanager
    def writing(self, actor: str = "", *, background: bool = False) -> Iterator[Session]:
        self.is_asked.set()
        if self.let_go.wait(60):
            raise StoreError("it stood still")
        yield Session()


def test_counting_does_not_wait_for_the_store() -> None:
    store = _StandingStill()
    tally = Tally(store)
    with ThreadPoolExecutor(1) as pool:
        tally.add(date(2026, 1, 1), "clear")
        flushing = pool.submit(tally.flush)
        assert store.is_asked.wait(60)
        # Were it to wait, nobody would ever let the store go.
        tally.add(date(2026, 1, 1), "clear")
        store.let_go.set()
        with pytest.raises(StoreError, match="stood still"):
            flushing.result(60)


def test_load_is_shed_only_for_tokens_that_were_checked(serve: Serve) -> None:
    with serve(service={"queue": 0}) as served:
        served.service.scans._max_jobs = 0
        params = {"content_id": "x"}
        bad = {"Authorization": "Bearer hm_" + "0" * 12 + "_" + "A" * 43}
        with httpx.Client(base_url=served.url, timeout=PATIENCE_S) as client:
            for headers, status in ((bad, 401), ({}, 401), (dict(served.client.headers), 429)):
                answer = client.post("/v1/scan", params=params, content=b"x", headers=headers)
                assert answer.status_code == status


def test_a_token_is_known_only_while_it_is_good_and_remembered(database: Database) -> None:
    import asyncio

    now_s = [0.0]
    authenticator = Authenticator(database, monotonic=lambda: now_s[0])
    good = make_token(database, Scope.SCAN)["Authorization"]
    assert not authenticator.is_known(good, Scope.SCAN)
    asyncio.run(authenticator.admit(good, Scope.SCAN))
    assert authenticator.is_known(good, Scope.SCAN)
    assert not authenticator.is_known(good, Scope.ADMIN)
    assert not authenticator.is_known(good[:-1] + ("A" if good[-1] != "A" else "B"), Scope.SCAN)
    assert not authenticator.is_known(None, Scope.SCAN)
    now_s[0] = 60
    assert not authenticator.is_known(good, Scope.SCAN)
