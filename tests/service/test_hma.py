"""HMA's clients work by changing an address; none gets "no match" for want of a verdict."""

from __future__ import annotations

import hashlib
import io
from datetime import date

import httpx
import pytest
from PIL import Image

from hashmatch.service.api.hma.words import bank_name
from hashmatch.store.engine import Database
from hashmatch.store.lists import Terms, allow_hash, remove_list, set_licence
from hashmatch.store.tokens import Scope
from hashmatch.synthetic import draw_picture
from tests.imaging.views.altered import as_file, screenshot
from tests.pictures import drawn, encoded, hashes_of, list_of
from tests.scanning import recorded
from tests.service.conftest import Serve
from tests.service.serving import Served, make_token
from tests.store.importing import import_text

PDQ = hashes_of(1, "pdq")["pdq"].value.hex()
OTHER = hashes_of(9, "pdq")["pdq"].value.hex()
MD5 = hashes_of(1, "md5")["md5"].value.hex()
# The beginning of a film, which nothing here decodes.
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 8
VIDEO_MD5 = hashlib.md5(VIDEO).hexdigest()


def _near(value: str, bits: int) -> str:
    """Return a hash that differs in so many bits."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def _get(served: Served, path: str, **query: str) -> httpx.Response:
    return served.client.get(path, params={"signal_type": "pdq", "signal": PDQ, **query})


def _post(served: Served, path: str, data: bytes, field: str = "photo") -> httpx.Response:
    return served.client.post(path, files={field: ("a", data, "application/octet-stream")})


def _animation(*seeds: int) -> bytes:
    first, *others = (draw_picture(seed, 200, 150) for seed in seeds)
    return encoded(first, "GIF", save_all=True, append_images=others, duration=100)


def test_a_client_hashes_a_picture_and_looks_it_up(served: Served) -> None:
    """As HMA's own clients do: hash, look up, look up with distances, within banks."""
    assert served.client.get("/status").text == "I-AM-ALIVE"
    assert _post(served, "/h/hash", drawn(1)).json() == {"pdq": PDQ}
    (content_id,) = _get(served, "/m/raw_lookup").json()["matches"]
    assert isinstance(content_id, int)
    found = _get(served, "/m/raw_lookup", include_distance="true").json()
    assert found == {"matches": [{"bank_content_id": content_id, "distance": "0"}]}
    near = _get(served, "/m/raw_lookup", signal=_near(PDQ, 4), include_distance="true").json()
    assert near == {"matches": [{"bank_content_id": content_id, "distance": "4"}]}
    by_bank = {"ONE": [{"bank_content_id": content_id, "distance": "0"}]}
    assert _get(served, "/m/lookup").json() == by_bank
    assert _post(served, "/m/lookup", drawn(1)).json()["pdq"] == by_bank
    assert _get(served, "/m/raw_lookup", signal=OTHER).json() == {"matches": []}
    assert _get(served, "/m/lookup", signal=OTHER).json() == {}
    assert _post(served, "/m/lookup", drawn(9)).json() == {"pdq": {}}


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_an_exact_match_is_given_as_one_of_the_bytes(
    serve: Serve, database: Database, algorithm: str
) -> None:
    """Clients drop signal types that they do not know, and with them the match."""
    import_text(database, "exact", list_of(5, algorithms=(algorithm,)))
    with serve() as served:
        found = _post(served, "/m/lookup", drawn(5)).json()
        assert set(found) == {"pdq", "video_md5"}
        (match,) = found["video_md5"]["EXACT"]
        assert match["distance"] == "0"
        by_signal = {"signal_type": algorithm, "signal": hashes_of(5)[algorithm].value.hex()}
        assert _get(served, "/m/lookup", **by_signal).json() == {"EXACT": [match]}


def test_the_hash_of_a_picture_s_bytes_is_that_of_a_video(serve: Serve, database: Database) -> None:
    import_text(database, "exact", list_of(1, algorithms=("md5",)))
    with serve() as served:
        assert _post(served, "/h/hash", drawn(1)).json() == {"pdq": PDQ, "video_md5": MD5}
        for name in ("video_md5", "md5"):
            found = _get(served, "/m/lookup", signal_type=name, signal=MD5).json()
            assert list(found) == ["EXACT"]


def test_a_perceptual_match_that_clients_cannot_name_is_given_as_a_near_one(
    serve: Serve, database: Database
) -> None:
    import_text(database, "percept", list_of(5, algorithms=("phash",)))
    with serve() as served:
        found = _post(served, "/m/lookup", drawn(5)).json()
        assert list(found) == ["pdq"]
        assert list(found["pdq"]) == ["PERCEPT"]


