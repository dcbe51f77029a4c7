"""The client: what the service says, and under no fault at all "clear"."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.client import AsyncClient, Client, HashQuery, OutcomeName, Retrying, Verdict
from hashmatch.client.verdicts import read_verdict
from hashmatch.errors import HashmatchError, InputError, ServiceError
from hashmatch.outcome import Reason
from hashmatch.store.engine import Database
from hashmatch.uploaders import make_detail_key
from tests.cases.making import settings_with
from tests.lists.loopback import Answer, Request, Service, serving
from tests.pictures import drawn, hashes_of, list_of
from tests.service.serving import make_token
from tests.service.serving import serving as serving_app
from tests.store.importing import import_text

QUICK = Retrying(attempts=3, wait_s=0.001)
CLEAR: dict[str, Any] = {
    "content_id": "x", "outcome": "clear", "reason": None, "action": "allow", "media": None,
    "hashes": [], "matches": [], "allowed": [], "elapsed_ms": 1.0,
}  # fmt: skip
MATCH = {
    "match_id": "1", "list": "one", "generation": 1, "entry_id": "e1", "algorithm": "pdq",
    "distance_bits": 0, "threshold_bits": 31, "orientation": "original", "frame": 0,
    "view": "full", "category": "A",
}  # fmt: skip

Scan: TypeAlias = Callable[..., Verdict]


def _scan_sync(
    url: str, token: str, *, retrying: Retrying = QUICK, timeout_s: float = 30
) -> Verdict:
    with Client(url, token, retrying=retrying, timeout_s=timeout_s) as client:
        return client.scan(b"data", content_id="x")


def _scan_async(
    url: str, token: str, *, retrying: Retrying = QUICK, timeout_s: float = 30
) -> Verdict:
    async def ask() -> Verdict:
        async with AsyncClient(url, token, retrying=retrying, timeout_s=timeout_s) as client:
            return await client.scan(b"data", content_id="x")

    return asyncio.run(ask())


both = pytest.mark.parametrize("scan", [_scan_sync, _scan_async])


class _Answers(Service):
    """A service that answers with what it is given, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[int, Any]] = []

    def answer(self, request: Request, fault: str) -> Answer:
        status, body = self.given.pop(0) if len(self.given) > 1 else self.given[0]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(status, content, {"Content-Type": "application/json"})


@pytest.fixture
def answers() -> Iterator[_Answers]:
    with serving(_Answers()) as service:
        yield service


@pytest.fixture
def real(database: Database, settings: Any) -> Iterator[tuple[str, str]]:
    import_text(database, "one", list_of(1, 2))
    chosen = settings.model_copy(
        update={"intake": settings.intake.model_copy(update={"isolation": "none"})}
    )
    with serving_app(chosen, database) as served:
        token = make_token(database)["Authorization"].removeprefix("Bearer ")
        yield served.url, token


def test_it_says_what_the_service_says(real: tuple[str, str]) -> None:
    with Client(*real) as client:
        assert client.is_ready()
        clear = client.scan(drawn(9), content_id="post/9")
        assert clear.is_clear
        assert (clear.content_id, clear.outcome) == ("post/9", OutcomeName.CLEAR)
        matched = client.scan(drawn(1), content_id="post/1", reference="r")
        assert not matched.is_clear
        assert [one.entry_id for one in matched.matches] == ["e1"]
        broken = client.scan(drawn(1)[:2000], content_id="post/2")
        assert (broken.outcome, broken.reason) == (OutcomeName.UNSCREENED, Reason.TRUNCATED)
        with pytest.raises(InputError, match="content_id"):
            client.scan(drawn(1), content_id="")
    with Client(real[0], "hm_wrong") as client, pytest.raises(ServiceError, match="status 401"):
        client.scan(drawn(1), content_id="x")


