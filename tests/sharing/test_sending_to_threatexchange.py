"""What ThreatExchange is sent, and how its own errors are understood."""

from __future__ import annotations

import os
from urllib.parse import parse_qsl

import pytest

from hashmatch.cases import CaseAction, contribute
from hashmatch.store.engine import Database
from hashmatch.store.sharing import ContributionFacts
from tests.cases.making import ADMINISTRATOR, act, make_match
from tests.pictures import hashes_of
from tests.sharing.sending import Graph, Platform, graph, values
from tests.store.importing import import_text

__all__ = ["graph"]


@pytest.fixture
def platform(database: Database, graph: Graph) -> Platform:
    """A platform that sends its own list to ThreatExchange."""
    return Platform(database, graph.section)


def _pdq(drawing: int) -> bytes:
    return hashes_of(drawing, "pdq")["pdq"].value


def test_a_descriptor_is_seen_by_the_privacy_group_only(platform: Platform, graph: Graph) -> None:
    platform.section |= {
        "privacy_groups": ["1", "22"], "confidence": 90, "description": "Confirmed by us",
        "tags": {"*": ["hashmatch"], "A1": ["csam", "a1"], "ai-generated": ["generated"]},
    }  # fmt: skip
    platform.add(1, category="A1", tags=("ai-generated", "internal"))
    platform.send()
    assert graph.service.find(_pdq(1)) == {
        "indicator": _pdq(1).hex(),
        "type": "HASH_PDQ",
        "description": "Confirmed by us",
        "share_level": "RED",
        "status": "MALICIOUS",
        "severity": "SEVERE",
        "privacy_type": "HAS_PRIVACY_GROUP",
        "privacy_members": "1,22",
        "confidence": "90",
        "tags": "a1,csam,generated,hashmatch",
    }


@pytest.mark.parametrize(
    ("tlp", "level"),
    [("clear", "AMBER"), ("green", "AMBER"), ("amber", "AMBER"), ("amber+strict", "RED"),
     ("red", "RED")],
)  # fmt: skip
def test_a_marking_is_never_loosened(
    platform: Platform, graph: Graph, tlp: str, level: str
) -> None:
    platform.sharing = {"lists": {"ours": {"tlp": tlp}}}
    platform.add(1)
    platform.send()
    assert graph.service.find(_pdq(1))["share_level"] == level


def test_a_contribution_is_one_that_people_reviewed(platform: Platform, graph: Graph) -> None:
    import_text(platform.database, "one", f"algorithm,value,entry_id\npdq,{_pdq(1).hex()},e1\n")
    case = make_match(platform.database, list_key=2)
    act(platform.database, case, CaseAction.CONFIRM)
    platform.sharing = {"lists": {"ours": {"two_people": False}}}
    platform.section["tags"] = {"ai-generated": ["generated"]}
    facts = ContributionFacts("A1", {}, "GB", "secret-basis", "generated", "secret-note")
    with platform.database.writing() as session:
        contribute(session, platform.settings, case, "ours", ADMINISTRATOR, facts)
    platform.send()
    found = graph.service.find(_pdq(1))
    assert (found["review_status"], found["tags"]) == ("REVIEWED_MANUALLY", "generated")
    # What our people wrote stays here.
    assert not any(b"secret-basis" in one.body or b"note" in one.body for one in graph.requests())


def test_the_token_is_in_the_body_or_in_a_header(platform: Platform, graph: Graph) -> None:
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    platform.send()
    requests = graph.requests()
    assert {one.method for one in requests} == {"POST", "DELETE"}
    for one in requests:
        assert graph.service.token not in f"{one.path}{one.query}"
        in_body = dict(parse_qsl(one.body.decode())).get("access_token")
        in_header = one.headers.get("authorization")
        assert (in_body == graph.service.token) is not (in_header is not None)


def test_other_settings_reach_descriptors_that_are_there(platform: Platform, graph: Graph) -> None:
    platform.add(1)
    platform.send()
    made = graph.service.made
    platform.section["tags"] = {"*": ["new"]}
    platform.send()
    assert graph.service.find(_pdq(1))["tags"] == "new"
    # The same descriptors.
    assert graph.service.made == made
    graph.requests()
    platform.section["timeout_s"] = 7.0
    platform.send()
    assert graph.requests() == []