def test_no_types_that_a_client_asks_for_hide_a_match(serve: Serve, database: Database) -> None:
    import_text(database, "exact", list_of(5, algorithms=("sha256",)))
    with serve() as served:
        files = {"photo": drawn(5)}
        found = served.client.post("/m/lookup", params={"types": "pdq"}, files=files).json()
        assert "EXACT" in found["video_md5"]
        for types in ("nope", "", ","):
            answer = served.client.post("/m/lookup", params={"types": types}, files=files)
            assert answer.status_code == 400


def test_a_file_whose_hashes_would_not_find_what_it_matches_is_not_hashed(
    serve: Serve, database: Database
) -> None:
    """A client would look its PDQ hash up, find nothing, and take the file for unknown."""
    import_text(database, "exact", list_of(5, algorithms=("sha256",)))
    with serve() as served:
        answer = _post(served, "/h/hash", drawn(5))
        assert answer.status_code == 409
        assert "POST /m/lookup" in answer.json()["message"]
        assert recorded(database) == 1
        assert set(_post(served, "/h/hash", drawn(6)).json()) == {"pdq"}


def test_a_screenshot_of_a_listed_picture_is_not_hashed(served: Served, database: Database) -> None:
    """Its PDQ hash is that of the whole screen, and the list has the picture in it."""
    answer = _post(served, "/h/hash", as_file(screenshot(1)))
    assert answer.status_code == 409
    assert recorded(database) == 1
    assert "ONE" in _post(served, "/m/lookup", as_file(screenshot(1))).json()["pdq"]
    stranger = _post(served, "/h/hash", as_file(screenshot(9))).json()
    assert _get(served, "/m/lookup", signal=stranger["pdq"]).json() == {}


def test_an_allowed_hash_does_not_stand_for_a_file_that_matches_otherwise(
    serve: Serve, database: Database
) -> None:
    """A look-up of the allowed hash is clear; the file matches by its bytes as well."""
    with database.writing() as session:
        value = bytes.fromhex(PDQ)
        allow_hash(session, "harmless", "pdq", value, Terms("ann"), "a known false positive")
    with serve() as served:
        assert _get(served, "/m/lookup").json() == {}
        assert _post(served, "/h/hash", drawn(1)).status_code == 409
        assert _post(served, "/m/lookup", drawn(1)).json()["video_md5"]


def test_an_animation_is_hashed_where_its_first_frame_finds_all(served: Served) -> None:
    clean = _post(served, "/h/hash", _animation(9, 10)).json()
    assert clean == _post(served, "/h/hash", _animation(9, 11)).json()
    assert _post(served, "/h/hash", _animation(9, 1)).status_code == 409
    first = _post(served, "/h/hash", _animation(1, 9)).json()["pdq"]
    assert "ONE" in _get(served, "/m/lookup", signal=first).json()


def test_a_video_is_looked_up_by_its_bytes(serve: Serve, database: Database) -> None:
    import_text(database, "films", f"algorithm,value,entry_id\nmd5,{VIDEO_MD5},v\n")
    with serve() as served:
        assert _post(served, "/h/hash", VIDEO, "video").json() == {"video_md5": VIDEO_MD5}
        found = _post(served, "/m/lookup", VIDEO, "video").json()
        assert found["video_md5"]["FILMS"][0]["distance"] == "0"
        assert _post(served, "/m/lookup", VIDEO + b"x", "video").json() == {"video_md5": {}}
        # As a photo it is none, and was not screened.
        assert _post(served, "/m/lookup", VIDEO + b"x").status_code == 415
        assert _post(served, "/h/hash", VIDEO).status_code == 415


def test_a_picture_that_is_sent_as_a_video_is_screened_as_a_picture(
    serve: Serve, database: Database
) -> None:
    import_text(database, "films", f"algorithm,value,entry_id\nmd5,{VIDEO_MD5},v\n")
    other_bytes = drawn(1, "PNG")
    with serve() as served:
        assert "ONE" in _post(served, "/m/lookup", other_bytes, "video").json()["pdq"]
        assert _post(served, "/m/lookup", drawn(1)[:2000], "video").status_code == 422
        # Its MD5, which is all that is hashed of a video, would find nothing.
        assert _post(served, "/h/hash", other_bytes, "video").status_code == 409


def test_a_video_is_not_clear_where_no_list_has_exact_hashes(
    serve: Serve, database: Database
) -> None:
    import_text(database, "percept", list_of(2))
    with serve() as served:
        with database.writing() as session:
            remove_list(session, "one")
        served.service.scanner.follow_lists()
        for path in ("/m/lookup", "/h/hash"):
            assert _post(served, path, VIDEO, "video").status_code == 503


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
        assert "UK_IWF" in answer.json()["message"]
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
        ({"signal": ""}, 400),
        ({"signal_type": "nonsense"}, 400),
        ({"signal_type": "photodna"}, 400),
        ({"signal_type": "md5", "signal": "0" * 32}, 503),
    ],
)
def test_no_error_of_a_lookup_can_be_read_as_an_answer(
    steady: Served, query: dict[str, str], status: int
) -> None:
    """Policyserv reads the keys of any JSON object as the banks that matched, at any status."""
    answer = _get(steady, "/m/raw_lookup", **query)
    assert (answer.status_code, list(answer.json())) == (status, ["message"])
    answer = _get(steady, "/m/lookup", **query)
    assert answer.status_code == (422 if status == 400 else status)
    (error,) = answer.json()
    assert list(error) == ["message"]


