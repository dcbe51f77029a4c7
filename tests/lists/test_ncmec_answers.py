"""Answers of NCMEC's Hash Sharing: entries, withdrawn ones, further pages."""

from __future__ import annotations

import io

import pytest

from hashmatch.errors import ListFileError
from hashmatch.lists import BadRow, find_format
from hashmatch.lists.formats import Excluded, RawRow, Row
from hashmatch.lists.formats.ncmec import NextPage, read_response

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
IMAGE = """<image><member id="42">A &amp; B</member><timestamp>2026-01-02T03:04:05Z</timestamp>
<id>image1</id><classification>A1</classification><fingerprints><md5>aa</md5><pdna>bb</pdna>
<pdq>cc</pdq></fingerprints><feedback lastUpdateTimestamp="2026-01-03T00:00:00Z">
<negativeFeedback type="md5"><member id="9">C</member></negativeFeedback></feedback></image>"""
VIDEO = """<video><member id="42">A</member><id>video1</id><fingerprints><md5>dd</md5>
<pdna>ee</pdna><tmk-pdqf rel="self" href="/v2/x/tmk"/></fingerprints></video>"""
DELETED = """<deletedImage><member id="42">A</member><id>image0</id></deletedImage>"""
PAGING = "<paging><next>/v2/entries?from=a&amp;to=b&amp;start=2001</next></paging>"


def _write(images: str = IMAGE, videos: str = VIDEO, rest: str = "") -> bytes:
    text = f"""<?xml version="1.0" encoding="UTF-8"?><queryResult xmlns="{NAMESPACE}">
    <images count="1" maxTimestamp="x">{images}</images><videos>{videos}</videos>{rest}
    </queryResult>"""
    return text.encode()


def _read(data: bytes) -> list[Row]:
    return list(find_format("x.xml").read(io.BytesIO(data)))


def test_images_and_films_are_read_with_every_fingerprint() -> None:
    tags = ("member:A & B",)
    rest = ("42/image1", "A1", tags, "2026-01-02T03:04:05Z")
    assert _read(_write()) == [
        RawRow(1, "md5", "aa", *rest, is_kind=True),
        RawRow(1, "pdna", "bb", *rest, is_kind=True),
        RawRow(1, "pdq", "cc", *rest, is_kind=True),
        RawRow(2, "md5", "dd", "42/video1", tags=("member:A", "video"), is_kind=True),
        RawRow(2, "video-photodna", "ee", "42/video1", tags=("member:A", "video"), is_kind=True),
        RawRow(2, "tmk-pdqf", "/v2/x/tmk", "42/video1", tags=("member:A", "video"), is_kind=True),
    ]


def test_withdrawn_entries_and_the_next_page_are_read() -> None:
    items = list(read_response(io.BytesIO(_write(DELETED, "", PAGING))))
    assert [type(one).__name__ for one in items] == ["NCMECEntry", "NextPage"]
    assert items[1] == NextPage("/v2/entries?from=a&to=b&start=2001")
    assert _read(_write(DELETED, "")) == [Excluded(1)]


def test_one_page_of_several_is_no_list() -> None:
    with pytest.raises(ListFileError, match="one page of several"):
        _read(_write(rest=PAGING))


@pytest.mark.parametrize(
    ("image", "row"),
    [
        ("<image><id>x</id></image>", BadRow(1, "there is no member id or no entry id")),
        ('<image><member id="1"/></image>', BadRow(1, "there is no member id or no entry id")),
        (
            '<image><member id="1"/><id>x</id></image>',
            BadRow(1, "there are no fingerprints", "1/x"),
        ),
    ],
)
def test_an_entry_that_lacks_something_is_rejected(image: str, row: Row) -> None:
    assert _read(_write(image, "")) == [row]


@pytest.mark.parametrize("data", [b"", b"<html/>", b"{}", b"\xff", _write()[:-30]])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ListFileError):
        _read(data)
