"""Notices in the console: from a request with nothing in it to an outcome, and back."""

from __future__ import annotations

import re

import pytest

from hashmatch.service.console.labels import EVENTS
from tests.service.console.signing import Person, signed_in
from tests.service.serving import Served

COMPLETE = {
    "content_ids": "post/1\r\npost/2",
    "urls": "https://platform.example/p/1",
    "signed": "1",
    "good_faith": "1",
    "made_by": "subject",
    "name": "Nobody Real",
    "emails": "nobody@mail.example",
}


def _add(person: Person, **fields: str) -> str:
    answer = person.post("/notices", **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/console").partition("?")[0]


def test_a_request_lacks_parts_until_they_are_added(desk: Served) -> None:
    with signed_in(desk, role="reviewer") as ana:
        path = _add(ana, content_ids="post/1", reference="form-7")
        shown = ana.get("/notices").text
        assert "form-7" in shown
        assert "lacks:" in shown
        rest = {name: COMPLETE[name] for name in ("signed", "good_faith", "emails")}
        assert ana.post(f"{path}/parts", **rest).status_code == 303
        assert "lacks:" not in ana.get("/notices").text
        assert "complete: the clock runs" in ana.get(path).text


def test_places_are_removed_and_the_notice_is_closed_and_opened_again(desk: Served) -> None:
    with signed_in(desk, role="reviewer") as ana:
        path = _add(ana, **COMPLETE)
        request_id = path.rpartition("/")[2]
        assert ana.post(f"{path}/work", **{"place-1": "1"}).status_code == 303
        sent = {"outcome": "removed", "place-2": "1", "place-3": "1", "copies_found": "4"}
        assert ana.post(f"{path}/work", **sent, copies_removed="4").status_code == 303
        facts = desk.client.get(f"/v1/notices/{request_id}").json()
        assert (facts["state"], facts["copies_removed"], facts["in_time"]) == ("removed", 4, True)
        assert all(one["removed_at"] for one in facts["places"])
        assert request_id not in ana.get("/notices").text
        assert request_id in ana.get("/notices", show="closed").text
        assert request_id in ana.get("/notices", content_id="post/2").text
        again = {"outcome": "reopened", "note": "another copy"}
        assert ana.post(f"{path}/work", **again).status_code == 303
        assert request_id in ana.get("/notices").text


def test_an_entry_of_an_own_list_is_named_for_a_place_and_removes_nothing(desk: Served) -> None:
    desk.client.post("/c/banks", json={"name": "OWN"}).raise_for_status()
    with signed_in(desk, role="admin") as ana:
        ana.post("/own-lists/own", change="add", hash="md5:" + "ab" * 16)
        (entry,) = re.findall('name="entry" value="([0-9]+)"', ana.get("/own-lists/own").text)
        path = _add(ana, **COMPLETE)
        listed = {"entry": f"own/{entry}", "place-1": "1"}
        assert ana.post(f"{path}/work", **listed).status_code == 303
        facts = desk.client.get(f"/v1/notices/{path.rpartition('/')[2]}").json()
    assert [one["entry"] for one in facts["places"]] == [f"own/{entry}", None, None]
    assert [one["removed_at"] for one in facts["places"]] == [None, None, None]


def test_who_made_a_request_is_shown_to_few_and_recorded(desk: Served) -> None:
    with signed_in(desk, role="reviewer") as ana, signed_in(desk, "sue", "senior") as sue:
        path = _add(ana, **COMPLETE)
        for shown in (ana.get(path).text, ana.get("/notices").text, sue.get(path).text):
            assert "nobody@mail.example" not in shown
            assert "Nobody Real" not in shown
        assert ana.post(f"{path}/contact").status_code == 403
        assert "nobody@mail.example" in sue.post(f"{path}/contact").text
        assert EVENTS["contact.shown"] in sue.get(path).text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"place-9": "1"},
        {"place-0": "1"},
        {"outcome": "lost"},
        {"outcome": "refused", "reason": "other"},
        {"outcome": "refused", "note": "why"},
        {"outcome": "removed", "reason": "other"},
        {"outcome": "duplicate"},
        {"entry": "own/1"},
        {"entry": "1", "place-1": "1"},
        {"entry": "own/one", "place-1": "1"},
        {"copies_found": "1", "copies_removed": "2"},
        {"copies_found": "many"},
        {"notified_at": "soon"},
    ],
)
def test_a_wrong_form_is_refused_and_records_nothing(desk: Served, fields: dict[str, str]) -> None:
    with signed_in(desk, role="reviewer") as ana:
        path = _add(ana, **COMPLETE)
        before = desk.client.get(f"/v1/notices/{path.rpartition('/')[2]}").json()
        assert ana.post(f"{path}/work", **fields).status_code == 400
        assert desk.client.get(f"/v1/notices/{path.rpartition('/')[2]}").json() == before


def test_a_wrong_request_is_refused_without_quoting_it(desk: Served) -> None:
    with signed_in(desk, role="reviewer") as ana:
        for fields in (
            {"made_by": "a friend"},
            {"urls": "https://a b"},
            {"received": "2999-01-01"},
        ):
            answer = ana.post("/notices", **{**COMPLETE, **fields})
            assert answer.status_code == 400
            assert "nobody@mail.example" not in answer.text
        assert "None." in ana.get("/notices", show="all").text