@pytest.mark.parametrize(
    "query",
    ["", "signal_type=pdq", f"signal_type=pdq&signal={PDQ}&signal={PDQ}", "signal=%FF", "banks=X"],
)
def test_no_refusal_of_a_lookup_is_a_json_object(
    steady: Served, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    refused = steady.client.get(f"/m/lookup?{query}")
    assert refused.status_code == 422
    without_token = steady.anonymous.get(f"/m/lookup?signal_type=pdq&signal={PDQ}")
    assert without_token.status_code == 401
    headers = make_token(steady.database, Scope.REVIEW)
    without_scope = steady.anonymous.get("/m/lookup?signal_type=pdq", headers=headers)
    assert without_scope.status_code == 403
    monkeypatch.setattr(steady.service.scanner, "lookup", None)
    defect = steady.client.get(f"/m/lookup?signal_type=pdq&signal={PDQ}")
    assert defect.status_code == 500
    for answer in (refused, without_token, without_scope, defect):
        assert isinstance(answer.json(), list)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("photo", drawn(1)), ("photo", drawn(1))],
        [("photo", drawn(9)), ("video", drawn(1))],
        [("unknown", drawn(1))],
        [("photo", (None, drawn(1)))],
    ],
)
def test_one_file_and_nothing_else_is_hashed(
    steady: Served, files: list[tuple[str, bytes]]
) -> None:
    for path in ("/h/hash", "/m/lookup"):
        assert steady.client.post(path, files=files).status_code == 400


def test_other_fields_of_a_form_are_ignored(steady: Served) -> None:
    for path in ("/h/hash", "/m/lookup"):
        fields = {"content_uri": "https://example.com/o.jpg", "metadata": "{}"}
        answer = steady.client.post(path, files={"photo": drawn(9)}, data=fields)
        assert answer.status_code == 200


def test_a_part_that_is_encoded_is_refused(steady: Served) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--B--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = steady.client.post("/m/lookup", content=body, headers=headers)
    assert answer.status_code == 400
    assert "encoded" in answer.json()["message"]


@pytest.mark.parametrize(
    ("data", "status"), [(b"no picture", 415), (drawn(1)[:2000], 422), (b"", 422)]
)
def test_a_picture_that_cannot_be_hashed_gives_an_error_and_no_hash(
    steady: Served, data: bytes, status: int
) -> None:
    for path in ("/h/hash", "/m/lookup"):
        answer = _post(steady, path, data)
        assert (answer.status_code, list(answer.json())) == (status, ["message"])


def test_a_picture_of_low_quality_is_not_hashed(steady: Served) -> None:
    """HMA answers with an empty hash, which its clients look up and do not find."""
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), (90, 90, 90)).save(stream, "PNG")
    for path in ("/h/hash", "/m/lookup"):
        answer = _post(steady, path, stream.getvalue())
        assert (answer.status_code, list(answer.json())) == (422, ["message"])


@pytest.mark.parametrize("slashes", ["/", "//", "///"])
def test_slashes_at_the_beginning_of_a_path_make_no_difference(
    steady: Served, slashes: str
) -> None:
    for path in (f"m/lookup?signal_type=pdq&signal={OTHER}", "c/banks", "status"):
        answer = steady.client.get(f"{steady.url}{slashes}{path}", follow_redirects=False)
        assert answer.status_code == 200
    assert _post(steady, f"{steady.url}{slashes}h/hash", drawn(9)).status_code == 200
    # Only HMA's calls have several names.
    status = steady.client.get(f"{steady.url}{slashes}healthz").status_code
    assert status == (200 if slashes == "/" else 404)


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
    with database.writing() as session:
        set_licence(session, "one", licensor=None, end=date(2020, 1, 1))
    with serve() as served:
        for answer in (
            _get(served, "/m/lookup", signal=OTHER),
            _get(served, "/m/raw_lookup", signal=OTHER),
            _post(served, "/m/lookup", drawn(9)),
            served.client.get("/status"),
        ):
            assert answer.status_code == 503
        assert served.client.get("/status").text == "INDEX-STALE"
        assert served.client.get("/status/live").status_code == 200


@pytest.mark.parametrize(
    ("name", "bank"),
    [("iwf", "IWF"), ("uk.iwf-2", "UK_IWF_2"), ("a..b-", "A__B_"), ("0x", "0X")],
)
def test_banks_are_named_in_capitals_with_underscores(name: str, bank: str) -> None:
    assert bank_name(name) == bank
