"""Private membership: the partner learns yes or no, the publisher nothing, and nobody a hash."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from sqlalchemy import select
from voprf import ristretto

from hashmatch.audit import make_key
from hashmatch.config import SecretSettings
from hashmatch.errors import ConfigError, HashmatchError, InputError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.lists import add_entry_of
from hashmatch.operations.asking import Publisher as Asked
from hashmatch.operations.asking import exact_hashes
from hashmatch.sharing import Evaluator, Question
from hashmatch.store.schema import AuditRecord
from tests.pictures import drawn, hashes_of

from .conftest import Publisher, Share
from .test_visibility import ROUTES

OWN = [(one, hashes_of(1, one)[one].value) for one in ("md5", "sha256")]
OTHER = [("md5", bytes(16)), ("sha256", bytes(32))]


@pytest.fixture
def private(share: Share, tmp_path: Path) -> Iterator[Publisher]:
    """A publisher with a key of private membership and drawing 1 on its list."""
    file = tmp_path / "membership.key"
    file.write_text(make_key()[0])
    with share(membership_key={"file": str(file)}) as publisher:
        publisher.add(1, category="A1")
        publisher.publish()
        yield publisher


def _token(publisher: Publisher) -> str:
    return publisher.token("archive", is_private=True)


def test_a_partner_learns_which_of_its_hashes_are_listed(private: Publisher) -> None:
    with private.client(_token(private)) as client:
        asked = Asked(client, "ours", {})
        assert asked.read_tags() == 1
        assert asked.has([*OWN, *OTHER]) == [True, True, False, False]
        # Lists do not have hashes under the name of another algorithm.
        assert asked.has([("sha1", OWN[0][1])]) == [False]


def test_a_withdrawn_entry_is_listed_no_more(private: Publisher) -> None:
    entry = private.add(2)
    private.publish()
    md5 = ("md5", hashes_of(2, "md5")["md5"].value)
    token = _token(private)
    for is_listed in (True, False):
        with private.client(token) as client:
            asked = Asked(client, "ours", {})
            asked.read_tags()
            assert asked.has([md5]) == [is_listed]
        private.withdraw(entry)
        private.publish()


def test_a_private_partner_is_given_no_hash_by_any_route(private: Publisher) -> None:
    with private.client(_token(private)) as client:
        for route in ROUTES:
            assert client.get(route).status_code == HTTPStatus.NOT_FOUND, route
        shown = client.get("/v1/shared/ours/tags").text
    for one in hashes_of(1, "pdq", "md5", "sha256").values():
        assert one.value.hex() not in shown
        assert base64.b64encode(one.value).decode() not in shown


def test_the_publisher_is_sent_nothing_that_tells_what_was_asked(private: Publisher) -> None:
    """The same question is different each time, and is no function of the hash alone."""
    first, second = Question.about(OWN), Question.about(OWN)
    assert set(first.blinded).isdisjoint(second.blinded)
    with private.client(_token(private)) as client:
        body = {"blinded": list(first.blinded)}
        assert client.post("/v1/shared/ours/evaluate", json=body).status_code == HTTPStatus.OK
    private.database.seal_records()
    with private.database.reading() as session:
        asked = select(AuditRecord.facts).where(AuditRecord.action == "list.asked")
        (facts,) = [json.loads(one) for one in session.scalars(asked)]
    assert (facts["consumer"], facts["list"], facts["hashes"]) == ("archive", "ours", 2)
    assert set(facts) == {"consumer", "token", "list", "hashes"}


def test_the_functions_values_are_those_of_the_standard(private: Publisher) -> None:
    """As another user of the library computes them, from docs/guides/sharing.md alone."""
    with private.client(_token(private)) as client:
        lines = client.get("/v1/shared/ours/tags").text.splitlines()
        manifest = json.loads(lines[-1])["manifest"]
        blind, element = ristretto.Client.blind(b"md5:" + OWN[0][1])
        question = [base64.b64encode(element.serialize()).decode()]
        answer = client.post("/v1/shared/ours/evaluate", json={"blinded": question}).json()
    output = ristretto.VerifiableOutput.deserialize(base64.b64decode(answer["evaluated"][0]))
    key = ristretto.PublicKey.deserialize(base64.b64decode(manifest["membership_key"]))
    value = blind.finalize(output, key)
    assert base64.b64encode(value[:16]).decode() in json.loads(lines[0])["tags"]


def test_an_answer_by_another_key_is_noticed(private: Publisher, tmp_path: Path) -> None:
    file = tmp_path / "other.key"
    file.write_text(make_key()[0])
    secret = SecretSettings(file=str(file))
    other = private.settings.sharing.model_copy(update={"membership_key": secret})
    right = Evaluator(private.settings.sharing, "ours")
    for wrong in (Evaluator(other, "ours"), Evaluator(private.settings.sharing, "others")):
        question = Question.about(OWN)
        with pytest.raises(InputError, match="publisher"):
            question.answers(wrong.evaluate(question.blinded), right.public_key, right.tags(OWN))


@pytest.mark.parametrize("answer", ["", "AAAA", "é", base64.b64encode(b"\xff" * 96).decode()])
def test_an_answer_that_is_none_is_refused(private: Publisher, answer: str) -> None:
    right = Evaluator(private.settings.sharing, "ours")
    question = Question.about(OWN)
    for answers in ([answer, answer], [answer], []):
        with pytest.raises(InputError, match="publisher"):
            question.answers(answers, right.public_key, right.tags(OWN))


WRONG = {
    "nothing": {"blinded": []},
    "not base64": {"blinded": ["é"]},
    "too short": {"blinded": ["AAAA"]},
    "the identity": {"blinded": [base64.b64encode(bytes(32)).decode()]},
    "no element": {"blinded": [base64.b64encode(b"\xff" * 32).decode()]},
    "too many": {"blinded": [base64.b64encode(bytes(32)).decode()] * 1_001},
    "no object": [],
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_a_wrong_question_is_a_clear_error(private: Publisher, body: object) -> None:
    with private.client(_token(private)) as client:
        answer = client.post("/v1/shared/ours/evaluate", json=body)
    assert answer.status_code == HTTPStatus.BAD_REQUEST, answer.text
    assert answer.json()["detail"]


def test_without_a_key_there_are_no_tags(publisher: Publisher) -> None:
    with publisher.client(publisher.token()) as client:
        answer = client.get("/v1/shared/ours/tags")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "membership_key" in answer.json()["detail"]
    with pytest.raises(ConfigError):
        Evaluator(publisher.settings.sharing, "ours")


def test_files_are_asked_about_by_their_exact_hashes(private: Publisher, tmp_path: Path) -> None:
    listed, other = tmp_path / "a.png", tmp_path / "b.png"
    listed.write_bytes(drawn(1, "PNG"))
    other.write_bytes(drawn(2, "PNG"))
    md5 = dict(exact_hashes(listed))["md5"]
    with private.database.writing() as session:
        add_entry_of(session, "ours", [Hash(ALGORITHMS["md5"], md5)])
    private.publish()
    with private.client(_token(private)) as client:
        asked = Asked(client, "ours", {})
        asked.read_tags()
        assert any(asked.has(exact_hashes(listed)))
        assert not any(asked.has(exact_hashes(other)))


def test_a_publisher_that_refuses_is_a_clear_error(private: Publisher) -> None:
    with private.client("hm_000000000000_" + "x" * 43) as client:
        with pytest.raises(HashmatchError, match="401"):
            Asked(client, "ours", {}).read_tags()
