"""WebP and PNG without Pillow's decoders: the same pixels, and the same word about every damage."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin
from PIL.WebPImagePlugin import WebPImageFile

from hashmatch.hashes import Decode
from hashmatch.imaging import Hashing, Reading
from hashmatch.imaging.decoding import load_png, open_decoder, sources
from hashmatch.imaging.decoding.png_loops import undo_filters
from hashmatch.imaging.decoding.png_still import decode_usual
from hashmatch.imaging.decoding.webp_still import reduce_stored
from hashmatch.synthetic import draw_picture
from tests import oracle
from tests.imaging.bombs import chunk
from tests.imaging.mutations import mutated
from tests.pictures import GENEROUS, encoded, read

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KINDS = {1: 0, 3: 2, 4: 6}  # Of PNG, by the bytes a pixel.
SCALED = Hashing(Decode.SCALED)
PICTURE = draw_picture(3, 121, 87)
MUTATIONS = pytest.mark.parametrize(
    "mutations", [150, pytest.param(4000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)


@pytest.fixture(autouse=True)
def _loaded() -> None:
    load_png()


def _transparent(picture: Image.Image) -> Image.Image:
    clear = picture.convert("RGBA")
    clear.putalpha(picture.convert("L"))
    return clear


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _webps() -> Iterator[bytes]:
    """Yield WebP files of one picture, of every kind."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for picture in (PICTURE, PICTURE.crop((0, 0, 1, 1)), PICTURE.crop((3, 5, 20, 6))):
        for one in (picture, _transparent(picture), _transparent(picture).convert("RGBa")):
            if one.mode == "RGBa":
                one = Image.merge("RGBA", (*picture.split(), Image.new("L", picture.size, 255)))
            for options in ({"quality": 30}, {"quality": 95, "method": 6}, {"lossless": True}):
                yield encoded(one, "WEBP", **options)
    yield encoded(PICTURE, "WEBP", icc_profile=profile, exif=_exif(6), xmp=b"<x/>")
    yield encoded(_transparent(PICTURE), "WEBP", lossless=True, exif=_exif(3), icc_profile=profile)
    yield encoded(_transparent(PICTURE), "WEBP", alpha_quality=10, exact=True)


