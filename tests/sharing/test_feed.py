"""The feed: whole and signed answers count, in bounded pages, however it is interrupted."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hashmatch.audit import make_key, parse_public_keys
from hashmatch.config import SecretSettings
from hashmatch.errors import HashmatchError, ListFileError
from hashmatch.lists.formats import read_feed
from hashmatch.store.lists import OWN, create_list, remove_list

from .conftest import Publisher, Share
from .consuming import consuming


@pytest.fixture
def keys(tmp_path: Path) -> tuple[SecretSettings, str]:
    """A signing key in a file, and its public half."""
    private, public = make_key()
    file = tmp_path / "feed.key"
    file.write_text(private)
    return SecretSettings(file=str(file)), public


def _feed(publisher: Publisher, token: str, **query: str) -> bytes:
    with publisher.client(token) as client:
        answer = client.get("/v1/shared/ours/changes", params=query)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.content


def test_an_outsider_verifies_an_answer_without_our_code(
    share: Share, keys: tuple[SecretSettings, str]
) -> None:
    secret, public = keys
    with share(signing_key=secret.model_dump()) as publisher:
        entry = publisher.add(1, category="A1")
        publisher.publish()
        body = _feed(publisher, publisher.token())
        with publisher.client(publisher.token()) as client:
            assert client.get("/v1/shared").json()["public_key"] == public
    *lines, last = body.splitlines(keepends=True)
    text = last[len(b'{"manifest":') : last.index(b',"key_id"')]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    key.verify(base64.b64decode(json.loads(last)["signature"]), text)
    manifest = json.loads(text)
    assert manifest["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert (manifest["list"], manifest["tlp"], manifest["additions"]) == ("ours", "amber+strict", 1)
    (line,) = map(json.loads, lines)
    assert (line["add"], line["category"]) == (str(entry), "A1")
    assert sorted(line["hashes"]) == ["md5", "pdq", "sha256"]


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "a hash": lambda body: body.replace(b'"pdq":["', b'"pdq":["0', 1),
    "a line more": lambda body: b'{"withdraw":"1"}\n' + body,
    "a line less": lambda body: body.split(b"\n", 1)[1],
    "no manifest": lambda body: b"".join(body.splitlines(keepends=True)[:-1]),
    "half of it": lambda body: body[: len(body) // 2],
    "another list": lambda body: body.replace(b'"list":"ours"', b'"list":"oars"'),
    "another cursor": lambda body: body.replace(b'"complete":true', b'"complete":false'),
    "no signature": lambda body: body[: body.rindex(b'"signature"')] + b'"signature":""}\n',
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_an_answer_that_was_tampered_with_counts_for_nothing(
    share: Share, keys: tuple[SecretSettings, str], change: Callable[[bytes], bytes]
) -> None:
    secret, public = keys
    with share(signing_key=secret.model_dump()) as publisher:
        publisher.add(1)
        publisher.publish()
        body = _feed(publisher, publisher.token())
    trusted = parse_public_keys([public], "here")
    lines, manifest = read_feed(body, "ours", trusted)
    assert len(list(lines)) == 1
    assert manifest.is_complete
    with pytest.raises(ListFileError):
        read_feed(change(body), "ours", trusted)


def test_a_feed_of_another_key_is_refused_and_changes_nothing(
    share: Share, keys: tuple[SecretSettings, str], tmp_path: Path
) -> None:
    secret, public = keys
    _, other = make_key()
    with share(signing_key=secret.model_dump()) as publisher:
        publisher.add(1)
        publisher.publish()
        token, url = publisher.token(), publisher.served.url
        trusting = parse_public_keys([other], "here")
        with consuming(tmp_path / "a", url, token, "feed", trusting) as wrong:
            with pytest.raises(HashmatchError):
                wrong.pull()
            assert wrong.matches(1) == []
        trusting = parse_public_keys([other, public], "here")
        with consuming(tmp_path / "b", url, token, "feed", trusting) as right:
            right.pull()
            assert right.matches(1) == [1]


def test_a_feed_is_read_in_pages_and_goes_on_where_it_was(publisher: Publisher) -> None:
    entries = [str(publisher.add(one)) for one in range(1, 8)]
    publisher.publish()
    token, found, query = publisher.token(), list[str](), {"limit": "3"}
    pages = 0
    while True:
        *lines, last = [json.loads(one) for one in _feed(publisher, token, **query).splitlines()]
        found += [one["add"] for one in lines]
        pages += 1
        query["cursor"] = last["manifest"]["cursor"]
        if last["manifest"]["complete"]:
            break
        # Between two pages somebody goes on working on the list.
        publisher.withdraw(int(entries[6])) if pages == 1 else None
        publisher.publish()
    assert found == entries[:6]
    more = str(publisher.add(9))
    publisher.publish()
    *lines, _ = [json.loads(one) for one in _feed(publisher, token, **query).splitlines()]
    assert [one.get("add") or one["withdraw"] for one in lines] == [entries[6], more]


def test_an_answer_that_says_nothing_new_need_not_be_sent_again(publisher: Publisher) -> None:
    publisher.add(1)
    publisher.publish()
    with publisher.client(publisher.token()) as client:
        first = client.get("/v1/shared/ours/changes")
        headers = {"If-None-Match": first.headers["ETag"]}
        again = client.get("/v1/shared/ours/changes", headers=headers)
        assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
        publisher.add(2)
        publisher.publish()
        then = client.get("/v1/shared/ours/changes", headers=headers)
        assert then.status_code == HTTPStatus.OK


@pytest.mark.parametrize("cursor", ["x", "1.2.3", "1.3.2.1.0", "9" * 40, "1.0.0.0.0.0", "é"])
def test_a_wrong_cursor_is_a_clear_error(publisher: Publisher, cursor: str) -> None:
    with publisher.client(publisher.token()) as client:
        answer = client.get("/v1/shared/ours/changes", params={"cursor": cursor})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "cursor" in answer.json()["detail"]


def test_a_store_that_was_restored_is_pulled_from_the_beginning(publisher: Publisher) -> None:
    publisher.add(1)
    publisher.publish()
    token = publisher.token()
    last = json.loads(_feed(publisher, token).splitlines()[-1])
    revision, since, after, until, moment = last["manifest"]["cursor"].split(".")
    with publisher.client(token) as client:
        for cursor in (
            f"{revision}.{since}.{after}.{until}.{int(moment) - 1}",
            f"{revision}.{int(since) + 5}.{int(after) + 5}.{int(until) + 5}.{moment}",
        ):
            answer = client.get("/v1/shared/ours/changes", params={"cursor": cursor})
            assert answer.status_code == HTTPStatus.GONE, cursor


def test_a_list_that_was_removed_and_made_again_withdraws_what_it_had(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.add(1)
    publisher.publish()
    with consuming(tmp_path, publisher.served.url, publisher.token(), "feed") as consumer:
        consumer.pull()
        with publisher.database.writing() as session:
            remove_list(session, "ours")
        with publisher.database.writing() as session:
            create_list(session, "ours", kind=OWN)
        publisher.add(2)
        publisher.publish()
        consumer.pull()
        assert consumer.matches(1, 2) == [2]
