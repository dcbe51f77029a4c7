"""Access: every call under every scope, with good, bad and missing tokens."""

from __future__ import annotations

import hmac
import logging
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import update

from hashmatch.config import Settings
from hashmatch.store.engine import Database
from hashmatch.store.schema import utc_now
from hashmatch.store.schema.tokens import AccessToken
from hashmatch.store.tokens import Scope, create_token, read_tokens, revoke_token, split_token
from tests.pictures import drawn
from tests.service.conftest import Serve
from tests.service.serving import Served, make_token


class Call(NamedTuple):
    method: str
    path: str
    scopes: set[Scope] | None
    arguments: Mapping[str, Any] = MappingProxyType({})


_HASH = {"algorithm": "pdq", "value": "0" * 64, "content_id": "x"}
_SIGNAL = {"params": {"signal_type": "pdq", "signal": "0" * 64}}
_DECIDING = {Scope.REVIEW, Scope.SENIOR, Scope.ADMIN}
_KEEPERS = {Scope.ADMIN, Scope.LISTS}
_PULLERS = {Scope.PULL}
_NOTICE = "/v1/notices/NR-0000-0000-0000"
_LISTS = Call("GET", "/v1/lists", {*_KEEPERS, Scope.AUDIT})
CALLS = [
    Call("POST", "/v1/scan", {Scope.SCAN}, {"params": {"content_id": "x"}, "content": drawn(9)}),
    Call("POST", "/v1/lookup", {Scope.SCAN}, {"json": {"hashes": [_HASH]}}),
    Call("GET", "/v1/matches", {Scope.REVIEW, Scope.AUDIT}),
    Call("GET", "/v1/reports", {Scope.EXPORT, Scope.AUDIT}),
    Call(
        "GET",
        "/v1/reports/regulators/ofcom",
        {Scope.EXPORT, Scope.AUDIT},
        {"params": {"since": "2026-01-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}},
    ),
    Call("POST", "/v1/prompts", {Scope.SCAN}, {"json": {"prompt": "a quiet picture"}}),
    Call("GET", "/v1/cases", {Scope.REVIEW, Scope.AUDIT}),
    Call("GET", "/v1/cases/1", {Scope.REVIEW, Scope.AUDIT}),
    Call("PATCH", "/v1/cases/1", _DECIDING, {"json": {}}),
    Call("POST", "/v1/cases/1/escalate", {Scope.REVIEW}, {"json": {"to": "desk"}}),
    Call("GET", "/v1/due", {Scope.REVIEW, Scope.AUDIT}),
    Call(
        "POST",
        "/v1/cases/1/references",
        {Scope.REVIEW},
        {"json": {"authority": "NCA", "reference": "r1"}},
    ),
    Call("POST", "/v1/cases/1/deadlines/1", {Scope.REVIEW}, {"json": {}}),
    Call("POST", "/v1/cases/1/measures", {Scope.REVIEW}, {"json": {"restriction": "removal"}}),
    Call("POST", "/v1/cases/1/measures/notified", {Scope.REVIEW}),
    Call("POST", "/v1/cases/1/measures/lifted", {Scope.REVIEW}, {"json": {"note": "x"}}),
    Call("POST", "/v1/cases/1/appeals", {Scope.REVIEW}, {"json": {}}),
    Call(
        "POST",
        "/v1/cases/1/appeals/1",
        {Scope.REVIEW},
        {"json": {"answer": "upheld", "note": "x"}},
    ),
    Call(
        "POST",
        "/v1/cases/1/retention",
        {Scope.SENIOR, Scope.ADMIN},
        {"json": {"retention_class": "report", "note": "x"}},
    ),
    Call("POST", "/v1/cases/1/destroy", {Scope.SENIOR, Scope.ADMIN}, {"json": {"note": "x"}}),
    Call("POST", "/v1/cases/actions", _DECIDING, {"json": {"cases": [1]}}),
    Call("PUT", "/v1/matches/1/details", {Scope.SCAN, Scope.REVIEW}, {"json": {}}),
    Call("POST", "/v1/notices", {Scope.SCAN, Scope.REVIEW}, {"json": {}}),
    Call("GET", "/v1/notices", {Scope.REVIEW, Scope.AUDIT}),
    Call("GET", _NOTICE, {Scope.REVIEW, Scope.AUDIT}),
    Call("POST", f"{_NOTICE}/parts", {Scope.SCAN, Scope.REVIEW}, {"json": {}}),
    Call("PATCH", _NOTICE, {Scope.REVIEW}, {"json": {}}),
    Call("POST", f"{_NOTICE}/close", {Scope.REVIEW}, {"json": {"outcome": "removed"}}),
    Call("GET", f"{_NOTICE}/contact", {Scope.DETAILS}),
    _LISTS,
    Call("POST", "/v1/lists/one/sync", _KEEPERS),
    Call("POST", "/v1/lists/one/accept", _KEEPERS, {"json": {"number": 1}}),
    Call("POST", "/v1/lists/one/reject", _KEEPERS, {"json": {"number": 1}}),
    Call("GET", "/m/raw_lookup", {Scope.SCAN}, _SIGNAL),
    Call("GET", "/m/lookup", {Scope.SCAN}, _SIGNAL),
    Call("POST", "/m/lookup", {Scope.SCAN}, {"files": {"photo": drawn(9)}}),
    Call("POST", "/h/hash", {Scope.SCAN}, {"files": {"photo": drawn(9)}}),
    Call("GET", "/h/hash", {Scope.SCAN}, {"params": {"url": "https://media.example/a.jpg"}}),
    Call("GET", "/c/banks", {Scope.REVIEW, Scope.CURATE}),
    Call("POST", "/c/banks", {Scope.CURATE}, {"json": {"name": "OWN"}}),
    Call("GET", "/c/bank/ONE", {Scope.REVIEW, Scope.CURATE}),
    Call("PUT", "/c/bank/ONE", {Scope.CURATE}, {"json": {}}),
    Call("DELETE", "/c/bank/ONE", {Scope.CURATE}),
    Call("GET", "/c/exchanges/apis", {Scope.REVIEW, Scope.CURATE}),
    Call("GET", "/c/exchanges/api/API", {Scope.REVIEW, Scope.CURATE}),
    Call("GET", "/c/exchanges/api/API/schema", {Scope.REVIEW, Scope.CURATE}),
    Call("POST", "/c/exchanges", {Scope.CURATE}, {"json": {"bank": "ONE", "api": "hashmatch"}}),
    Call("GET", "/c/exchange/ONE", {Scope.REVIEW, Scope.CURATE}),
    Call("GET", "/c/exchange/ONE/status", {Scope.REVIEW, Scope.CURATE}),
    Call("POST", "/c/bank/ONE/content", {Scope.CURATE}, {"files": {"photo": drawn(9)}}),
    Call("POST", "/c/bank/ONE/signal", {Scope.CURATE}, {"json": {"pdq": "0" * 64}}),
    Call("GET", "/c/bank/ONE/content/1", {Scope.REVIEW, Scope.CURATE}),
    Call("PUT", "/c/bank/ONE/content/1", {Scope.CURATE}, {"json": {}}),
    Call("DELETE", "/c/bank/ONE/content/1", {Scope.CURATE}),
    Call("GET", "/v1/shared", _PULLERS),
    Call("GET", "/v1/shared/one/changes", _PULLERS),
    Call("GET", "/v1/shared/one/tags", _PULLERS),
    Call("POST", "/v1/shared/one/evaluate", _PULLERS, {"json": {"blinded": ["AAAA"]}}),
    Call("GET", "/sharing/ncmec/one/v2/status", _PULLERS),
    Call("GET", "/sharing/ncmec/one/v2/members", _PULLERS),
    Call("GET", "/sharing/ncmec/one/v2/entries", _PULLERS),
    Call("GET", "/sharing/ncmec/one/v2/feedback/PDQ/reasons", _PULLERS),
    Call("PUT", "/sharing/ncmec/one/v2/entries/5/6/PDQ/feedback", _PULLERS, {"content": b"<x/>"}),
    Call("GET", "/taxii2/", _PULLERS),
    Call("GET", "/taxii2/shared/", _PULLERS),
    Call("GET", "/taxii2/shared/collections/", _PULLERS),
    Call("GET", "/taxii2/shared/collections/ours/", _PULLERS),
    Call("GET", "/taxii2/shared/collections/ours/objects/", _PULLERS),
    Call("GET", "/taxii2/shared/collections/ours/manifest/", _PULLERS),
    Call("GET", "/taxii2/shared/collections/ours/objects/an-object/", _PULLERS),
    Call("GET", "/taxii2/shared/collections/ours/objects/an-object/versions/", _PULLERS),
    Call("GET", "/taxii2/shared/status/a-status/", _PULLERS),
    Call("GET", "/status", None),
    Call("GET", "/status/live", None),
    Call("GET", "/metrics", {Scope.METRICS}),
    Call("GET", "/healthz", None),
    Call("GET", "/readyz", None),
    Call("GET", "/docs", None),
    Call("GET", "/openapi.json", None),
]


def _ask(served: Served, call: Call, headers: dict[str, str]) -> httpx.Response:
    return served.anonymous.request(call.method, call.path, headers=headers, **call.arguments)


def test_the_table_has_every_call_that_there_is(steady: Served) -> None:
    document = steady.client.get("/openapi.json").json()
    there = {(m.upper(), path) for path, calls in document["paths"].items() for m in calls}
    names = (
        ("/one/", "/{name}/"),
        ("cases/1", "cases/{case}"),
        ("/deadlines/1", "/deadlines/{deadline}"),
        ("/appeals/1", "/appeals/{appeal}"),
        ("NR-0000-0000-0000", "{request_id}"),
        ("/matches/1/", "/matches/{match_id}/"),
        ("/ONE", "/{name}"),
        ("/content/1", "/content/{number}"),
        ("/API", "/{api}"),
        ("/PDQ/", "/{kind}/"),
        ("/5/6/", "/{member}/{entry_id}/"),
        ("/collections/ours/", "/collections/{collection}/"),
        ("/an-object/", "/{object_id}/"),
        ("/regulators/ofcom", "/regulators/{regulator}"),
        ("/a-status/", "/{status_id}/"),
    )
    table = set()
    for one in CALLS:
        path = one.path
        for own, pattern in names:
            path = path.replace(own, pattern)
        table.add((one.method, path))
    assert table - {("GET", "/docs"), ("GET", "/openapi.json")} == there


def test_each_call_accepts_tokens_with_its_scope_and_no_others(
    served: Served, database: Database
) -> None:
    wrong: list[str] = []
    for scope in Scope:
        headers = make_token(database, scope)
        for call in CALLS:
            answer = _ask(served, call, headers)
            is_accepted = call.scopes is None or scope in call.scopes
            if is_accepted is ("WWW-Authenticate" in answer.headers):
                wrong.append(f"{call.method} {call.path} with {scope}: {answer.status_code}")
    assert wrong == []


def _expired(database: Database) -> str:
    token = _token(database)
    parts = split_token(token)
    assert parts
    with database.writing() as session:
        past = utc_now() - timedelta(seconds=1)
        of_id = AccessToken.token_id == parts[0]
        session.execute(update(AccessToken).where(of_id).values(expires_at=past))
    return token


def _revoked(database: Database) -> str:
    token = _token(database)
    parts = split_token(token)
    assert parts
    with database.writing() as session:
        revoke_token(session, parts[0])
    return token


def _token(database: Database) -> str:
    with database.writing() as session:
        return create_token(session, "x", set(Scope))


def _altered(database: Database) -> str:
    token = _token(database)
    return token[:-1] + ("A" if token[-1] != "A" else "B")


BAD = {
    "missing": lambda _: None,
    "empty": lambda _: "",
    "of another kind": lambda database: f"Basic {_token(database)}",
    "without its kind": _token,
    "malformed": lambda _: "Bearer hm_nonsense",
    "cut off": lambda database: f"Bearer {_token(database)[:-1]}",
    "altered": lambda database: f"Bearer {_altered(database)}",
    "never made": lambda _: "Bearer hm_" + "0" * 12 + "_" + "A" * 43,
    "expired": lambda database: f"Bearer {_expired(database)}",
    "revoked": lambda database: f"Bearer {_revoked(database)}",
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_no_call_accepts_a_bad_token(steady: Served, make: Any) -> None:
    authorization = make(steady.database)
    headers = {} if authorization is None else {"Authorization": authorization}
    accepted = []
    for call in CALLS:
        answer = _ask(steady, call, headers)
        is_refused = answer.status_code == 401 and "WWW-Authenticate" in answer.headers
        if call.scopes is not None and not is_refused:
            accepted.append(call.path)
    assert accepted == []


def test_hash_values_need_the_scope_export_too(served: Served, database: Database) -> None:
    for scopes, status in (((Scope.SCAN, Scope.REVIEW), 403), (tuple(Scope), 200)):
        headers = make_token(database, *scopes)
        for call in CALLS[:3]:
            params = {**call.arguments.get("params", {}), "show_hashes": "true"}
            answer = _ask(
                served, call._replace(arguments={**call.arguments, "params": params}), headers
            )
            assert answer.status_code == status


def test_a_revoked_token_is_accepted_for_seconds_at_most(
    serve: Serve, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashmatch.service.http.authentication._CACHE_S", 0.3)
    with serve() as served:
        headers = make_token(database, Scope.ADMIN)
        assert _ask(served, _LISTS, headers).status_code == 200
        parts = split_token(headers["Authorization"].removeprefix("Bearer "))
        assert parts
        with database.writing() as session:
            revoke_token(session, parts[0])
        time.sleep(0.4)
        assert _ask(served, _LISTS, headers).status_code == 401


def test_a_token_that_asks_too_often_has_to_wait(served: Served, database: Database) -> None:
    headers = make_token(database, *Scope, requests_per_minute=3)
    lists = next(one for one in CALLS if one.path == "/v1/lists")
    assert [_ask(served, lists, headers).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = _ask(served, lists, headers)
    assert answer.headers["Retry-After"]
    assert "3 per minute" in answer.json()["detail"]
    # No token has to wait for another.
    assert _ask(served, lists, make_token(database)).status_code == 200


def test_a_scan_that_is_asked_for_too_often_is_unscreened(
    served: Served, database: Database
) -> None:
    header = make_token(database, Scope.SCAN, requests_per_minute=1)
    answers = [
        served.client.post("/v1/scan?content_id=post/1", content=drawn(9), headers=header)
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [200, 429]
    body = answers[1].json()
    assert (body["outcome"], body["reason"]) == ("unscreened", "overloaded")
    assert (body["content_id"], "1 per minute" in body["detail"]) == ("post/1", True)


def test_the_database_does_not_reveal_a_token(settings: Settings, database: Database) -> None:
    token = _token(database)
    secret = token.split("_", 2)[2]
    with closing(sqlite3.connect(settings.data_dir / "hashmatch.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert secret not in dump
    assert secret.encode().hex() not in dump.lower()


def test_the_log_does_not_reveal_a_token(steady: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = make_token(steady.database)
    for call in CALLS:
        _ask(steady, call, headers)
        _ask(steady, call, {"Authorization": headers["Authorization"] + "x"})
    assert headers["Authorization"].split("_", 2)[2] not in caplog.text


def test_the_time_to_refuse_reveals_neither_the_secret_nor_the_id(
    steady: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One comparison in constant time, of hashes of one length, whatever is wrong with a token."""
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def bounded(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr("hashmatch.store.tokens.hmac.compare_digest", bounded)
    lists = next(one for one in CALLS if one.path == "/v1/lists")
    never_made = "hm_" + "0" * 12 + "_" + "A" * 43
    for token in (
        _altered(steady.database),
        never_made,
        _expired(steady.database),
        _revoked(steady.database),
    ):
        compared.clear()
        assert _ask(steady, lists, {"Authorization": f"Bearer {token}"}).status_code == 401
        assert compared == [(32, 32)]


def test_the_last_use_of_a_token_is_shown(served: Served, database: Database) -> None:
    served.client.get("/v1/lists")
    served.service.authenticator.note_uses()
    with database.reading() as session:
        assert max(
            one.last_used_at or utc_now() - timedelta(days=1) for one in read_tokens(session)
        )
        assert any(one.last_used_at is not None for one in read_tokens(session))


def test_only_hosts_that_are_named_are_served(steady: Served) -> None:
    answer = steady.client.get("/healthz", headers={"Host": "evil.example"})
    assert answer.status_code == 400
