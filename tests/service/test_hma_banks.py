"""Banks: all are read, and only the operator's own are created and removed."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hashmatch.errors import StoreUnreachableError
from hashmatch.lists import FileSource, find_format, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.lists import ALLOW, create_list, remove_list, set_licence
from tests.pictures import drawn, hashes_of, list_of
from tests.service.conftest import Serve
from tests.service.curation import actions, look_up
from tests.service.serving import Served
from tests.store.importing import import_text

PDQ = hashes_of(5, "pdq")["pdq"].value.hex()
YEAR_S = 365 * 86_400


def test_every_list_that_is_matched_is_a_bank(serve: Serve, database: Database) -> None:
    import_text(database, "uk.iwf", list_of(2))
    with database.writing() as session:
        create_list(session, "harmless", kind=ALLOW)
    with serve() as served:
        found = served.client.get("/c/banks")
        ratios = [("ONE", 1.0), ("UK_IWF", 1.0)]
        assert [(one["name"], one["matching_enabled_ratio"]) for one in found.json()] == ratios
        # The Ruby client refuses a ratio that is not written as a decimal.
        assert '"matching_enabled_ratio":1.0' in found.text
        assert served.client.get("/c/bank/UK_IWF").json() == found.json()[1]
        for name in ("HARMLESS", "uk.iwf", "UK-IWF", "NOPE", "x" * 300):
            answer = served.client.get(f"/c/bank/{name}")
            assert answer.status_code == 404
            assert "not found" in answer.json()["message"]


@pytest.mark.parametrize("error", [StoreUnreachableError("it is away"), OSError()])
def test_only_a_bank_that_is_not_there_is_not_found(
    served: Served, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Coop deletes its own bank at a 404."""

    def fail(*_: object) -> None:
        raise error

    assert served.anonymous.get("/c/bank/ONE").status_code == 401
    monkeypatch.setattr("hashmatch.service.api.hma.banks.read_lists", fail)
    assert served.client.get("/c/bank/ONE").status_code in (500, 503)


def test_a_bank_whose_licence_ended_is_not_matched(served: Served, database: Database) -> None:
    with database.writing() as session:
        set_licence(session, "one", licensor=None, end=date(2020, 1, 1))
    assert served.client.get("/c/bank/ONE").json()["matching_enabled_ratio"] == 0.0


