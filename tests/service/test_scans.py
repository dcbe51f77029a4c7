"""`POST /v1/scan` and `/v1/lookup`: a verdict, or a status that cannot be taken for one."""

from __future__ import annotations

import socket
import threading
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from hashmatch.outcome import Reason
from hashmatch.store.engine import Database
from hashmatch.store.schema import Case
from tests.imaging.views.altered import as_file, screenshot
from tests.pictures import drawn, hashes_of
from tests.scanning import recorded
from tests.service.conftest import Serve
from tests.service.serving import Served

SHAPE = {
    "content_id", "outcome", "reason", "action", "media", "hashes", "matches", "allowed",
    "provenance", "elapsed_ms",
}  # fmt: skip


def _scan(served: Served, data: bytes, content_id: str = "post/1", **query: Any) -> httpx.Response:
    params = {"content_id": content_id, **query}
    return served.client.post("/v1/scan", params=params, content=data)


def test_a_listed_picture_is_matched_and_recorded_before_it_is_answered(
    served: Served, database: Database
) -> None:
    answer = _scan(served, drawn(1), reference="s3://bucket/1")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == SHAPE
    assert (body["outcome"], body["action"], body["content_id"]) == ("matched", "block", "post/1")
    assert {one["entry_id"] for one in body["matches"]} == {"e1"}
    rows = served.client.get("/v1/matches").json()["matches"]
    assert {row["match_id"] for row in rows} == {one["match_id"] for one in body["matches"]}
    assert {row["reference"] for row in rows} == {"s3://bucket/1"}


def test_an_unknown_picture_is_clear(served: Served, database: Database) -> None:
    body = _scan(served, drawn(9)).json()
    assert (body["outcome"], body["reason"], body["action"]) == ("clear", None, "allow")
    assert recorded(database) == 0


def test_a_request_may_ask_for_a_level_of_search(served: Served) -> None:
    data = as_file(screenshot(1))
    assert _scan(served, data, level="plain").json()["outcome"] == "clear"
    for query in ({}, {"level": "standard"}, {"level": "thorough"}):
        body = _scan(served, data, **query).json()
        assert [(one["entry_id"], one["view"]) for one in body["matches"]] == [("e1", "part")]


@pytest.mark.parametrize("level", ["deep", "", "PLAIN"])
def test_an_unknown_level_is_refused_and_nothing_is_screened(
    served: Served, database: Database, level: str
) -> None:
    answer = _scan(served, drawn(1), level=level)
    assert answer.status_code == 400
    assert "level" in answer.text
    assert "outcome" not in answer.json()
    assert recorded(database) == 0


def test_the_same_picture_under_the_same_id_gives_the_same_match_once(
    served: Served, database: Database
) -> None:
    first = _scan(served, drawn(1)).json()
    again = _scan(served, drawn(1)).json()
    assert [one["match_id"] for one in again["matches"]] == [
        one["match_id"] for one in first["matches"]
    ]
    assert recorded(database) == len(first["matches"])
    other = _scan(served, drawn(1), "post/2").json()
    assert other["matches"][0]["match_id"] not in {one["match_id"] for one in first["matches"]}


def test_the_same_picture_from_many_at_once_gives_the_same_match_once(
    served: Served, database: Database
) -> None:
    barrier = threading.Barrier(8)
    found: list[set[str]] = []

    def work() -> None:
        barrier.wait()
        body = _scan(served, drawn(1)).json()
        found.append({one["match_id"] for one in body["matches"]})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 8
    assert len({frozenset(one) for one in found}) == 1
    assert recorded(database) == 2


