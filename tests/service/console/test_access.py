"""Access to the console: every call under every role, and what is done to sessions and forms."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update

from hashmatch.service.console.app import PARTS
from hashmatch.store.schema import ConsoleSession, utc_now
from hashmatch.store.sessions import read_sessions
from hashmatch.store.tokens import ROLE_SCOPES, Scope, revoke_token, split_token
from tests.service.conftest import Serve
from tests.service.console.signing import Person, form_token_of, signed_in, token_for
from tests.service.serving import Served


class Call(NamedTuple):
    method: str
    path: str
    roles: frozenset[str]
    fields: Mapping[str, str] = MappingProxyType({})


def _roles(*names: str) -> frozenset[str]:
    return frozenset(names)


ALL = frozenset(ROLE_SCOPES)
READERS = _roles("reviewer", "senior", "admin", "auditor")
REVIEWERS = _roles("reviewer", "senior", "admin")
SENIORS = _roles("senior", "admin")
OVERSEERS = _roles("admin", "auditor")
LIST_READERS = _roles("senior", "lists", "admin", "auditor")
KEEPERS = _roles("lists", "admin")
EXPORTERS = _roles("senior", "admin", "auditor")
NOTICE = "/notices/NR-0000-0000-0000"
CALLS = [
    Call("GET", "/", ALL),
    Call("GET", "/queue", READERS),
    Call("GET", "/find", READERS),
    Call("POST", "/queue/next", REVIEWERS),
    Call("POST", "/queue/actions", REVIEWERS, {"do": "assign", "case-1": "1"}),
    Call("POST", "/queue/save", READERS, {"name": "mine"}),
    Call("POST", "/queue/forget", READERS, {"queue": "1"}),
    Call("GET", "/cases/1", READERS),
    Call("POST", "/cases/1/decide", REVIEWERS, {"action": "review", "revision": "1"}),
    Call("POST", "/cases/1/change", REVIEWERS, {"change": "note", "note": "seen"}),
    Call("POST", "/cases/1/details", _roles("senior")),
    Call("GET", "/cases/1/hand-over/desk", READERS),
    Call("POST", "/cases/1/hand-over/desk", REVIEWERS, {"revision": "1"}),
    Call("POST", "/cases/1/hand-over/ncmec/details", _roles("senior")),
    Call("POST", "/cases/1/report", SENIORS, {"step": "again"}),
    Call("GET", "/due", READERS),
    Call(
        "POST",
        "/cases/1/duties",
        REVIEWERS,
        {"duty": "appeal", "channel": "court", "appellant": "uploader"},
    ),
    Call(
        "POST",
        "/cases/1/duties",
        SENIORS,
        {"duty": "retention", "retention_class": "report", "note": "a law"},
    ),
    Call("GET", "/notices", READERS),
    Call("POST", "/notices", REVIEWERS, {"content_ids": "post/1"}),
    Call("GET", NOTICE, READERS),
    Call("POST", f"{NOTICE}/parts", REVIEWERS, {"signed": "1"}),
    Call("POST", f"{NOTICE}/work", REVIEWERS, {"copies_found": "1"}),
    Call("POST", f"{NOTICE}/contact", _roles("senior")),
    Call("POST", "/cases/1/look", REVIEWERS, {"evidence": "1", "reason": "unsure"}),
    Call("POST", "/cases/1/pack", EXPORTERS),
    Call("GET", "/outbox", EXPORTERS),
    Call("POST", "/outbox/retry", SENIORS, {"message": "1"}),
    Call("POST", "/outbox/drop", SENIORS, {"message": "1"}),
    Call("GET", "/lists", LIST_READERS),
    Call("POST", "/lists", KEEPERS, {"name": "two"}),
    Call("GET", "/lists/one", LIST_READERS),
    Call("POST", "/lists/one/change", KEEPERS, {"change": "licence", "no_end": "1"}),
    Call("GET", "/lists/one/delivery", LIST_READERS),
    Call("POST", "/lists/one/delivery", KEEPERS, {"number": "1", "decision": "accept"}),
    Call("GET", "/own-lists", LIST_READERS),
    Call("POST", "/own-lists", KEEPERS, {"name": "own"}),
    Call("GET", "/own-lists/own", LIST_READERS),
    Call("POST", "/own-lists/own", KEEPERS, {"change": "add", "hash": "md5:" + "0" * 32}),
    Call("GET", "/allow-lists", LIST_READERS),
    Call("POST", "/allow-lists", KEEPERS, {"name": "ok", "match": "1", "reason": "a logo"}),
    Call("GET", "/allow-lists/ok", LIST_READERS),
    Call("POST", "/allow-lists/ok", KEEPERS, {"change": "disable", "entry": "#1"}),
    Call("GET", "/sharing", LIST_READERS),
    Call("POST", "/sharing", _roles("admin"), {"name": "police", "lists": "own"}),
    Call("GET", "/sharing/consumers/police", LIST_READERS),
    Call("POST", "/sharing/consumers/police", _roles("admin"), {"change": "token"}),
    Call("GET", "/contributions", LIST_READERS),
    Call("POST", "/contributions/1", SENIORS, {"decision": "approve"}),
    Call("POST", "/cases/1/contribute", SENIORS, {"list": "own", "basis": "seen"}),
    Call("GET", "/feedback", LIST_READERS),
    Call("POST", "/feedback/1", KEEPERS, {"decision": "decline", "reason": "checked"}),
    Call("GET", "/reports", EXPORTERS),
    Call("POST", "/reports/file", EXPORTERS, {"format": "transparency"}),
    Call(
        "POST",
        "/reports/regulator",
        EXPORTERS,
        {"regulator": "ofcom", "format": "json", "since": "2026-01-01", "until": "2026-07-01"},
    ),
    Call("POST", "/reports/schedules", SENIORS, {"name": "x", "format": "html", "every": "day"}),
    Call("POST", "/reports/made", EXPORTERS, {"report": "1"}),
    Call("GET", "/safeguards", EXPORTERS),
    Call("GET", "/health", ALL),
    Call("GET", "/audit", OVERSEERS),
    Call("POST", "/audit/verify", OVERSEERS),
    Call("POST", "/audit/export", OVERSEERS),
    Call("GET", "/retention", OVERSEERS),
    Call("POST", "/retention", _roles("admin")),
    Call("GET", "/people", OVERSEERS),
    Call("POST", "/people", _roles("admin"), {"name": "new", "role": "reviewer"}),
    Call("POST", "/people/revoke", _roles("admin"), {"token": "000000000000"}),
    Call("POST", "/people/sign-out", _roles("admin"), {"name": "nobody"}),
    Call("GET", "/preferences", ALL),
    Call("POST", "/preferences", ALL, {"language": "en"}),
    Call("POST", "/sign-out", ALL),
]
# They are for people who have not signed in.
OPEN = {("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/sign-in/oidc"),
        ("GET", "/sign-in/oidc/back")}  # fmt: skip
# Programs of their own, or the end of the session.
SLOW = {"/audit/verify", "/retention", "/sign-out"}


def test_the_table_has_every_call_that_there_is() -> None:
    every = [one for part in PARTS for one in part.router.routes]
    routes = [one for one in every if isinstance(one, APIRoute)]
    there = {(method, one.path) for one in routes for method in one.methods or ()}
    names = (
        ("/cases/1", "/cases/{case}"),
        ("/hand-over/desk", "/hand-over/{name}"),
        ("/hand-over/ncmec", "/hand-over/{name}"),
        ("lists/one", "lists/{name}"),
        ("lists/own", "lists/{name}"),
        ("lists/ok", "lists/{name}"),
        ("/consumers/police", "/consumers/{name}"),
        ("/contributions/1", "/contributions/{number}"),
        ("/feedback/1", "/feedback/{number}"),
        (NOTICE, "/notices/{request_id}"),
    )
    table = set()
    for one in CALLS:
        path = one.path
        for own, pattern in names:
            path = path.replace(own, pattern)
        table.add((one.method, path))
    assert table == there - OPEN


def _ask(person: Person, call: Call, token: str) -> httpx.Response:
    if call.method == "GET":
        return person.get(call.path)
    return person.client.post(call.path, data={"form_token": token, **call.fields})


@pytest.mark.parametrize("role", sorted(ROLE_SCOPES))
def test_each_role_may_do_what_is_its_own_and_nothing_else(desk: Served, role: str) -> None:
    wrong = []
    with signed_in(desk, role=role) as person:
        token = form_token_of(person.get("/preferences").text)
        for call in CALLS:
            if call.method == "POST" and call.path in SLOW and role in call.roles:
                continue
            answer = _ask(person, call, token)
            is_refused = answer.status_code == 403 and "It needs one of" in answer.text
            if is_refused is (role in call.roles) or answer.status_code == 500:
                wrong.append(f"{call.method} {call.path}: {answer.status_code}")
    assert wrong == []


def test_a_page_without_a_session_leads_to_the_sign_in_and_back(desk: Served) -> None:
    with Person(desk) as person:
        for call in CALLS:
            if call.method == "GET":
                answer = person.get(call.path)
                assert answer.status_code == 303
                assert answer.headers["location"].startswith("/console/sign-in?to=%2Fconsole%2F")
        answer = person.sign_in(token_for(desk.database, "ana", "admin"), "/console/cases/2?a=b")
        assert answer.headers["location"] == "/console/cases/2?a=b"


def test_no_form_counts_without_its_token_or_from_another_site(desk: Served) -> None:
    with Person(desk) as person, signed_in(desk, "eve") as other:
        person.sign_in(token_for(desk.database, "ana", Scope))
        own = form_token_of(person.get("/preferences").text)
        foreign = form_token_of(other.get("/preferences").text)
        for call in CALLS:
            if call.method != "POST":
                continue
            for token, headers in (
                ({}, {}),
                ({"form_token": ""}, {}),
                ({"form_token": foreign}, {}),
                ({"form_token": own[:-1] + ("0" if own[-1] != "0" else "1")}, {}),
                ({"form_token": own}, {"Origin": "https://evil.example"}),
                ({"form_token": own}, {"Origin": "null"}),
                ({"form_token": own}, {"Sec-Fetch-Site": "cross-site"}),
                ({"form_token": own}, {"Sec-Fetch-Site": "same-site"}),
            ):
                answer = person.client.post(
                    call.path, data={"x": "1", **call.fields, **token}, headers=headers
                )
                assert answer.status_code == 403, (call.path, token.keys(), headers)
                assert "did not come from a page" in answer.text


def test_no_sign_in_counts_without_the_token_of_its_browser(desk: Served) -> None:
    token = token_for(desk.database, "ana", "admin")
    with Person(desk) as person:
        assert person.client.post("/sign-in", data={"token": token}).status_code == 403
        page = person.get("/sign-in")
        person.client.cookies.clear()
        fields = {"token": token, "form_token": form_token_of(page.text)}
        assert person.client.post("/sign-in", data=fields).status_code == 403
        assert not person.client.cookies.get("hashmatch-session")


@pytest.mark.parametrize(
    "make",
    [
        lambda database: "",
        lambda database: "hm_" + "0" * 12 + "_" + "A" * 43,
        lambda database: token_for(database, "x", "admin")[:-1],
        lambda database: token_for(database, "x", (Scope.SCAN, Scope.METRICS)),
        lambda database: "<script>alert(1)</script>",
    ],
    ids=["empty", "unknown", "cut off", "of a program", "markup"],
)
def test_a_token_that_opens_nothing_is_refused_in_words(desk: Served, make: object) -> None:
    with Person(desk) as person:
        answer = person.sign_in(make(desk.database))  # type: ignore[operator]
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
        assert "<script>alert" not in answer.text
        assert person.get("/queue").status_code == 303


def test_a_session_ends_with_its_sign_out_wherever_its_cookie_is(desk: Served) -> None:
    with signed_in(desk) as person, Person(desk) as thief:
        secret = person.client.cookies["hashmatch-session"]
        thief.client.cookies.set("hashmatch-session", secret)
        assert thief.get("/queue").status_code == 200
        assert person.post("/sign-out").status_code == 303
        assert "hashmatch-session" not in person.client.cookies
        for one in (person, thief):
            assert one.get("/queue").status_code == 303


def test_signing_out_everywhere_ends_all_sessions_of_that_person_only(desk: Served) -> None:
    with (
        signed_in(desk) as first,
        signed_in(desk) as second,
        signed_in(desk, "ben") as other,
    ):
        first.post("/sign-out", everywhere="1")
        assert second.get("/queue").status_code == 303
        assert other.get("/queue").status_code == 200


def test_a_session_that_somebody_fixed_beforehand_is_not_continued(desk: Served) -> None:
    token = token_for(desk.database, "ana", "admin")
    with signed_in(desk, "eve") as attacker, Person(desk) as victim:
        fixed = attacker.client.cookies["hashmatch-session"]
        victim.client.cookies.set("hashmatch-session", fixed)
        victim.sign_in(token)
        secrets = victim.client.cookies.jar
        assert any(one.value != fixed for one in secrets if one.name == "hashmatch-session")
        # The session that was fixed is over, for both.
        assert attacker.get("/queue").status_code == 303


def test_a_session_ends_with_its_token(desk: Served) -> None:
    token = token_for(desk.database, "ana", "admin")
    with Person(desk) as person:
        person.sign_in(token)
        assert person.get("/queue").status_code == 200
        parts = split_token(token)
        assert parts
        with desk.database.writing() as session:
            revoke_token(session, parts[0])
        assert person.get("/queue").status_code == 303


@pytest.mark.parametrize("column", ["used_at", "ends_at"])
def test_a_session_ends_when_it_was_not_used_and_in_any_case(desk: Served, column: str) -> None:
    with signed_in(desk) as person:
        past = utc_now() - timedelta(hours=1)
        with desk.database.writing() as session:
            session.execute(update(ConsoleSession).values({column: past}))
        assert person.get("/queue").status_code == 303


def test_a_session_that_is_used_stays_and_its_use_is_written(desk: Served) -> None:
    with signed_in(desk) as person:
        recent = utc_now() - timedelta(minutes=29)
        with desk.database.writing() as session:
            session.execute(update(ConsoleSession).values(used_at=recent))
        assert person.get("/queue").status_code == 200
        desk.app.state.console.state.sessions.note_uses()
        with desk.database.reading() as session:
            (found,) = read_sessions(session, "ana", limit=5)
        assert utc_now() - found.used_at < timedelta(minutes=5)


def test_the_store_has_no_secret_of_a_session(desk: Served) -> None:
    path = desk.database.sqlite_path()
    if path is None:
        pytest.skip("read as a file")
    with signed_in(desk) as person:
        secret = person.client.cookies["hashmatch-session"]
        with closing(sqlite3.connect(path)) as connection:
            assert secret not in "\n".join(connection.iterdump())


def test_cookies_are_hidden_from_scripts_and_secure_behind_tls(
    serve: Serve,
) -> None:
    with serve(console={"url": "https://127.0.0.1"}) as served, Person(served) as person:
        page = person.get("/sign-in")
        cookie = page.headers["set-cookie"]
        assert cookie.startswith("__Host-hashmatch-browser=")
        for part in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
            assert part in cookie
        browser = cookie.partition("=")[2].partition(";")[0]
        answer = person.client.post(
            "/sign-in",
            data={
                "form_token": form_token_of(page.text),
                "token": token_for(served.database, "ana", "admin"),
            },
            headers={"Cookie": f"__Host-hashmatch-browser={browser}"},
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-hashmatch-session=")
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/\\evil.example",
        "/console/../v1/cases",
        "javascript:alert(1)",
        "/console/\r\nSet-Cookie: a=b",
        "/elsewhere",
    ],
)
def test_signing_in_leads_to_no_other_place(desk: Served, to: str) -> None:
    with Person(desk) as person:
        answer = person.sign_in(token_for(desk.database, "ana", "admin"), to)
        assert answer.headers["location"] == "/console/"
        assert "set-cookie: a=b" not in str(answer.headers).lower()


def test_every_page_forbids_scripts_of_its_own_and_of_others(desk: Served) -> None:
    with signed_in(desk) as person:
        for path in ("/queue", "/cases/1", "/no-such-page", "/static/console.js"):
            policy = person.get(path).headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy


def test_a_console_that_is_off_is_not_there(serve: Serve) -> None:
    with serve(console={"enabled": False}) as served:
        assert served.anonymous.get("/console/sign-in").status_code == 404
        assert served.anonymous.get("/").status_code == 404
