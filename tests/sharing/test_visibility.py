"""A consumer sees what it may, by list, category and member, and every pull is on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from hashmatch.store.lists import create_list, set_licence
from hashmatch.store.schema import AuditRecord
from hashmatch.store.sharing import create_consumer_token, remove_consumer, save_consumer
from hashmatch.store.tokens import Scope, create_token
from tests.pictures import list_of
from tests.service.serving import PATIENCE_S
from tests.store.importing import import_text

from .conftest import Publisher, Share

ROUTES = (
    "/v1/shared/ours/changes",
    "/sharing/ncmec/ours/v2/status",
    "/sharing/ncmec/ours/v2/members",
    "/sharing/ncmec/ours/v2/entries",
    "/sharing/ncmec/ours/v2/feedback/PDQ/reasons",
    "/taxii2/shared/collections/ours/",
    "/taxii2/shared/collections/ours/objects/",
    "/taxii2/shared/collections/ours/manifest/",
)


def _lines(client: httpx.Client, cursor: str = "", limit: int = 1_000) -> tuple[list[Any], Any]:
    query = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
    answer = client.get("/v1/shared/ours/changes", params=query)
    assert answer.status_code == HTTPStatus.OK, answer.text
    *lines, last = [json.loads(one) for one in answer.text.splitlines()]
    return lines, last["manifest"]


@pytest.mark.parametrize("route", ROUTES)
def test_only_a_token_of_a_consumer_of_the_list_is_answered(
    publisher: Publisher, route: str
) -> None:
    publisher.add(1)
    publisher.publish()
    right = publisher.token()
    with publisher.database.writing() as session:
        create_list(session, "others", kind="own")
        save_consumer(session, "stranger", lists=["others"])
        every = create_token(session, "staff", set(Scope))
        none = create_token(session, "staff", set(Scope) - {Scope.PULL})
    stranger = publisher.token("stranger", lists=["others"])
    statuses = {}
    for name, token in {
        "right": right, "stranger": stranger, "staff": every, "no scope": none,
    }.items():  # fmt: skip
        with publisher.client(token) as client:
            statuses[name] = client.get(route).status_code
    assert statuses == {"right": 200, "stranger": 404, "staff": 403, "no scope": 403}
    assert (
        httpx.get(publisher.served.url + route, timeout=PATIENCE_S).status_code
        == HTTPStatus.UNAUTHORIZED
    )


def test_a_pull_token_opens_nothing_else(publisher: Publisher) -> None:
    with publisher.client(publisher.token()) as client:
        for path in ("/v1/lists", "/v1/cases", "/v1/matches", "/v1/reports?format=csv", "/c/banks"):
            assert client.get(path).status_code == HTTPStatus.FORBIDDEN, path


def test_a_token_is_taken_as_a_password_and_not_as_a_name(publisher: Publisher) -> None:
    token, url = publisher.token(), f"{publisher.served.url}/v1/shared"
    assert httpx.get(url, auth=("anybody", token), timeout=PATIENCE_S).status_code == HTTPStatus.OK
    for credentials in ((token, ""), (token, token[:-1]), ("", "x")):
        assert (
            httpx.get(url, auth=credentials, timeout=PATIENCE_S).status_code
            == HTTPStatus.UNAUTHORIZED
        )


def test_a_consumer_sees_its_categories_only(publisher: Publisher) -> None:
    publisher.add(1, category="A1")
    hidden = publisher.add(2, category="B2")
    publisher.publish()
    with publisher.client(publisher.token(categories=["A1"])) as client:
        lines, _ = _lines(client)
        assert [one["category"] for one in lines] == ["A1"]
        everything = "".join(client.get(one).text for one in ROUTES)
        path = f"/sharing/ncmec/ours/v2/entries/1/{hidden}/PDQ/feedback"
        vote = b"<feedbackSubmission><affirmative/></feedbackSubmission>"
        refused = client.put(path, content=vote)
    assert f'"{hidden}"' not in everything
    assert f"<id>{hidden}</id>" not in everything
    assert refused.status_code == HTTPStatus.NOT_FOUND


def test_what_a_consumer_may_no_longer_see_it_has_to_pull_again(publisher: Publisher) -> None:
    publisher.add(1, category="A1")
    publisher.add(2, category="B2")
    publisher.publish()
    with publisher.client(publisher.token()) as client:
        lines, manifest = _lines(client)
        assert len(lines) == 2
        with publisher.database.writing() as session:
            save_consumer(session, "police", lists=["ours"], categories=["A1"])
        query = {"cursor": manifest["cursor"]}
        answer = client.get("/v1/shared/ours/changes", params=query)
        assert answer.status_code == HTTPStatus.GONE
        lines, _ = _lines(client)
        assert [one["category"] for one in lines] == ["A1"]


def test_withdrawals_go_to_those_who_may_have_the_entry_and_without_its_value(
    publisher: Publisher,
) -> None:
    entry = publisher.add(1, category="A1")
    publisher.add(2, category="B2")
    publisher.publish()
    with (
        publisher.client(publisher.token("first")) as first,
        publisher.client(publisher.token("second", categories=["B2"])) as second,
        publisher.client(publisher.token("third")) as third,
    ):
        cursors = {one: _lines(one)[1]["cursor"] for one in (first, second)}
        publisher.withdraw(entry)
        publisher.publish()
        assert _lines(first, cursors[first])[0] == [{"withdraw": str(entry)}]
        assert _lines(second, cursors[second])[0] == []
        assert [one["category"] for one in _lines(third)[0]] == ["B2"]


def test_an_entry_that_comes_to_a_hidden_category_is_withdrawn(share: Share) -> None:
    sharing = {"lists": {"theirs": {"redistribute": True}}}
    with share(**sharing) as publisher:
        text = "algorithm,value,entry_id,category\nmd5,{:032x},e1,{}\n"
        import_text(publisher.database, "theirs", text.format(1, "A1"))
        publisher.publish()
        token = publisher.token("hotline", lists=["theirs"], categories=["A1"])
        with publisher.client(token) as client:
            first = client.get("/v1/shared/theirs/changes").text.splitlines()
            assert json.loads(first[0])["add"] == "e1"
            cursor = json.loads(first[-1])["manifest"]["cursor"]
            import_text(publisher.database, "theirs", text.format(1, "B2"))
            import_text(publisher.database, "theirs", text.format(1, "C"))
            publisher.publish()
            query = {"cursor": cursor}
            then = client.get("/v1/shared/theirs/changes", params=query).text.splitlines()
        assert json.loads(then[0]) == {"withdraw": "e1"}


def test_a_consumer_sees_its_members_only(share: Share) -> None:
    with share(lists={"theirs": {"redistribute": True}}) as publisher:
        rows = "".join(f"md5,{one:032x},{one}/e{one}\n" for one in range(1, 4))
        import_text(publisher.database, "theirs", f"algorithm,value,entry_id\n{rows}")
        publisher.publish()
        token = publisher.token("hotline", lists=["theirs"], members=["1", "3"])
        with publisher.client(token) as client:
            text = client.get("/v1/shared/theirs/changes").text
            xml = client.get("/sharing/ncmec/theirs/v2/entries").text
        assert [json.loads(one).get("add") for one in text.splitlines()] == ["1/e1", "3/e3", None]
        assert [f"<id>e{one}</id>" in xml for one in range(1, 4)] == [True, False, True]


@pytest.mark.parametrize("kind", ["unnamed", "licensed", "ended", "off"])
def test_what_may_not_be_shared_is_not(share: Share, kind: str) -> None:
    lists: dict[str, Any] = {"theirs": {"redistribute": kind != "licensed"}}
    sections = {"lists": {} if kind == "unnamed" else lists, "enabled": kind != "off"}
    with share(**sections) as publisher:
        import_text(publisher.database, "theirs", list_of(1))
        if kind == "ended":
            with publisher.database.writing() as session:
                set_licence(
                    session,
                    "theirs",
                    licensor=None,
                    end=datetime.now(UTC).date() - timedelta(days=2),
                )
        publisher.publish()
        with publisher.client(publisher.token("hotline", lists=["theirs"])) as client:
            for route in ROUTES:
                answer = client.get(route.replace("ours", "theirs"))
                assert answer.status_code == HTTPStatus.NOT_FOUND, route
            shown = client.get("/v1/shared")
        assert shown.json()["lists"] == []


def test_a_removed_consumer_pulls_no_more(publisher: Publisher) -> None:
    token = publisher.token()
    with publisher.database.writing() as session:
        remove_consumer(session, "police")
    with publisher.client(token) as client:
        assert client.get("/v1/shared").status_code == HTTPStatus.UNAUTHORIZED


def test_every_pull_is_on_the_audit_chain_without_a_value(publisher: Publisher) -> None:
    publisher.add(1)
    publisher.publish()
    with publisher.client(publisher.token()) as client:
        for route in ("/v1/shared/ours/changes", *ROUTES[3:4], *ROUTES[6:7]):
            assert client.get(route).status_code == HTTPStatus.OK
    publisher.database.seal_records()
    with publisher.database.reading() as session:
        pulls = select(AuditRecord.facts).where(AuditRecord.action == "list.pulled")
        found = [json.loads(one) for one in session.scalars(pulls.order_by(AuditRecord.number))]
    assert [one["protocol"] for one in found] == ["feed", "ncmec", "taxii"]
    assert {(one["consumer"], one["list"], one["entries"]) for one in found} == {
        ("police", "ours", 1)
    }


def test_rate_limits_are_of_each_token(publisher: Publisher) -> None:
    with publisher.database.writing() as session:
        save_consumer(session, "hasty", lists=["ours"])
        token = create_consumer_token(session, "hasty", requests_per_minute=2)
    with publisher.client(token) as client:
        statuses = [client.get("/v1/shared").status_code for _ in range(4)]
    assert statuses[:2] == [HTTPStatus.OK] * 2
    assert HTTPStatus.TOO_MANY_REQUESTS in statuses
