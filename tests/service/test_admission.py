"""Under more than it can do, the service says so at once, and finishes what it took on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor

import pytest

from hashmatch.errors import OverloadedError
from hashmatch.hashes import Level
from hashmatch.imaging import Intake, Reading
from hashmatch.outcome import Reason
from hashmatch.service.http.admission import Buffers, Gate
from hashmatch.store.engine import Database
from hashmatch.store.matches import read_daily_counts
from tests.pictures import drawn
from tests.service.conftest import Serve
from tests.service.serving import Served


class _Held(Intake):
    """An intake that waits until it is let go."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.let_go = threading.Event()

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        assert self.let_go.wait(60)
        return self._intake.read(data, algorithms, level)

    def close(self) -> None:
        self._intake.close()


def _hold(served: Served) -> _Held:
    held = _Held(served.service.scanner._intake)
    served.service.scanner._intake = held
    return held


def test_what_there_is_no_room_for_is_turned_away_and_the_rest_is_finished(
    serve: Serve, database: Database
) -> None:
    intake = {"isolation": "none", "workers": 1}
    with serve(service={"queue": 3}, intake=intake) as served:
        held = _hold(served)

        def scan(number: int) -> tuple[int, dict[str, object], str]:
            params = {"content_id": f"post/{number}"}
            answer = served.client.post("/v1/scan", params=params, content=drawn(9))
            return answer.status_code, answer.json(), answer.headers.get("Retry-After", "")

        with ThreadPoolExecutor(20) as pool:
            futures = [pool.submit(scan, number) for number in range(20)]
            while sum(one.done() for one in futures) < 15:
                threading.Event().wait(0.01)
            # One of them decodes while another is looked up; three wait.
            assert (served.service.scans.running, served.service.scans.waiting) == (2, 3)
            held.let_go.set()
            answers = [one.result() for one in futures]
    assert Counter(status for status, _, _ in answers) == {200: 5, 429: 15}
    for status, body, after in answers:
        if status == 429:
            assert (body["outcome"], body["reason"]) == ("unscreened", Reason.OVERLOADED)
            assert body["content_id"]
            assert after == "1"
        else:
            assert body["outcome"] == "clear"
    with database.reading() as session:
        counts = read_daily_counts(session)
    assert counts == {("clear", ""): 5, ("unscreened", "overloaded"): 15}


def test_bodies_fill_the_memory_that_there_is_for_them_and_no_more(serve: Serve) -> None:
    picture = drawn(9)
    with serve(service={"max_buffered_bytes": len(picture) + 100}) as served:
        held = _hold(served)

        def scan(_: int) -> int:
            params = {"content_id": "x"}
            return served.client.post("/v1/scan", params=params, content=picture).status_code

        with ThreadPoolExecutor(5) as pool:
            futures = [pool.submit(scan, number) for number in range(5)]
            while sum(one.done() for one in futures) < 4:
                threading.Event().wait(0.01)
            assert served.service.buffers.buffered_bytes == len(picture)
            held.let_go.set()
            statuses = [one.result() for one in futures]
        assert Counter(statuses) == {200: 1, 429: 4}
        assert served.service.buffers.buffered_bytes == 0
        assert scan(0) == 200


def test_lookups_are_turned_away_in_their_own_shape(serve: Serve) -> None:
    with serve() as served:
        served.service.lookups._max_jobs = 0
        hashes = [{"algorithm": "pdq", "value": "0" * 64, "content_id": one} for one in "ab"]
        answer = served.client.post("/v1/lookup", json={"hashes": hashes})
        assert answer.status_code == 429
        assert [one["reason"] for one in answer.json()["results"]] == ["overloaded"] * 2
        params = {"signal_type": "pdq", "signal": "0" * 64}
        assert served.client.get("/m/lookup", params=params).status_code == 429


def test_a_gate_lets_in_as_many_as_it_says_and_again_when_they_left() -> None:
    gate = Gate("test", workers=1, queue=1)
    with gate.admitted(), gate.admitted():
        assert (gate.running, gate.waiting) == (1, 1)
        with pytest.raises(OverloadedError), gate.admitted():
            raise AssertionError
    assert (gate.running, gate.waiting) == (0, 0)
    with gate.admitted():
        pass
    gate.close()


def test_buffers_give_back_what_was_taken_whatever_happens() -> None:
    buffers = Buffers(100)
    with pytest.raises(OverloadedError), buffers.reserve() as take:
        take(60)
        with buffers.reserve() as other:
            other(40)
            assert buffers.buffered_bytes == 100
        take(41)
    assert buffers.buffered_bytes == 0