def test_details_of_a_match_are_sent(
    database: Database, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETAIL_KEY", make_detail_key())
    import_text(database, "one", list_of(1, 2))
    chosen = settings_with(
        settings, intake={"isolation": "none"}, cases={"detail_keys": [{"env": "DETAIL_KEY"}]}
    )
    with serving_app(chosen, database) as served:
        token = make_token(database)["Authorization"].removeprefix("Bearer ")
        with Client(served.url, token) as client:
            (match, *_) = client.scan(drawn(1), content_id="post/1").matches
            client.send_details(match.match_id, {"account": {"id": "someone"}})
            for wrong in ("x", "99"):
                with pytest.raises(HashmatchError):
                    client.send_details(wrong, {})
            with pytest.raises(InputError):
                client.send_details(match.match_id, {"account": {"nobody": 1}})

        async def send() -> None:
            async with AsyncClient(served.url, token) as client:
                await client.send_details(match.match_id, {"info": "seen"})

        asyncio.run(send())
        details = served.client.get("/v1/cases/1", params={"details": "true"}).json()["details"]
    assert details == {"info": "seen"}


def test_hashes_are_looked_up_in_parts_and_in_their_order(real: tuple[str, str]) -> None:
    values = {seed: hashes_of(seed, "pdq")["pdq"].value.hex() for seed in (1, 9)}
    queries = [
        HashQuery("pdq", values[1 if number % 500 == 0 else 9], f"post/{number}", 100)
        for number in range(1201)
    ]
    with Client(*real) as client:
        verdicts = client.lookup(queries)
        assert client.lookup([]) == []
    assert [one.content_id for one in verdicts] == [one.content_id for one in queries]
    assert [n for n, one in enumerate(verdicts) if one.matches] == [0, 500, 1000]

    async def ask() -> list[Verdict]:
        async with AsyncClient(*real) as client:
            assert await client.is_ready()
            return await client.lookup(queries[:3])

    assert [one.outcome for one in asyncio.run(ask())] == ["matched", "clear", "clear"]
    assert values[1] not in repr(queries[0])


@both
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_asked_again(answers: _Answers, scan: Scan, status: int) -> None:
    answers.given = [(status, {"detail": "not now"}), (200, CLEAR)]
    assert scan(answers.url, "token").is_clear
    assert len(answers.requests) == 2


@both
@pytest.mark.parametrize("fault", ["reset:0", "reset:10", "slow", "long"])
def test_connections_that_break_are_tried_again(answers: _Answers, scan: Scan, fault: str) -> None:
    timeout_s = 0.5 if fault == "slow" else 30
    answers.given, answers.faults = [(200, CLEAR)], [fault]
    # On a busy machine, answers that are not meant to be slow may be.
    patient = Retrying(attempts=10, wait_s=0.001)
    assert scan(answers.url, "token", retrying=patient, timeout_s=timeout_s).is_clear
    answers.faults = [fault] * 3
    with pytest.raises(ServiceError, match="did not answer"):
        scan(answers.url, "token", timeout_s=timeout_s)


@both
def test_what_does_not_pass_is_unscreened_with_its_reason(answers: _Answers, scan: Scan) -> None:
    body = {**CLEAR, "outcome": "unscreened", "reason": "overloaded", "action": "review"}
    answers.given = [(429, body)]
    verdict = scan(answers.url, "token")
    assert (verdict.outcome, verdict.reason) == (OutcomeName.UNSCREENED, Reason.OVERLOADED)
    assert len(answers.requests) == QUICK.attempts


LIES: list[tuple[int, Any]] = [
    (200, b""),
    (200, b"null"),
    (200, b"[]"),
    (200, b'{"outcome": "clear"}'),
    (200, b"<html>clear</html>"),
    (200, {**CLEAR, "content_id": "another"}),
    (200, {**CLEAR, "reason": "timed_out"}),
    (200, {**CLEAR, "matches": [MATCH]}),
    (200, {**CLEAR, "outcome": "Clear"}),
    (200, {**CLEAR, "outcome": "unscreened"}),
    (200, {**CLEAR, "outcome": "matched"}),
    (200, {**CLEAR, "outcome": True}),
    (422, CLEAR),
    (503, CLEAR),
    (500, CLEAR),
    (302, CLEAR),
    (201, CLEAR),
    (401, CLEAR),
    (404, {"detail": "no such path"}),
]


@both
@pytest.mark.parametrize(("status", "body"), LIES)
def test_anything_else_is_an_error_and_never_clear(
    answers: _Answers, scan: Scan, status: int, body: Any
) -> None:
    answers.given = [(status, body)]
    with pytest.raises(ServiceError):
        scan(answers.url, "token")


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://", "hm_1"), ("localhost:8765", "hm_1"), ("ftp://localhost", "hm_1"),
        ("http://localhost", ""), ("http://localhost", "hm_é"),
        ("http://localhost", "a b"), ("http://localhost", "a\nb"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_can_be_no_service_or_token_is_refused_at_once(
    kind: Any, url: str, token: str
) -> None:
    with pytest.raises(InputError):
        kind(url, token)


def test_a_token_may_come_with_the_end_of_its_line(real: tuple[str, str]) -> None:
    url, token = real
    with Client(url, token + "\n") as client:
        assert client.scan(bytearray(drawn(9)), content_id="post/9").is_clear
        with pytest.raises(InputError):
            client.scan(b"x", content_id="\ud800")


@both
@pytest.mark.parametrize(
    "body",
    [
        json.dumps(CLEAR).replace('"clear"', '"matched", "outcome": "clear"').encode(),
        json.dumps({**CLEAR, "elapsed_ms": float("nan")}).encode(),
        json.dumps({**CLEAR, "elapsed_ms": 10**400}).encode(),
        json.dumps({**CLEAR, "action": "block"}).encode(),
        b"[" * 100_000,
    ],
)
def test_an_answer_that_can_be_read_in_two_ways_is_no_verdict(
    answers: _Answers, scan: Scan, body: bytes
) -> None:
    answers.given = [(200, body)]
    with pytest.raises(ServiceError):
        scan(answers.url, "token")


@both
def test_a_service_that_is_not_there_is_an_error(scan: Scan) -> None:
    with pytest.raises(ServiceError, match="ConnectError"):
        scan("http://127.0.0.1:1", "token")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


altered = given(
    changes=st.dictionaries(st.sampled_from(sorted(CLEAR)), _json, max_size=3),
    dropped=st.sets(st.sampled_from(sorted(CLEAR)), max_size=2),
    status=st.sampled_from([200, 413, 415, 422, 429, 503]),
)


@settings(max_examples=50)
@altered
def test_no_altered_answer_is_clear_unless_it_says_all_that_clear_means(
    changes: dict[str, Any], dropped: set[str], status: int
) -> None:
    _check_altered(changes, dropped, status)


@pytest.mark.long
@settings(max_examples=2000)
@altered
def test_none_of_many_altered_answers_is_clear_unless_it_says_all_that_clear_means(
    changes: dict[str, Any], dropped: set[str], status: int
) -> None:
    _check_altered(changes, dropped, status)


def _check_altered(changes: dict[str, Any], dropped: set[str], status: int) -> None:
    body = {name: value for name, value in {**CLEAR, **changes}.items() if name not in dropped}
    try:
        verdict = read_verdict(status, body, "x", is_one_of_many=False)
    except HashmatchError:
        return
    if verdict.is_clear:
        assert status == 200
        assert (body["outcome"], body["content_id"]) == ("clear", "x")
        assert body["reason"] is None
        assert body["matches"] == []


def test_the_client_loads_nothing_that_only_the_scanner_needs() -> None:
    code = "import sys, hashmatch.client; print([n for n in sys.modules if n in sys.argv[1:]])"
    heavy = ["numpy", "numba", "sqlalchemy", "PIL", "fastapi"]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
