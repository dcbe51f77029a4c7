"""What a decoding process answers is believed as far as its shape goes, and no further."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from hashmatch.imaging import PoolIntake
from hashmatch.imaging.pool.messages import MessageError, Request, decode_reading
from hashmatch.outcome import Reason
from tests.imaging.pool.pools import ALL, EXACT, claimed_by, make_pool, reason_of
from tests.pictures import drawn

MEDIA = ["PNG", 1, 1, 1]
REQUEST = Request(2, ("pdq",), 100)
HASH = ["pdq", "0" * 64, 100, 0, "original", "full", "full", 0, None, "whole"]


def _answer(**other: object) -> str:
    """Return an answer to request 2 as it should be, but for some of its parts."""
    agreed: dict[str, object] = {
        "number": 2,
        "media": None,
        "hashes": [],
        "failure": None,
        "frames_seen": 1,
        "provenance": None,
    }
    return json.dumps({**agreed, **other})


def _with_hash(place: int, other: object) -> str:
    """Return an answer with one hash, which is right but for one of its columns."""
    row: list[object] = list(HASH)
    row[place] = other
    return _answer(media=MEDIA, hashes=[row])


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "[]",
        "null",
        "[" * 100_000,
        _answer(),
        _answer(number=1),
        _answer(hashes=[HASH]),
        _answer(media=MEDIA),
        _answer(media=MEDIA, hashes=[[*HASH[:3], 1, *HASH[4:]]]),
        _answer(media=MEDIA, hashes=[[*HASH[:5], "inner", *HASH[6:]]]),
        _answer(media=MEDIA, hashes=[HASH], frames_seen=0),
        _answer(media=MEDIA, hashes=[HASH], frames_seen=2),
        _answer(media=MEDIA, hashes=[HASH], frames_seen=True),
        _answer(media=["PNG", True, 1, 1], hashes=[HASH]),
        _answer(media=["PNG", 2**31, 1, 1], hashes=[HASH]),
        _answer(number="2"),
        _answer(media=MEDIA, hashes=[HASH], provenance=7),
        _answer(media=MEDIA, hashes=[HASH], provenance=[["png:parameters"], "fine", None]),
        _answer(media=MEDIA, hashes=[HASH], provenance=[["a prompt"], "none", None]),
        _answer(media=MEDIA, hashes=[HASH], provenance=[[7], "none", None]),
        _answer(media=MEDIA, hashes=[HASH], provenance=[[], "none", 7]),
        _answer(media=MEDIA, hashes=[HASH], provenance=[["png:prompt"] * 101, "none", None]),
        _answer(media=["../../x", 1, 1, 1]),
        _answer(media=["PNG", 0, 1, 1]),
        _answer(media=["PNG", "1", 1, 1]),
        _answer(media=["PNG", 1, 1]),
        _answer(hashes=7),
        _answer(hashes=[[]]),
        _answer(failure=["fine", "x"]),
        _answer(failure=["licence_expired", "x"]),
        _answer(failure="truncated"),
        _with_hash(0, "sha256"),
        _with_hash(0, "nope"),
        _with_hash(1, "00"),
        _with_hash(1, "z" * 64),
        _with_hash(1, "00 " * 21 + "0"),
        _with_hash(2, 101),
        _with_hash(2, True),
        _with_hash(2, "100"),
        _with_hash(3, -1),
        _with_hash(4, "sideways"),
        _with_hash(5, "upside-down"),
        _with_hash(6, "not at all"),
        _with_hash(7, -1),
        _with_hash(8, 101),
        _with_hash(9, "somewhere"),
    ],
)
def test_an_answer_of_another_shape_is_refused(answer: str) -> None:
    """Nothing but hashes of the algorithms asked for, for the image asked about, is believed."""
    with pytest.raises(MessageError):
        decode_reading(answer.encode(), REQUEST)


def test_an_answer_of_the_agreed_shape_is_believed() -> None:
    """Or the answers above would be refused for something else."""
    answer = _answer(media=MEDIA, hashes=[HASH])
    (one,) = decode_reading(answer.encode(), REQUEST).hashes
    assert one.value == bytes(32)
    with closing(make_pool()) as pool:
        assert reason_of(pool.read(drawn(1), ALL)) is None  # This was request 1.
        reading = pool.read(f"answer {answer}".encode(), ALL)
    assert reading.failure is None
    assert [one.value for one in reading.hashes[1:]] == [bytes(32)]


@pytest.mark.parametrize("answer", ["{}", "[" * 5000, _answer(number=0, media=MEDIA)])
def test_a_process_whose_answer_is_refused_has_crashed(obedient: PoolIntake, answer: str) -> None:
    reading = obedient.read(f"answer {answer}".encode(), EXACT)
    assert reason_of(reading) is Reason.DECODER_CRASHED
    assert [one.algorithm.name for one in reading.hashes] == ["sha256"]


def test_an_answer_of_far_too_many_bytes_is_not_waited_for(obedient: PoolIntake) -> None:
    assert "makes no sense" in claimed_by(obedient, "announce")


def test_what_a_process_says_of_a_failure_is_cut_short() -> None:
    detail = "\\u001b[31mx\\ud800" + "x" * 5000
    answer = f'{{"number": 1, "media": null, "hashes": [], "failure": ["truncated", "{detail}"]}}'
    with closing(make_pool()) as pool:
        claim = claimed_by(pool, f"answer {answer}")
    assert len(claim) <= 200
    assert claim.isprintable()