def test_a_file_may_come_in_a_form(served: Served) -> None:
    params = {"content_id": "post/1"}
    files = {"file": ("a.jpg", drawn(1), "image/jpeg")}
    answer = served.client.post("/v1/scan", params=params, files=files)
    assert answer.json()["outcome"] == "matched"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("image", drawn(1))], "the field file"),
        ([("file", drawn(1)), ("file", drawn(1))], "2 parts"),
    ],
)
def test_any_other_form_is_refused(
    steady: Served, files: list[tuple[str, bytes]], words: str
) -> None:
    answer = steady.client.post("/v1/scan", params={"content_id": "x"}, files=files)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [b"", b"--x", b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc",
     b"nothing of the kind", b"--x\r\n" + b"A: b\r\n" * 5000],
)  # fmt: skip
def test_a_malformed_form_is_refused(steady: Served, body: bytes) -> None:
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data"):
        headers = {"Content-Type": kind}
        params = {"content_id": "x"}
        answer = steady.client.post("/v1/scan", params=params, content=body, headers=headers)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"", 422, "empty"),
        (b"no picture", 415, "unsupported"),
        (drawn(1)[:3000], 422, "truncated"),
        (b"x" * 200_001, 413, "too_large"),
        (drawn(1, "BMP"), 413, "too_large"),
    ],
)
def test_what_gets_no_verdict_has_the_same_shape_and_another_status(
    serve: Serve, data: bytes, status: int, reason: str
) -> None:
    with serve(intake={"isolation": "none", "max_bytes": 200_000}) as served:
        answer = _scan(served, data)
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == SHAPE | {"detail"}
    assert (body["outcome"], body["reason"], body["action"]) == ("unscreened", reason, "review")


def test_a_form_that_is_too_large_is_refused_like_a_body(serve: Serve) -> None:
    with serve(intake={"isolation": "none", "max_bytes": 1000}) as served:
        for size in (1001, 200_000):
            params = {"content_id": "x"}
            files = {"file": b"x" * size}
            answer = served.client.post("/v1/scan", params=params, files=files)
            assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


@pytest.mark.parametrize("content_id", ["", "a\0b", "x" * 1001])
def test_a_content_id_that_cannot_be_kept_is_refused(steady: Served, content_id: str) -> None:
    assert _scan(steady, drawn(1), content_id).status_code == 400
    assert steady.client.post("/v1/scan", content=drawn(1)).status_code == 400


def test_hash_values_are_shown_only_to_those_who_may_see_them(served: Served) -> None:
    assert "value" not in _scan(served, drawn(1)).text
    body = _scan(served, drawn(1), show_hashes=True).json()
    values = {one["value"] for one in body["hashes"]}
    assert hashes_of(1, "sha256")["sha256"].value.hex() in values


