"""Gain maps: the rendition of a screen of high dynamic range, and that of any other, are seen."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hashmatch.hashes import View
from hashmatch.imaging.decoding.colour import GainMap, GainParameters, manage
from hashmatch.imaging.decoding.gain_maps import find_gain_files
from hashmatch.imaging.decoding.items import read_items
from hashmatch.imaging.limits import DecodingError
from hashmatch.outcome import Reason
from hashmatch.synthetic import draw_picture
from tests.conform.gains import with_gain_map
from tests.oracle import distance_bits
from tests.pictures import encoded, read

BASE, MAP = draw_picture(1, 160, 120), draw_picture(2, 160, 120).convert("L")
PLAIN = GainParameters(0.0, 2.0, (0.0,) * 3, (2.0,) * 3, (1.0,) * 3, (0.0,) * 3, (0.0,) * 3)


def _file(kind: str, *, is_base_hdr: bool) -> bytes:
    return with_gain_map(encoded(BASE, "JPEG"), encoded(MAP, "JPEG"), kind, is_base_hdr=is_base_hdr)


def _with_xmp(change: Callable[[bytes], bytes]) -> bytes:
    """Return a file whose gain map has other XMP data."""
    whole = _file("xmp", is_base_hdr=True)
    at = whole.rfind(b"\xff\xd8\xff") + 2
    length = int.from_bytes(whole[at + 2 : at + 4], "big")
    header = b"http://ns.adobe.com/xap/1.0/\0"
    body = header + change(whole[at + 4 + len(header) : at + 2 + length])
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return whole[:at] + segment + whole[at + 2 + length :]


def _require_doubt(data: bytes) -> None:
    failure = read(data, "pdq").failure
    assert failure is not None
    assert failure.reason is Reason.UNSUPPORTED


def _light(picture: Image.Image) -> np.ndarray:
    samples = np.asarray(picture.convert("RGB")) / 255
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def _shown(light: np.ndarray) -> Image.Image:
    clipped = np.clip(light, 0, 1)
    samples = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return Image.fromarray((samples * 255).round().astype(np.uint8))


@pytest.mark.parametrize("kind", ["xmp", "iso"])
@pytest.mark.parametrize("is_base_hdr", [True, False], ids=["HDR", "SDR"])
def test_the_other_rendition_of_a_photograph_is_hashed(kind: str, *, is_base_hdr: bool) -> None:
    reading = read(_file(kind, is_base_hdr=is_base_hdr), "pdq")
    assert reading.failure is None
    share = np.asarray(MAP, np.float64)[..., None] / 255
    stops = share * (-2 if is_base_hdr else 2)
    other = (_light(BASE) + 1 / 64) * 2.0**stops - 1 / 64
    wanted = _shown(other if is_base_hdr else other / 4)
    (seen,) = read(encoded(wanted, "PNG"), "pdq").hashes[:1]
    managed = [one for one in reading.hashes if one.view is View.MANAGED]
    assert len(managed) == 2  # The other rendition, and the one between.
    assert min(distance_bits(one.value, seen.value) for one in managed) <= 10


def test_the_gain_of_each_colour_follows_its_own_numbers() -> None:
    grey = Image.new("RGB", (8, 8), (128, 128, 128))
    numbers = GainParameters(
        0.0, 1.0, (0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.5, 2.0), (0.0,) * 3, (0.0,) * 3
    )
    full = GainMap(numbers, (1, 1), bytes((255, 255, 0)))
    shown = manage(grey, full)
    assert shown is not None
    light = 0.2158605
    wanted = [light / 2, light * 2 / 2, light / 2 / 2]
    assert np.allclose(_light(shown)[0, 0], wanted, atol=0.004)


def test_a_gain_map_covers_the_picture_whatever_its_size() -> None:
    small = GainMap(PLAIN, (2, 1), bytes((0, 0, 0, 255, 255, 255)))
    shown = manage(Image.new("RGB", (64, 8), "grey"), small)
    assert shown is not None
    row = np.asarray(shown)[4, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[-1] > row[0] + 50


@pytest.mark.parametrize(
    "changes",
    [
        {"maxima": (1e9,) * 3},
        {"gammas": (0.0,) * 3},
        {"base_offsets": (float("nan"),) * 3},
        {"other_headroom": 0.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_numbers_of_no_screen_are_not_used(changes: dict[str, object]) -> None:
    assert PLAIN.is_usable()
    assert not replace(PLAIN, **changes).is_usable()  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["xmp", "iso"])
def test_a_damaged_gain_map_puts_its_photograph_in_doubt(kind: str) -> None:
    whole = _file(kind, is_base_hdr=True)
    plain = read(encoded(BASE, "JPEG"), "pdq").hashes[0]
    second = whole.rfind(b"\xff\xd8\xff")
    for cut in (second + 1000, len(whole) - 2000, len(whole) - 3):
        _require_doubt(whole[:cut])
        assert read(whole[:cut], "pdq").hashes[0].value == plain.value
    without = read(whole[:second], "pdq")  # Services cut the map off, which nobody shows then.
    assert without.failure is None
    assert [one.value for one in without.hashes] == [plain.value]


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b'GainMapMax="2"', b'GainMapMax="2x"'),
        (b'GainMapMax="2"', b'GainMapMax="2" hdrgm:GainMapMax="1"'),
        (b'HDRCapacityMax="2"', b'HDRCapacityMax="65"'),
        (b'Gamma="1"', b'Gamma="0"'),
        (b"<x:xmpmeta", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x:xmpmeta"),
    ],
    ids=["no number", "twice", "no screen", "no curve", "entities"],
)
def test_a_gain_map_that_cannot_be_read_puts_its_photograph_in_doubt(
    what: bytes, instead: bytes
) -> None:
    _require_doubt(_with_xmp(lambda packet: packet.replace(what, instead)))


def test_the_data_of_a_gain_map_are_read_as_xml() -> None:
    usual = read(_file("xmp", is_base_hdr=True), "pdq").hashes
    spellings = (
        lambda packet: packet.replace(b"hdrgm:", b"g:").replace(b"xmlns:hdrgm", b"xmlns:g"),
        lambda packet: packet.replace(b'Max="2"', b'Max="&#50;"'),
        lambda packet: b'<!-- hdrgm:GainMapMax="0" -->' + packet,
        lambda packet: packet.replace(
            b'hdrgm:GainMapMax="2"', b""
        ).replace(b"/></rdf:RDF>", b"><hdrgm:GainMapMax><rdf:Seq><rdf:li>2</rdf:li><rdf:li>2"
                  b"</rdf:li><rdf:li>2</rdf:li></rdf:Seq></hdrgm:GainMapMax></rdf:Description>"
                  b"</rdf:RDF>"),
    )  # fmt: skip
    for spelling in spellings:
        assert read(_with_xmp(spelling), "pdq").hashes == usual


def test_a_reserved_flag_of_a_gain_map_is_read_in_both_ways() -> None:
    whole = bytearray(_file("iso", is_base_hdr=True))
    at = whole.rfind(b"urn:iso:std:iso:ts:21496:-1") + 28 + 4
    whole[at] = 0x08
    hashes = {one.value for one in read(bytes(whole), "pdq").hashes}
    assert hashes >= {one.value for one in read(_file("iso", is_base_hdr=True), "pdq").hashes}


def test_previews_within_the_map_do_not_hide_it() -> None:
    base, gains = encoded(BASE, "JPEG"), encoded(MAP, "JPEG")
    whole = with_gain_map(base, gains, "iso", is_base_hdr=True)
    at = whole.rfind(b"\xff\xd8\xff") + 2
    wanted = {one.value for one in read(whole, "pdq").hashes}
    preview = b"\xff\xff\xe1" + struct.pack(">H", 6 + 2) + b"\xff\xd8\xff\xdb\0\0"
    # The data of the map come after its preview.
    assert wanted <= {one.value for one in read(whole[:at] + preview + whole[at:], "pdq").hashes}
    for many in (1, 20, 100):
        _require_doubt(whole[:at] + preview * many + whole[at:])


def test_more_gain_maps_than_any_camera_writes_are_refused() -> None:
    whole = _file("iso", is_base_hdr=True)
    second = whole[whole.rfind(b"\xff\xd8\xff") :]
    assert len(find_gain_files(whole + second, "JPEG")) == 2
    failure = read(whole + second * 5, "pdq").failure
    assert failure is not None
    assert "more than 4 gain maps" in failure.detail


def test_items_of_a_damaged_file_are_none() -> None:
    data = encoded(BASE, "AVIF")
    assert read_items(data).types
    for cut in range(0, min(len(data), 400), 3):
        with contextlib.suppress(DecodingError):
            assert list(read_items(data[:cut]).tone_maps()) == []