@pytest.mark.parametrize("ratio", [{}, {"enabled_ratio": 1}, {"enabled_ratio": "0.5"}])
def test_a_bank_is_created_and_always_matched(served: Served, ratio: dict[str, Any]) -> None:
    body = {"name": "COOP_ORG1_TEST__BANK_", "enabled": "true", **ratio}
    answer = served.client.post("/c/banks", json=body)
    assert answer.status_code == 201
    shown = {"matching_enabled_ratio": 1.0, "name": "COOP_ORG1_TEST__BANK_"}
    assert answer.json() == shown
    assert served.client.get("/c/bank/COOP_ORG1_TEST__BANK_").json() == shown
    put = served.client.put("/c/bank/COOP_ORG1_TEST__BANK_", json={"enabled_ratio": 0.5})
    assert (put.status_code, put.json()) == (200, shown)
    assert served.client.put("/c/bank/COOP_ORG1_TEST__BANK_", json={}).json() == shown
    lists = served.client.get("/v1/lists").json()["lists"]
    assert ("coop_org1_test__bank_", "own") in {(one["list"], one["kind"]) for one in lists}


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": 1}, {"name": ""}, {"name": "lower"}, {"name": "_A"}, {"name": "A-B"},
        {"name": "A" * 65}, {"name": "A", "enabled_ratio": "x"}, {"name": "A", "enabled_ratio": 0},
        {"name": "A", "enabled_ratio": -1}, {"name": "A", "enabled_ratio": "nan"}, [], "A",
    ],
)  # fmt: skip
def test_a_bank_that_cannot_be_created_as_asked_is_refused(steady: Served, body: Any) -> None:
    answer = steady.client.post("/c/banks", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


def test_a_name_is_taken_by_any_list(serve: Serve, database: Database) -> None:
    import_text(database, "uk.iwf", list_of(2))
    import_text(database, "former", list_of(2))
    with database.writing() as session:
        create_list(session, "harmless", kind=ALLOW)
        remove_list(session, "former")
    with serve() as served:
        served.client.post("/c/banks", json={"name": "OWN"})
        for name in ("OWN", "ONE", "UK_IWF", "HARMLESS", "FORMER"):
            answer = served.client.post("/c/banks", json={"name": name})
            # The Ruby client looks for these words.
            assert (answer.status_code, "already exists" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "body", [{"enabled_ratio": 0}, {"enabled": False}, {"enabled": "false"}, {"name": "OTHER"}]
)
def test_a_bank_is_neither_switched_off_nor_renamed(own: Served, body: dict[str, Any]) -> None:
    answer = own.client.put("/c/bank/OWN", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


@pytest.mark.parametrize(
    ("method", "path", "arguments"),
    [
        ("PUT", "", {"json": {}}),
        ("DELETE", "", {}),
        ("POST", "/content", {"files": {"photo": drawn(5)}}),
        ("POST", "/content?url=https%3A%2F%2Fmedia.example%2F1.jpg", {}),
        ("POST", "/content", {"json": {"pdq": PDQ}}),
        ("POST", "/signal", {"json": {"pdq": PDQ}}),
        ("PUT", "/content/1", {"json": {"disable_until_ts": 0}}),
        ("DELETE", "/content/1", {}),
    ],
)
def test_a_list_of_others_is_not_changed(
    served: Served, method: str, path: str, arguments: dict[str, Any]
) -> None:
    before = served.client.get("/v1/lists").json()
    answer = served.client.request(method, f"/c/bank/ONE{path}", **arguments)
    assert answer.status_code == 405
    assert "not changed here" in answer.json()["message"]
    assert served.client.get("/v1/lists").json() == before
    answer = served.client.request(method, f"/c/bank/NOPE{path}", **arguments)
    # HMA says that it is done, whether or not there is such a bank.
    assert answer.status_code == (200 if (method, path) == ("DELETE", "") else 404)


def test_a_bank_that_is_deleted_is_not_matched(own: Served, database: Database) -> None:
    own.client.post("/c/bank/OWN/signal", json={"pdq": PDQ})
    assert "OWN" in look_up(own, PDQ)
    for _ in range(2):
        answer = own.client.delete("/c/bank/OWN")
        assert (answer.status_code, answer.json()) == (200, {"message": "Done"})
    assert own.client.get("/c/bank/OWN").status_code == 404
    assert look_up(own, PDQ) == {}
    assert any(one[0] == "list.removed" for one in actions(database))
    # Its name is free again, for an empty bank.
    assert own.client.post("/c/banks", json={"name": "OWN"}).status_code == 201
    assert look_up(own, PDQ) == {}


def test_a_list_of_others_is_an_exchange(
    served: Served, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "two.csv"
    file.write_text(list_of(2))
    sync_list(database, "two", FileSource(file, find_format))
    served.client.post("/c/banks", json={"name": "OWN"})
    assert served.client.get("/c/exchanges/apis").json() == ["hashmatch"]
    schema = served.client.get("/c/exchanges/api/hashmatch/schema").json()
    assert schema == {"config_schema": {"fields": []}, "credentials_schema": None}
    facts = served.client.get("/c/exchanges/api/hashmatch").json()
    assert set(facts.values()) == {False}
    before = served.client.get("/v1/lists").json()
    body = {"bank": "TWO", "api": "hashmatch", "api_json": {}}
    assert served.client.post("/c/exchanges", json=body).status_code == 201
    assert served.client.get("/v1/lists").json() == before
    shown = served.client.get("/c/exchange/TWO").json()
    assert shown == {"name": "TWO", "api": "hashmatch", "enabled": True}
    status = served.client.get("/c/exchange/TWO/status").json()
    assert abs(status.pop("last_fetch_complete_ts") - time.time()) < 600
    assert status == {
        "checkpoint_ts": None,
        "fetched_items": 1,
        "last_fetch_succeeded": True,
        "running_fetch_start_ts": None,
        "up_to_date": True,
    }
    never = served.client.get("/c/exchange/ONE/status").json()
    assert (never["last_fetch_succeeded"], never["up_to_date"]) == (None, False)


def test_no_exchange_is_made_for_an_own_bank_or_of_another_type(own: Served) -> None:
    for bank, api, status in (
        ("OWN", "hashmatch", 404), ("NOPE", "hashmatch", 404), ("ONE", "ncmec", 400),
    ):  # fmt: skip
        body = {"bank": bank, "api": api, "api_json": {}}
        answer = own.client.post("/c/exchanges", json=body)
        assert (answer.status_code, list(answer.json())) == (status, ["message"])
    for path in ("/c/exchange/OWN", "/c/exchange/NOPE/status", "/c/exchanges/api/x/y"):
        assert own.client.get(path).status_code == 404
    assert own.client.get("/c/exchanges/api/ncmec").status_code == 400