def _png(width: int, height: int, pixel_bytes: int, packed: bytes, *, idat_bytes: int = 0) -> bytes:
    """Return a PNG file of eight bits with the given compressed pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, KINDS[pixel_bytes], 0, 0, 0)
    step = idat_bytes or len(packed) or 1
    parts = (chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step))
    return SIGNATURE + b"".join((chunk(b"IHDR", header), *parts, chunk(b"IEND", b"")))


def _filtered(seed: int, width: int, height: int, pixel_bytes: int, most: int = 4) -> bytes:
    """Return random lines with random filters."""
    random_bytes = np.random.default_rng(seed)
    lines = random_bytes.integers(0, 256, (height, 1 + width * pixel_bytes), np.uint8)
    lines[:, 0] = random_bytes.integers(0, most + 1, height)
    return lines.tobytes()


def _pngs() -> Iterator[bytes]:
    """Yield PNG files of one picture, usual and unusual ones."""
    for mode in ("L", "RGB", "RGBA", "LA", "P", "1", "I;16"):
        yield encoded(_transparent(PICTURE).convert(mode.partition(";")[0]).convert(mode))
    yield encoded(PICTURE, transparency=PICTURE.getpixel((3, 3)))
    yield encoded(PICTURE.convert("L"), transparency=7)
    yield encoded(PICTURE.quantize(16), transparency=3)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "text")
    yield encoded(PICTURE, pnginfo=text, exif=_exif(8))
    for pixel_bytes in KINDS:
        packed = zlib.compress(_filtered(1, 33, 21, pixel_bytes))
        yield _png(33, 21, pixel_bytes, packed)
        yield _png(33, 21, pixel_bytes, packed, idat_bytes=1)


def _damaged_pngs() -> Iterator[bytes]:
    """Yield PNG files whose picture data does not end where it should, or as it should."""
    lines = _filtered(2, 40, 30, 3)
    packed = zlib.compress(lines)
    for one in (
        packed[:-1] + bytes([packed[-1] ^ 1]), packed[:-4], packed[:-200], packed + b"more",
        packed + packed, zlib.compress(lines + b"\0"), zlib.compress(lines * 50),
        zlib.compress(lines[:-1]), zlib.compress(lines[: 121 * 7]), zlib.compress(b""), b"",
        zlib.compress(_filtered(2, 40, 30, 3, most=6)), zlib.compress(bytes(10_000_000)),
        b"\x78\x20" + packed[2:], zlib.compress(lines, wbits=9), packed[:50] + packed[60:],
    ):  # fmt: skip
        yield _png(40, 30, 3, one)
    whole = _png(40, 30, 3, packed)
    yield whole[:24] + b"\x08\x02\x01\x00\x00" + whole[29:]
    yield whole[:24] + b"\x08\x02\x00\x01\x00" + whole[29:]
    yield whole[:24] + b"\x08\x02\x00\x00\x01" + whole[29:]
    yield whole[:33] + whole[33:-12].replace(b"IDAT", b"fdAT") + whole[-12:]
    yield whole.replace(chunk(b"IEND", b""), b"")
    yield whole[:33] + chunk(b"IDAT", packed[:90]) + chunk(b"PLTE", bytes(3)) + whole[33:]
    yield whole[:33] + chunk(b"IDAT", packed[:90]) + chunk(b"bKGD", bytes(6)) + chunk(
        b"IDAT", packed[90:]) + whole[-12:]  # fmt: skip


def _damaged_webps() -> Iterator[bytes]:
    """Yield WebP files that contradict themselves."""
    simple, clear = encoded(PICTURE, "WEBP"), encoded(_transparent(PICTURE), "WEBP", quality=50)
    yield simple[:-40]
    yield simple + b"more"
    yield _resized(simple, 10)
    yield _resized(simple, -10)
    yield clear[:24] + b"\x20\x00\x00" + clear[27:]
    yield clear[:20] + b"\x00" + clear[21:]
    yield clear[:20] + b"\x12" + clear[21:]
    at = clear.index(b"VP8 ")
    yield _resized(clear[:at] + b"none\x02\0\0\0ab" + clear[at:], 10)
    yield _resized(clear + clear[at:], len(clear) - at)
    alpha = clear.index(b"ALPH")
    yield clear[: alpha + 8] + b"\xff\xff" + clear[alpha + 10 :]
    lossless = encoded(_transparent(PICTURE), "WEBP", lossless=True)
    yield lossless[:21] + b"\xff\xff\xff\x1f" + lossless[25:]


def _resized(data: bytes, more: int) -> bytes:
    """Return a WebP file whose header declares some more bytes."""
    return data[:4] + struct.pack("<I", int.from_bytes(data[4:8], "little") + more) + data[8:]


def _as_pillow_reads(
    data: bytes, monkeypatch: pytest.MonkeyPatch, hashing: Hashing | None
) -> Reading:
    with monkeypatch.context() as patch:
        for room, name in ((sources, "open_still"), (sources, "decode_usual")):
            patch.setattr(room, name, lambda *_: None)
        return read(data, "pdq", "dhash", hashing=hashing)


@pytest.mark.parametrize("files", [_webps, _pngs], ids=["WEBP", "PNG"])
def test_pixels_are_those_of_pillow(files: Callable[[], Iterator[bytes]]) -> None:
    taken = 0
    for data in files():
        (frame,) = open_decoder(data, GENEROUS).frames()
        expected = Image.open(io.BytesIO(data))
        taken += not isinstance(frame.image, (WebPImageFile, PngImagePlugin.PngImageFile))
        if expected.mode != "I;16":  # apply_key decodes some of these itself.
            assert frame.image.mode == expected.mode
            assert frame.image.tobytes() == expected.tobytes()
    assert taken >= 8


@pytest.mark.parametrize(
    "files", [_webps, _pngs, _damaged_webps, _damaged_pngs], ids=lambda files: files.__name__
)
def test_a_file_reads_as_it_does_with_pillow(
    files: Callable[[], Iterator[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, data in enumerate(files()):
        for hashing in (None, SCALED):
            assert read(data, "pdq", "dhash", hashing=hashing) == _as_pillow_reads(
                data, monkeypatch, hashing
            ), number


@pytest.mark.parametrize("image_format", ["WEBP", "PNG"])
@MUTATIONS
def test_a_damaged_file_reads_as_it_does_with_pillow(
    image_format: str, mutations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(f"{image_format} {mutations}")
    whole = list(_webps() if image_format == "WEBP" else _pngs())
    failed = 0
    for _ in range(mutations):
        data = mutated(rng, rng.choice(whole), rng.choice(whole))
        reading = read(data, "pdq", "dhash")
        failed += reading.failure is not None
        assert reading == _as_pillow_reads(data, monkeypatch, None)
    assert mutations // 4 < failed < mutations


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 12), st.sampled_from([1, 3, 4]))
def test_filters_are_undone_as_by_the_twin(
    seed: int, width: int, height: int, pixel_bytes: int
) -> None:
    packed = _filtered(seed, width, height, pixel_bytes)
    lines = np.frombuffer(packed, np.uint8).reshape(height, -1)
    rows = np.empty((height, width * pixel_bytes), np.uint8)
    assert undo_filters(lines, np.zeros(width * pixel_bytes, np.uint8), pixel_bytes, rows)
    assert rows.tolist() == oracle.unfiltered(lines, pixel_bytes).tolist()


@pytest.mark.parametrize("pixel_bytes", [1, 3, 4])
def test_every_choice_of_paeth_is_the_one_of_the_standard(pixel_bytes: int) -> None:
    """All differences between the three neighbours, for pixels of each depth."""
    levels = np.array([0, 1, 2, 3, 63, 64, 127, 128, 129, 191, 253, 254, 255], np.uint8)
    for corner in levels:
        up, left = (one.ravel() for one in np.meshgrid(levels, levels))
        for one, other in zip(up, left, strict=True):
            above = np.repeat(np.array([corner, one], np.uint8), pixel_bytes)
            lines = np.zeros((1, 1 + 2 * pixel_bytes), np.uint8)
            lines[0, 0] = 4
            lines[0, 1 : 1 + pixel_bytes] = (int(other) - int(corner)) % 256
            rows = np.empty((1, 2 * pixel_bytes), np.uint8)
            lines.flags.writeable = False
            assert undo_filters(lines, above, pixel_bytes, rows)
            assert rows[0, -1] == oracle.paeth(int(other), int(one), int(corner))


def test_a_bomb_is_given_up_where_the_picture_ends() -> None:
    data = _png(40, 30, 3, zlib.compress(bytes(1 << 30)))
    with Image.open(io.BytesIO(data)) as image:
        assert decode_usual(image, data) is None


def test_many_small_chunks_of_wide_rows_take_no_longer_than_a_large_one() -> None:
    """Each piece used to be added to a copy of what was there."""
    packed = zlib.compress(_filtered(5, 40_000, 4, 4), 1)
    data = _png(40_000, 4, 4, packed, idat_bytes=7)
    with Image.open(io.BytesIO(data)) as image:
        picture = decode_usual(image, data)
    assert picture is not None
    assert picture.tobytes() == Image.open(io.BytesIO(_png(40_000, 4, 4, packed))).tobytes()


def test_brightness_beyond_white_is_clipped_before_it_is_averaged() -> None:
    """Nobody sees it; a mean of it would hide a faint picture in a bright one."""
    board = np.where(np.indices((8, 8)).sum(axis=0) % 2, 255, 215).astype(np.uint8)
    assert set(np.unique(np.asarray(reduce_stored(board)))) == {(255 + 232 + 1) // 2}
    within = np.full((8, 8), 126, np.uint8)
    assert set(np.unique(np.asarray(reduce_stored(within)))) == {128}
