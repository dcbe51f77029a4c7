"""Gain maps: pictures that say how another rendition of a photograph is made from it.

A screen of high dynamic range shows the one rendition, any other the other one, so that both count.
Sources: ISO 21496-1:2025 (in AVIF and HEIF as the item `tmap` of ISO/IEC 23008-12), and Adobe's
Gain Map 1.0 (in the XMP data of JPEG files), which Android's Ultra HDR uses.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from PIL import Image
from pillow_heif import HeifImageFile

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .colour import Declared, GainMap, GainParameters
from .gain_xmp import NAMESPACE, read_gain_xmp
from .items import read_items
from .jpeg_segments import walk_segments

# The other rendition, and what a screen shows whose range is between the two.
_WEIGHTS, _MORE_WEIGHTS, _WIDE_STOPS = (1.0, 0.5), (1.0, 0.75, 0.5, 0.25), 3.0
# Each map names its kind once or twice, and so does the picture.
_MAX_MAPS, _MAX_NAMES, _MAX_PREVIEWS = 4, 16, 64
_SOI = b"\xff\xd8\xff"
_ISO_NAME = b"urn:iso:std:iso:ts:21496:-1\0"
# The same in sixteen bits a character, which no camera writes.
_WIDE_NAMES = tuple(NAMESPACE.decode().encode(f"utf-16-{order}") for order in ("le", "be"))
_PER_CHANNEL, _COMMON_DENOMINATOR = 0x80, 0x08


@dataclass(frozen=True, slots=True)
class GainFile:
    """A gain map as it is stored: its parameters, and the file and format of its picture."""

    parameters: GainParameters
    data: bytes
    image_format: str


def find_gain_files(data: bytes, image_format: str) -> list[GainFile]:
    """Return the gain maps of a JPEG, AVIF or HEIF file.

    Raises `DecodingError` for one that cannot be read or used, and for more than any camera writes.
    """
    match image_format:
        case "JPEG":
            found = _in_jpeg(data)
        case "AVIF" | "HEIF":
            found = _in_items(data, image_format)
        case _:
            return []
    files = list(islice(found, _MAX_MAPS + 1))
    if len(files) > _MAX_MAPS:
        raise _too_many()
    if not all(one.parameters.is_usable() for one in files):
        raise _unclear()
    return files


def _too_many() -> DecodingError:
    return DecodingError(Reason.TOO_COMPLEX, f"the file has more than {_MAX_MAPS} gain maps")


def _unclear() -> DecodingError:
    detail = "a gain map that cannot be read, or that each viewer reads otherwise"
    return DecodingError(Reason.UNSUPPORTED, detail)


def load_gain_map(stored: GainFile, limits: Limits) -> GainMap:
    """Return a gain map with its picture. Raises `DecodingError` beyond a limit and for damage."""
    try:
        with _open(stored) as image:
            limits.require_size(*image.size)
            picture = image.convert("RGB")
    except DecodingError:
        raise
    except Exception as error:  # (files can make decoders raise anything)
        raise _unclear() from error
    return GainMap(stored.parameters, picture.size, picture.tobytes())


def find_renditions(gain: GainMap, bases: Sequence[Declared]) -> Iterator[GainMap]:
    """Yield the renditions of a picture of these colours, each of which may be ignored."""
    own = gain.parameters
    is_wide = abs(own.other_headroom - own.base_headroom) > _WIDE_STOPS
    for base in (None, *bases):
        for weight in _MORE_WEIGHTS if is_wide else _WEIGHTS:
            yield replace(gain, base=base, weight=weight)


def _open(stored: GainFile) -> Image.Image:
    stream = io.BytesIO(stored.data)
    if stored.image_format == "HEIF":
        return HeifImageFile(stream)  # type: ignore[no-untyped-call]
    return Image.open(stream, formats=[stored.image_format])


def _in_items(data: bytes, image_format: str) -> Iterator[GainFile]:
    if b"tmap" not in data:
        return
    items = read_items(data)
    maps = list(islice(items.tone_maps(), _MAX_MAPS + 1))
    if len(maps) > _MAX_MAPS:
        raise _too_many()
    for parameters, number in maps:
        if parameters[:1] == b"\0":  # Viewers take no notice of another version.
            for one in _read_parameters(parameters[1:]):
                yield GainFile(one, items.with_primary(number), image_format)


def _in_jpeg(data: bytes) -> Iterator[GainFile]:
    if any(name in data for name in _WIDE_NAMES):
        raise _unclear()
    for start in sorted(_starts(data)):
        for kind, place in walk_segments(data, start):
            body = data[place]
            if kind == 0xE2 and body.startswith(_ISO_NAME):
                found = _read_parameters(body[len(_ISO_NAME) :])
            elif kind == 0xE1 and NAMESPACE in body:
                found = _read_xmp(body)
            else:
                found = []
            for parameters in found:
                yield GainFile(parameters, data[start:], "JPEG")


def _read_xmp(body: bytes) -> list[GainParameters]:
    try:
        parameters = read_gain_xmp(body)
    except (ValueError, KeyError) as error:
        raise _unclear() from error
    return [] if parameters is None else [parameters]


def _starts(data: bytes) -> set[int]:
    """Return where the pictures behind the first begin that have the data of a gain map."""
    starts: set[int] = set()
    for name in (_ISO_NAME, NAMESPACE):
        at, names = data.find(name), 0
        while at >= 0:
            starts.update(_enclosing(data, at))
            at, names = data.find(name, at + 1), names + 1
            if names > _MAX_NAMES:
                raise _too_many()
    return starts - {0}


def _enclosing(data: bytes, at: int) -> Iterator[int]:
    """Yield the start of every picture among whose segments a position seems to be.

    Segments may hold pictures, such as previews. Raises `DecodingError` where these are too many.
    """
    start, tries = data.rfind(_SOI, 0, at), 0
    while start >= 0:
        if any(place.start <= at < place.stop for _, place in walk_segments(data, start)):
            yield start
        start, tries = data.rfind(_SOI, 0, start), tries + 1
        if tries > _MAX_PREVIEWS:
            raise _too_many()


def _read_parameters(body: bytes) -> list[GainParameters]:
    """Return the parameters of ISO 21496-1, annex C, in each way in which viewers read them.

    None where they are of another version, of which viewers take no notice. Raises `DecodingError`.
    """
    try:
        version, _, flags = struct.unpack_from(">HHB", body)
        # Some read one denominator for all numbers where a flag says so, and others do not know it.
        shared = (False, True) if flags & _COMMON_DENOMINATOR else (False,)
        channels = 3 if flags & _PER_CHANNEL else 1
        return [] if version else [_read_numbers(body[5:], channels, one) for one in shared]
    except (struct.error, ZeroDivisionError) as error:
        raise _unclear() from error


def _read_numbers(body: bytes, count: int, is_shared: bool) -> GainParameters:  # noqa: FBT001
    numbers = list(_fractions(body, count, has_one_denominator=is_shared))
    base_headroom, other_headroom, *rest = numbers
    channels = [tuple(rest[at : at + 5]) for at in range(0, len(rest), 5)] * (3 // count)
    minima, maxima, gammas, base_offsets, other_offsets = zip(*channels, strict=True)
    return GainParameters(
        base_headroom, other_headroom, minima, maxima, gammas, base_offsets, other_offsets
    )


def _fractions(body: bytes, channels: int, *, has_one_denominator: bool) -> Iterator[float]:
    """Yield the numbers of the parameters, of which only the gains and offsets have a sign."""
    signed = [False, False] + [True, True, False, True, True] * channels
    common, at = (struct.unpack_from(">I", body)[0], 4) if has_one_denominator else (0, 0)
    for has_sign in signed:
        (number,) = struct.unpack_from(">i" if has_sign else ">I", body, at)
        if has_one_denominator:
            yield number / common
            at += 4
        else:
            yield number / struct.unpack_from(">I", body, at + 4)[0]
            at += 8
