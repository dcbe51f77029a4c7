"""Lists over HTTP: their facts, and decisions about a quarantined delivery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from hashmatch.store.engine import Database, read_audit_records
from tests.service.serving import Served, quarantine_delivery


@pytest.fixture
def number(served: Served, database: Database, tmp_path: Path) -> int:
    """Number of a quarantined delivery of the list two, which would withdraw 18 of 20 entries."""
    quarantine_delivery(database, tmp_path)
    quarantined: int = _facts(served)["quarantined"]["number"]
    return quarantined


def _facts(served: Served) -> dict[str, Any]:
    lists = served.client.get("/v1/lists").json()["lists"]
    found: dict[str, Any] = next(one for one in lists if one["list"] == "two")
    return found


def _decide(served: Served, verb: str, number: Any, name: str = "two") -> httpx.Response:
    return served.client.post(f"/v1/lists/{name}/{verb}", json={"number": number})


def test_a_quarantined_delivery_is_shown_and_changes_nothing(served: Served, number: int) -> None:
    facts = _facts(served)
    assert facts["entries"] == {"md5": 20}
    assert facts["sync"]["outcome"] == "quarantined"
    shown = facts["quarantined"]
    assert (shown["added"], shown["withdrawn"], shown["changed"]) == (0, 18, 0)
    assert shown["reason"]


def test_an_accepted_delivery_is_applied(served: Served, number: int) -> None:
    answer = _decide(served, "accept", number)
    assert answer.status_code == 200
    assert answer.json() == {"list": "two", "added": 0, "withdrawn": 18, "changed": 0}
    facts = _facts(served)
    assert (facts["entries"], facts["quarantined"]) == ({"md5": 2}, None)


def test_a_rejected_delivery_leaves_the_list_unchanged(served: Served, number: int) -> None:
    answer = _decide(served, "reject", number)
    assert answer.status_code == 200
    assert answer.json() == {"list": "two", "number": number}
    facts = _facts(served)
    assert (facts["entries"], facts["quarantined"]) == ({"md5": 20}, None)


@pytest.mark.parametrize(
    ("verb", "actions"), [("accept", {"list.changed"}), ("reject", {"delivery.rejected"})]
)
def test_the_audit_log_names_the_token_that_decided(
    served: Served, database: Database, number: int, verb: str, actions: set[str]
) -> None:
    with database.reading() as session:
        before = len(list(read_audit_records(session)))
    assert _decide(served, verb, number).status_code == 200
    with database.reading() as session:
        new = list(read_audit_records(session))[before:]
    assert actions <= {one["action"] for one in new}
    assert all(one["actor"].startswith("token ") for one in new)


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_only_the_delivery_that_is_quarantined_is_decided_about_and_only_once(
    served: Served, number: int, verb: str
) -> None:
    assert _decide(served, verb, number + 1).status_code == 404
    assert _decide(served, verb, number, "one").status_code == 404
    assert _decide(served, verb, number, "nobody").status_code == 404
    for wrong in (0, -1, "x", None, 2**31):
        assert _decide(served, verb, wrong).status_code == 400
    assert _facts(served)["quarantined"]["number"] == number
    assert _decide(served, verb, number).status_code == 200
    for again in ("accept", "reject"):
        assert _decide(served, again, number).status_code == 404