def _raw(served: Served, *pieces: bytes, wait_s: float = 0.0, end: bool = False) -> bytes:
    """Send bytes as they are, and return the status and body of what comes, if anything does."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        for piece in pieces:
            connection.sendall(piece)
            threading.Event().wait(wait_s)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = HTTPResponse(connection)
        try:
            answer.begin()
        except (RemoteDisconnected, ConnectionResetError):
            return b""
        return f"{answer.status} ".encode() + answer.read()


def _head(served: Served, length: int) -> bytes:
    token = served.client.headers["Authorization"]
    return (
        f"POST /v1/scan?content_id=raw HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_a_body_that_is_cut_short_is_never_screened(served: Served, database: Database) -> None:
    picture = drawn(1)
    answer = _raw(served, _head(served, len(picture) + 10), picture, end=True)
    assert b"clear" not in answer
    assert b'"matched"' not in answer
    assert recorded(database) == 0


def test_a_body_that_does_not_come_in_time_is_unreadable(serve: Serve) -> None:
    with serve(service={"body_timeout_s": 0.2}) as served:
        answer = _raw(served, _head(served, 1000), b"slow", wait_s=1)
    assert answer.startswith(b"422 ")
    assert b'"unreadable"' in answer


def test_a_declared_length_is_not_what_decides(serve: Serve) -> None:
    with serve(intake={"isolation": "none", "max_bytes": 1000}) as served:
        body = _raw(served, _head(served, 10**12), b"x" * 2000)
        assert b'"too_large"' in body
        chunked = _head(served, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        body = _raw(served, chunked, b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")
        assert b'"too_large"' in body


def _value(seed: int) -> str:
    return hashes_of(seed, "pdq")["pdq"].value.hex()


def _look_up(served: Served, *hashes: dict[str, Any]) -> httpx.Response:
    return served.client.post("/v1/lookup", json={"hashes": hashes})


def test_a_body_of_json_is_read_only_of_those_who_may_ask_and_to_a_limit(steady: Served) -> None:
    body = b'{"hashes": [' + b" " * 4_000_000 + b"]}"
    answer = steady.client.post("/v1/lookup", content=body)
    assert answer.status_code == 400
    assert "more than" in answer.json()["detail"]
    anonymous = {"Authorization": "Bearer nobody"}
    assert steady.client.post("/v1/lookup", content=body, headers=anonymous).status_code == 401
    for broken in (b"", b"{", b"\xff", b"[" * 100_000, b'{"hashes": 1e999}'):
        assert steady.client.post("/v1/lookup", content=broken).status_code == 400
    assert steady.service.buffers.buffered_bytes == 0


def test_several_hashes_of_an_image_are_one_item_with_one_case(
    served: Served, database: Database
) -> None:
    unknown, known = ({"algorithm": "pdq", "value": _value(seed)} for seed in (9, 1))
    answer = _look_up(
        served,
        {"hashes": [unknown, known], "content_id": "a"},
        {**known, "content_id": "a"},
        {"hashes": [unknown, {**known, "value": "zz"}], "content_id": "b"},
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["outcome"] for one in results] == ["matched", "matched", "unscreened"]
    assert [len(one["hashes"]) for one in results] == [2, 1, 0]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Case)) == 1
    for wrong in (
        {"content_id": "a"},
        {"hashes": [], "content_id": "a"},
        {**known, "hashes": [known], "content_id": "a"},
        {"quality": 9, "hashes": [known], "content_id": "a"},
        {"algorithm": "pdq", "content_id": "a"},
        {"hashes": [known] * 101, "content_id": "a"},
    ):
        assert _look_up(served, wrong).status_code == 400
    too_many = [{"hashes": [known] * 100, "content_id": "a"}] * 11
    assert _look_up(served, *too_many).status_code == 400


def test_hashes_are_looked_up_each_by_itself_in_their_order(
    served: Served, database: Database
) -> None:
    answer = _look_up(
        served,
        {"algorithm": "pdq", "value": _value(9), "content_id": "a"},
        {"algorithm": "PDQ", "value": _value(1).upper(), "quality": 90, "content_id": "b"},
        {"algorithm": "pdq", "value": "zz", "content_id": "c"},
        {"algorithm": "pdq", "value": _value(2), "quality": 10, "content_id": "d"},
        {"algorithm": "nonsense", "value": "00", "content_id": "e"},
        {"algorithm": "sha256", "value": "00" * 32, "content_id": "f"},
    )
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["content_id"] for one in results] == list("abcdef")
    assert [(one["outcome"], one["reason"]) for one in results] == [
        ("clear", None),
        ("matched", None),
        ("unscreened", "undecodable"),
        ("unscreened", "low_quality"),
        ("unscreened", "undecodable"),
        ("clear", None),
    ]
    assert recorded(database) == 1
    assert _value(1) not in answer.text


def test_a_hash_of_a_kind_that_no_list_holds_is_never_clear(steady: Served) -> None:
    answer = _look_up(steady, {"algorithm": "md5", "value": "00" * 16, "content_id": "a"})
    assert answer.status_code == 503
    (one,) = answer.json()["results"]
    assert (one["outcome"], one["reason"]) == ("unscreened", Reason.NO_ACTIVE_LIST)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hashes": []},
        {"hashes": [{"algorithm": "pdq", "value": "00"}]},
        {"hashes": [{"algorithm": "pdq", "value": "00", "content_id": "", "quality": 1}]},
        {"hashes": [{"algorithm": "pdq", "value": "0", "content_id": "a", "quality": 101}]},
        {"hashes": [{"algorithm": "pdq", "value": "00", "content_id": "a"}] * 1001},
        [],
    ],
)
def test_a_request_of_another_shape_is_refused_and_not_quoted(steady: Served, body: Any) -> None:
    answer = steady.client.post("/v1/lookup", json=body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    secret = {"hashes": [{"algorithm": "pdq", "value": ["feedc0de"], "content_id": "a"}]}
    assert "feedc0de" not in steady.client.post("/v1/lookup", json=secret).text