@pytest.mark.parametrize("code", [4, 17, 32, 341, 368, 613, 80_004])
def test_it_waits_when_it_is_asked_to(platform: Platform, graph: Graph, code: int) -> None:
    graph.service.faults = [f"graph:{code}"]
    platform.add(1)
    sent = platform.send()
    assert not sent.is_blocked
    assert f"error {code}" in sent.problem
    assert len(graph.requests()) == 1
    platform.wait()
    platform.send()
    assert graph.has() == values(1)


@pytest.mark.parametrize("code", [190, 102, 10, 200, 299])
def test_an_expired_token_stops_it_and_loses_nothing(
    platform: Platform, graph: Graph, code: int
) -> None:
    graph.service.faults = [f"graph:{code}"]
    platform.add(1)
    sent = platform.send()
    assert sent.is_blocked
    assert "access token" in sent.problem
    assert "secret-text" not in str(platform.facts()) + str(platform.unsent())
    platform.wait()
    platform.send()
    assert graph.has() == values(1)


def test_a_token_that_was_replaced_is_read_again(
    platform: Platform, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_GRAPH_TOKEN", "12345678|secret-of-last-year")
    platform.add(1)
    assert platform.send().is_blocked
    monkeypatch.setenv("TEST_GRAPH_TOKEN", graph.service.token)
    platform.wait()
    platform.send()
    assert graph.has() == values(1)
    assert os.environ["TEST_GRAPH_TOKEN"] not in str(platform.audited())


@pytest.mark.parametrize("fault", ["graph:1", "graph:2", "graph:190:500", "graph:7:503", "garbage"])
def test_a_failure_of_the_server_is_one(platform: Platform, graph: Graph, fault: str) -> None:
    graph.service.faults = [fault]
    platform.add(1)
    if fault == "graph:190:500":
        platform.send()
    else:
        assert platform.send().counts == {"failed": 1}
    platform.wait()
    platform.send()
    assert graph.has() == values(1)


def test_usage_that_is_nearly_used_up_is_waited_for(platform: Platform, graph: Graph) -> None:
    graph.service.faults = ["used up"]
    for drawing in (1, 2):
        platform.add(drawing)
    platform.send()
    assert len(graph.has()) < len(values(1, 2))
    assert platform.facts()["state"] == "paused"
    platform.wait()
    platform.send()
    assert graph.has() == values(1, 2)


def test_a_hash_that_it_refuses_is_named_by_its_code(platform: Platform, graph: Graph) -> None:
    graph.service.refuses = {_pdq(1).hex()}
    entry = platform.add(1)
    platform.send()
    (refused,) = platform.unsent()
    assert refused["reason"] == "127.0.0.1: error 100 of the Graph API"
    # The entry's other hashes are there, and are withdrawn with it.
    assert graph.has() == values(1) - {_pdq(1).hex()}
    platform.withdraw(entry)
    platform.send()
    assert graph.has() == set()


def test_nobody_sees_a_hash_that_is_withdrawn_without_its_id(
    platform: Platform, graph: Graph
) -> None:
    graph.service.faults = ["before"]
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    platform.wait()
    platform.send()
    assert graph.has() == set()
    assert graph.service.seen == set()


def test_a_descriptor_that_others_deleted_is_withdrawn(platform: Platform, graph: Graph) -> None:
    entry = platform.add(1)
    platform.send()
    graph.service.descriptors.clear()
    platform.withdraw(entry)
    assert platform.send().counts == {"withdrawn": 1}
    assert graph.has() == set()
    assert platform.unsent() == []


def test_a_deletion_that_is_not_permitted_is_not_taken_for_done(
    platform: Platform, graph: Graph
) -> None:
    entry = platform.add(1)
    platform.send()
    platform.withdraw(entry)
    # Its words for an object that is not there, or that one may not see.
    graph.service.faults = ["gone", "graph:200"]
    assert platform.send().is_blocked
    assert platform.facts()["waiting"] == 1
    assert graph.has() == values(1)
    graph.service.faults = ["gone", "", "gone"]
    platform.wait()
    assert platform.send().counts == {"refused": 1}
    assert len(graph.has()) == 1
