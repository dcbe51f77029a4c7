"""Content of own banks: added, disabled and withdrawn, at once and on record."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from hashmatch.config import Settings
from hashmatch.errors import IndexFolderError
from hashmatch.store.engine import Database
from tests.imagery import holds_a_piece, pieces_of
from tests.lists.loopback import Answer, Request, Service, serving
from tests.pictures import drawn, encoded, hashes_of
from tests.service.conftest import Serve
from tests.service.curation import actions, look_up
from tests.service.serving import Served
from tests.service.test_hma import VIDEO, VIDEO_MD5

PDQ = hashes_of(5, "pdq")["pdq"].value.hex()
YEAR_S = 365 * 86_400


def _add(served: Served, data: bytes, field: str = "photo", **fields: str) -> httpx.Response:
    files = {field: ("a.jpg", data, "image/jpeg")}
    return served.client.post("/c/bank/OWN/content", files=files, data=fields)


def _uniform() -> bytes:
    return encoded(Image.new("RGB", (300, 200), (90, 90, 90)))


def test_a_file_that_was_added_is_matched_by_the_next_lookup(own: Served) -> None:
    assert look_up(own, PDQ) == {}
    answer = _add(own, drawn(5), note="seen again")
    assert answer.status_code == 200
    added = answer.json()
    assert added["signals"] == {"pdq": PDQ}
    match = {"bank_content_id": added["id"], "distance": "0"}
    assert look_up(own, PDQ) == {"OWN": [match]}
    again = encoded(Image.open(io.BytesIO(drawn(5))), "PNG")
    found = own.client.post("/m/lookup", files={"photo": again}).json()
    assert list(found["pdq"]) == ["OWN"]
    shown = own.client.get(f"/c/bank/OWN/content/{added['id']}").json()
    assert shown == {
        "bank": {"matching_enabled_ratio": 1.0, "name": "OWN"},
        "disable_until_ts": 1,
        "id": added["id"],
        "original_media_uri": None,
        "note": "seen again",
    }


def test_a_video_is_added_by_its_bytes(own: Served) -> None:
    added = _add(own, VIDEO, "video").json()
    assert added["signals"] == {"video_md5": VIDEO_MD5}
    found = own.client.post("/m/lookup", files={"video": VIDEO}).json()
    assert found["video_md5"]["OWN"][0]["bank_content_id"] == added["id"]


def test_signals_are_added_as_one_entry(own: Served) -> None:
    body = {"pdq": PDQ, "video_md5": VIDEO_MD5, "note": "n"}
    added = own.client.post("/c/bank/OWN/signal", json=body).json()
    assert added["signals"] == {"pdq": PDQ, "video_md5": VIDEO_MD5}
    for found in (look_up(own, PDQ), look_up(own, VIDEO_MD5, "video_md5")):
        assert [one["bank_content_id"] for one in found["OWN"]] == [added["id"]]
    # The same again is another entry, as in HMA.
    other = own.client.post("/c/bank/OWN/content", json={"pdq": PDQ}).json()
    assert other["id"] != added["id"]
    raw = {"signal_type": "pdq", "signal": PDQ}
    matches = own.client.get("/m/raw_lookup", params=raw).json()["matches"]
    assert sorted(matches) == sorted([added["id"], other["id"]])


def test_a_url_is_added_with_its_note(serve: Serve) -> None:
    class Media(Service):
        def answer(self, request: Request, fault: str) -> Answer:
            return Answer(200, drawn(5), {"Content-Type": "image/jpeg"})

    with serving(Media()) as media:
        host = media.url.removeprefix("http://")
        sections = {
            "service": {"fetch_hosts": [host]},
            "outbox": {"private_hosts": ["127.0.0.1"]},
        }
        with serve(**sections) as served:
            served.client.post("/c/banks", json={"name": "OWN"})
            params = {"url": f"{media.url}/5.jpg", "metadata": "{}"}
            body = {"note": "n", "metadata": {"content_id": "c"}}
            first = served.client.post("/c/bank/OWN/content", params=params)
            second = served.client.post("/c/bank/OWN/content", params=params, json=body)
            assert first.json()["signals"] == second.json()["signals"] == {"pdq": PDQ}
            shown = served.client.get(f"/c/bank/OWN/content/{second.json()['id']}").json()
            assert shown["note"] == "n"
            refused = {"url": "https://evil.example/5.jpg"}
            assert served.client.post("/c/bank/OWN/content", params=refused).status_code == 403


@pytest.mark.parametrize(
    ("data", "field", "status"),
    [
        (_uniform(), "photo", 400),
        (_uniform(), "video", 400),
        (drawn(5), "video", 400),
        (b"", "photo", 422),
        (b"", "video", 422),
        (VIDEO, "photo", 415),
        (drawn(5)[:2000], "photo", 422),
        (drawn(5), "unknown", 400),
    ],
)
def test_a_file_that_would_match_others_or_nothing_is_not_added(
    own: Served, database: Database, data: bytes, field: str, status: int
) -> None:
    before = actions(database)
    answer = _add(own, data, field)
    assert (answer.status_code, list(answer.json())) == (status, ["message"])
    assert actions(database) == before


def test_a_file_of_several_frames_is_not_added(own: Served) -> None:
    pictures = [Image.open(io.BytesIO(drawn(seed))).resize((200, 150)) for seed in (5, 6)]
    data = encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=100)
    assert _add(own, data).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {}, {"note": "n"}, {"pdq": "0" * 64}, {"pdq": "f" * 64}, {"pdq": "0" * 60 + "ffff"},
        {"pdq": PDQ[:-1]}, {"pdq": None}, {"pdq": ["a"]}, {"sha256": "0" * 64}, {"nope": "0"},
        {"pdq": PDQ, "note": "x" * 256}, {"pdq": PDQ, "note": 7}, {"pdq": PDQ, "note": "\0"}, [],
        {"pdq": PDQ, "video_md5": "zz"},
    ],
)  # fmt: skip
def test_signals_that_cannot_be_matched_or_match_anything_are_refused(
    own: Served, database: Database, body: Any
) -> None:
    before = actions(database)
    answer = own.client.post("/c/bank/OWN/signal", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["message"])
    assert PDQ not in answer.text
    assert actions(database) == before


def test_content_is_disabled_until_a_time_and_then_matches_by_itself(
    own: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = _add(own, drawn(5)).json()["id"]
    path = f"/c/bank/OWN/content/{number}"
    until = int(time.time()) + 2
    answer = own.client.put(path, json={"disable_until_ts": str(until)})
    assert answer.status_code == 200
    assert set(answer.json()) >= {"collab_metadata", "user_metadata", "note"}
    assert own.client.get(path).json()["disable_until_ts"] == until
    assert look_up(own, PDQ) == {}
    assert own.client.post("/m/lookup", files={"photo": drawn(5)}).json() == {"pdq": {}}
    while time.time() < until:
        time.sleep(0.05)
    assert look_up(own, PDQ)["OWN"][0]["bank_content_id"] == number
    assert own.client.get(path).json()["disable_until_ts"] == 1


def test_content_is_disabled_enabled_and_withdrawn(own: Served, database: Database) -> None:
    number = _add(own, drawn(5)).json()["id"]
    other = _add(own, drawn(6)).json()["id"]
    path = f"/c/bank/OWN/content/{number}"
    for until_ts, is_matched in ((0, False), (0, False), (1, True), (1, True), (1000, True)):
        assert own.client.put(path, json={"disable_until_ts": until_ts}).status_code == 200
        shown = own.client.get(path).json()["disable_until_ts"]
        assert shown == (1 if is_matched else 0)
        found = look_up(own, PDQ).get("OWN", [])
        # It keeps its number, although it is another entry of the index.
        assert [one["bank_content_id"] for one in found] == ([number] if is_matched else [])
    later = int(time.time()) + YEAR_S
    own.client.put(path, json={"disable_until_ts": 0})
    own.client.put(path, json={"disable_until_ts": later})
    assert own.client.get(path).json()["disable_until_ts"] == later
    assert look_up(own, PDQ) == {}
    assert own.client.delete(path).json() == {"deleted": 1}
    assert own.client.delete(path).json() == {"deleted": 0}
    assert own.client.get(path).status_code == 404
    assert own.client.put(path, json={"disable_until_ts": 1}).status_code == 404
    assert look_up(own, PDQ) == {}
    assert own.client.get(f"/c/bank/OWN/content/{other}").status_code == 200
    recorded = {action for action, actor in actions(database) if actor.startswith("token ")}
    assert recorded >= {
        "list.created", "list.changed", "entry.added", "entry.disabled", "entry.enabled",
        "entry.withdrawn",
    }  # fmt: skip


@pytest.mark.parametrize("until_ts", [-1, "x", 1.5, 10**11, [1]])
def test_a_time_that_is_none_or_too_far_is_refused(own: Served, until_ts: Any) -> None:
    number = _add(own, drawn(5)).json()["id"]
    path = f"/c/bank/OWN/content/{number}"
    answer = own.client.put(path, json={"disable_until_ts": until_ts})
    assert answer.status_code == 400
    assert own.client.put(path, json={}).json()["disable_until_ts"] == 1


def test_content_of_a_list_of_others_is_read_without_its_hash(serve: Serve) -> None:
    with serve() as served:
        query = {"signal_type": "pdq", "signal": hashes_of(1, "pdq")["pdq"].value.hex()}
        (number,) = served.client.get("/m/raw_lookup", params=query).json()["matches"]
        for more in ("", "?include_signals=true"):
            answer = served.client.get(f"/c/bank/ONE/content/{number}{more}")
            assert answer.status_code == 200
            assert set(answer.json()) == {"bank", "disable_until_ts", "id", "original_media_uri"}
        served.client.post("/c/banks", json={"name": "OWN"})
        # Numbers count within their bank.
        assert served.client.get(f"/c/bank/OWN/content/{number}").status_code == 404
        assert served.client.delete(f"/c/bank/OWN/content/{number}").json() == {"deleted": 0}
        assert served.client.get("/c/bank/ONE/content/999999").status_code == 404
        assert served.client.get("/c/bank/ONE/content/x").status_code == 400


def test_no_call_returns_a_hash_of_a_list(own: Served) -> None:
    added = _add(own, drawn(5)).json()
    values = {PDQ} | {one.value.hex() for seed in (1, 2) for one in hashes_of(seed).values()}
    for path in ("/c/banks", "/c/bank/OWN", "/c/bank/ONE", f"/c/bank/OWN/content/{added['id']}"):
        for more in ("", "?include_signals=true&include_metadata=true"):
            text = own.client.get(path + more).text
            assert not any(one in text for one in values)


def test_an_added_file_is_not_stored(own: Served, settings: Settings) -> None:
    secrets = [drawn(seed, "PNG") for seed in (5, 6, 7)]
    for data in secrets:
        assert _add(own, data).status_code == 200
    pieces = pieces_of(secrets)
    files = [path for path in Path(settings.data_dir).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if holds_a_piece(path.read_bytes(), pieces)]


def test_a_change_stays_where_the_index_cannot_follow(
    own: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise IndexFolderError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(own.service.scanner, "follow_lists", fail)
        assert _add(own, drawn(5)).status_code == 200
    own.service.scanner.follow_lists()
    assert "OWN" in look_up(own, PDQ)
