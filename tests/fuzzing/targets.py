"""What is fuzzed, what must hold of it, and the files to begin with."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hashmatch.errors import InputError, ListFileError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Decode
from hashmatch.imaging import Hashing
from hashmatch.imaging.decoding.containers import outline
from hashmatch.imaging.decoding.recognition import recognise
from hashmatch.imaging.interface import Reading
from hashmatch.imaging.limits import DecodingError
from hashmatch.imaging.pool.messages import MessageError, Request, decode_reading, encode_reading
from hashmatch.imaging.reading import read_pixels
from hashmatch.lists import FORMATS, BadRow, ListFormat, unpacked
from hashmatch.lists.formats import RawRow
from tests.imaging import bombs
from tests.imaging.samples import FORMATS as IMAGE_FORMATS
from tests.imaging.samples import originals
from tests.pictures import GENEROUS, list_of

FINDINGS = Path("fuzz-findings")

# Small enough for thousands of files a second to be tried, and for no one of them to take long.
LIMITS = replace(
    GENEROUS, max_pixels=100_000, max_frames=100, max_distinct_frames=3, max_metadata_bytes=100_000
)
HASHING = Hashing(Decode.SCALED, orientations=True)
_REQUEST = Request(1, ("pdq",), 1)


@dataclass(frozen=True)
class Target:
    """Something that takes bytes from strangers; `check` raises where it breaks its promise."""

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def _check_decoding(data: bytes) -> None:
    image_format = recognise(data)
    if image_format is not None:
        with suppress(DecodingError):  # The one thing that an outline may raise.
            outline(data, image_format, LIMITS)
    reading = read_pixels(data, {"pdq"}, LIMITS, HASHING)
    if reading.failure is None:
        assert reading.media is not None
        assert reading.frames_seen == reading.media.frames
        assert reading.hashes


def _image_seeds() -> list[bytes]:
    whole = [data for image_format in IMAGE_FORMATS for data in originals(image_format, 48, 36)]
    return [*whole, bombs.gif_of_many_frames(5), bombs.tiff_in_a_tiff(3), bombs.boxes_in_boxes(3)]


def _check_answers(data: bytes) -> None:
    try:
        reading = decode_reading(data, _REQUEST)
    except MessageError:
        return
    assert all(len(one.value) == 32 for one in reading.hashes)


def _answer_seeds() -> list[bytes]:
    readings = [read_pixels(data, {"pdq"}, LIMITS, HASHING) for data in originals("GIF", 48, 36)]
    return [encode_reading(1, one)[4:] for one in [*readings, Reading(None, ())]]


def _check_list(list_format: ListFormat, data: bytes) -> None:
    try:
        for row in list_format.read(io.BytesIO(data)):
            if isinstance(row, BadRow):
                assert row.line > 0
            elif isinstance(row, RawRow):
                _check_row(row)
    except ListFileError:
        return


def _check_unpacking(data: bytes) -> None:
    with suppress(ListFileError), unpacked(io.BytesIO(data), "list") as file:
        while file.stream.read(1 << 16):
            pass


def _packed_seeds() -> list[bytes]:
    text = list_of(1, 2, algorithms=("pdq", "md5")).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("list.csv", text)
    return [archive.getvalue(), gzip.compress(text)]


def _check_row(row: RawRow) -> None:
    try:
        algorithm = find_algorithm(row.algorithm)
        assert len(algorithm.parse(row.value)) == algorithm.bits // 8
    except InputError as error:
        message = error.message
    else:
        message = ""
    # Short values are words of the message by chance.
    assert len(row.value) < 16 or row.value not in message


def _list_seeds() -> list[bytes]:
    text = list_of(1, 2, algorithms=("pdq", "md5"))
    names, *rows = (line.split(",") for line in text.splitlines())
    objects = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    return [text.encode(), "\n".join(objects).encode(), b'algorithm,value,tags\npdq,"00",a;b\n']


TARGETS: dict[str, Target] = {
    "decoding": Target(_check_decoding, _image_seeds),
    "answers": Target(_check_answers, _answer_seeds),
    "unpacking": Target(_check_unpacking, _packed_seeds),
    **{f"list-{one.name}": Target(partial(_check_list, one), _list_seeds) for one in FORMATS},
}
