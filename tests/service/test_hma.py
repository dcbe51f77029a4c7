"""HMA's clients work by changing an address; none gets "no match" for want of a verdict."""

from __future__ import annotations

import httpx
import pytest

from hashmatch.service.api.hma import bank_name
from hashmatch.store.engine import Database
from hashmatch.store.lists import set_licence
from tests.pictures import drawn, hashes_of, list_of
from tests.scanning import recorded
from tests.service.conftest import Serve
from tests.service.serving import Served
from tests.store.importing import import_text

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()
OTHER = hashes_of(9, "pdq")["pdq"].value.hex()


def _near(value: str, bits: int) -> str:
    """Return a hash that differs in so many bits."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def _get(served: Served, path: str, **query: str) -> httpx.Response:
    return served.client.get(path, params={"signal_type": "pdq", "signal": PDQ, **query})


def test_a_client_hashes_a_picture_and_looks_it_up(served: Served) -> None:
    """As HMA's own clients do: hash, look up, look up with distances, within banks."""
    assert served.client.get("/status").text == "I-AM-ALIVE"
    answer = served.client.post("/h/hash", files={"photo": ("a.jpg", drawn(1), "image/jpeg")})
    assert answer.json() == {"pdq": PDQ}
    (content_id,) = _get(served, "/m/raw_lookup").json()["matches"]
    assert isinstance(content_id, int)
    found = _get(served, "/m/raw_lookup", include_distance="true").json()
    assert found == {"matches": [{"bank_content_id": content_id, "distance": "0"}]}
    near = _get(served, "/m/raw_lookup", signal=_near(PDQ, 4), include_distance="true").json()
    assert near == {"matches": [{"bank_content_id": content_id, "distance": "4"}]}
    by_bank = {"ONE": [{"bank_content_id": content_id, "distance": "0"}]}
    assert _get(served, "/m/lookup").json() == by_bank
    answer = served.client.post("/m/lookup", files={"photo": drawn(1)})
    assert answer.json()["pdq"] == by_bank
    assert _get(served, "/m/raw_lookup", signal=OTHER).json() == {"matches": []}
    assert _get(served, "/m/lookup", signal=OTHER).json() == {}
    assert served.client.post("/m/lookup", files={"photo": drawn(9)}).json() == {"pdq": {}}


def test_banks_are_distinguished_and_filtered(serve: Serve, database: Database) -> None:
    import_text(database, "uk.iwf-2", list_of(1, 3))
    with serve() as served:
        found = _get(served, "/m/lookup").json()
        assert set(found) == {"ONE", "UK_IWF_2"}
        only = _get(served, "/m/lookup", banks="UK_IWF_2").json()
        assert only == {"UK_IWF_2": found["UK_IWF_2"]}
        both = _get(served, "/m/raw_lookup", banks="ONE,UK_IWF_2").json()["matches"]
        assert len(both) == 2
        answer = _get(served, "/m/raw_lookup", banks="UK_IWF")
        assert answer.status_code == 400
        assert "UK_IWF" in answer.json()["detail"]
        assert _get(served, "/m/raw_lookup", banks="").status_code == 400


def test_bank_ids_are_the_same_after_a_restart(serve: Serve) -> None:
    found = []
    for _ in range(2):
        with serve() as served:
            found.append(_get(served, "/m/lookup").json())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"signal": "zz"}, 400),
        ({"signal": PDQ[:-1]}, 400),
        ({"signal_type": "nonsense"}, 400),
        ({"signal_type": "photodna"}, 400),
        ({"signal_type": "md5", "signal": "0" * 32}, 503),
    ],
)
def test_what_cannot_be_looked_up_is_an_error(
    steady: Served, query: dict[str, str], status: int
) -> None:
    for path in ("/m/lookup", "/m/raw_lookup"):
        answer = _get(steady, path, **query)
        assert answer.status_code == status
        assert "matches" not in answer.json()


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("photo", drawn(1)), ("photo", drawn(1))],
        [("video", drawn(1))],
        [("unknown", drawn(1))],
    ],
)
def test_one_photo_and_nothing_else_is_hashed(
    steady: Served, files: list[tuple[str, bytes]]
) -> None:
    for path in ("/h/hash", "/m/lookup"):
        assert steady.client.post(path, files=files).status_code in (400, 415, 422)
    if files:
        assert steady.client.post("/h/hash", files=files).status_code == 400


@pytest.mark.parametrize(
    ("data", "status"), [(b"no picture", 415), (drawn(1)[:2000], 422), (b"", 422)]
)
def test_a_picture_that_cannot_be_hashed_gives_an_error_and_no_hash(
    steady: Served, data: bytes, status: int
) -> None:
    for path in ("/h/hash", "/m/lookup"):
        answer = steady.client.post(path, files={"photo": data})
        assert answer.status_code == status
        assert "pdq" not in answer.json()


def test_no_address_is_fetched(steady: Served) -> None:
    for method, path in (("GET", "/m/lookup"), ("POST", "/m/lookup"), ("POST", "/h/hash")):
        params = {"url": "http://127.0.0.1:1/a.jpg", "signal_type": "pdq", "signal": PDQ}
        answer = steady.client.request(method, path, params=params)
        assert answer.status_code == 403
        assert "URLs are not fetched" in answer.json()["detail"]


def test_matches_are_recorded_under_the_callers_name_or_one_that_hides_the_hash(
    served: Served, database: Database
) -> None:
    _get(served, "/m/lookup", content_id="post/7")
    _get(served, "/m/raw_lookup")
    _get(served, "/m/raw_lookup")
    assert recorded(database) == 2
    names = {row["content_id"] for row in served.client.get("/v1/matches").json()["matches"]}
    assert "post/7" in names
    assert not any(PDQ[:8] in name for name in names)


def test_no_verdict_is_503_and_never_an_empty_answer(serve: Serve, database: Database) -> None:
    from datetime import date

    with database.writing() as session:
        set_licence(session, "one", licensor=None, end=date(2020, 1, 1))
    with serve() as served:
        for answer in (
            _get(served, "/m/lookup", signal=OTHER),
            _get(served, "/m/raw_lookup", signal=OTHER),
            served.client.post("/m/lookup", files={"photo": drawn(9)}),
            served.client.get("/status"),
        ):
            assert answer.status_code == 503
        assert served.client.get("/status/live").status_code == 200


@pytest.mark.parametrize(
    ("name", "bank"), [("iwf", "IWF"), ("uk.iwf-2", "UK_IWF_2"), ("a..b-", "A_B"), ("0x", "0X")]
)
def test_banks_are_named_in_capitals_with_underscores(name: str, bank: str) -> None:
    assert bank_name(name) == bank
