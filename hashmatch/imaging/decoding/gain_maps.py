"""Gain maps: pictures that say how another rendition of a photograph is made from it.

A screen of high dynamic range shows the one rendition, any other the other one, so that both count.
Sources: ISO 21496-1:2025 (in AVIF and HEIF as the item `tmap` of ISO/IEC 23008-12), and Adobe's
Gain Map 1.0 (in the XMP data of JPEG files), which Android's Ultra HDR uses.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from PIL import Image
from pillow_heif import HeifImageFile

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .colour import Declared, GainMap, GainParameters
from .items import read_items

# The other rendition, and what a screen shows whose range is between the two.
_WEIGHTS = (1.0, 0.5)
# Each map names its kind once or twice, and so does the picture.
_MAX_MAPS, _MAX_NAMES, _MAX_PREVIEWS = 4, 16, 64
_SOI, _SOS = b"\xff\xd8\xff", 0xDA
_ISO_NAME, _XMP_NAME = b"urn:iso:std:iso:ts:21496:-1\0", b"http://ns.adobe.com/hdr-gain-map/"
_PER_CHANNEL, _COMMON_DENOMINATOR = 0x80, 0x08
_USES_BASE_COLOURS = 0x40


@dataclass(frozen=True, slots=True)
class GainFile:
    """A gain map as it is stored: its parameters, and the file and format of its picture."""

    parameters: GainParameters
    data: bytes
    image_format: str


def find_gain_files(data: bytes, image_format: str) -> list[GainFile]:
    """Return the gain maps of a JPEG, AVIF or HEIF file, but for those that cannot be read.

    Raises `DecodingError` for more than any camera writes.
    """
    match image_format:
        case "JPEG":
            found = _in_jpeg(data)
        case "AVIF" | "HEIF":
            found = _in_items(data, image_format)
        case _:
            return []
    usable = list(islice((one for one in found if one.parameters.is_usable()), _MAX_MAPS + 1))
    if len(usable) > _MAX_MAPS:
        raise _too_many()
    return usable


def _too_many() -> DecodingError:
    return DecodingError(Reason.TOO_COMPLEX, f"the file has more than {_MAX_MAPS} gain maps")


def load_gain_maps(
    stored: GainFile, bases: Sequence[Declared], limits: Limits
) -> Iterator[GainMap]:
    """Yield the renditions of a picture that declares these colours; none of a damaged gain map.

    Raises `DecodingError` beyond a limit.
    """
    try:
        with _open(stored) as image:
            limits.require_size(*image.size)
            picture = image.convert("RGB")
    except DecodingError:
        raise
    except Exception:  # noqa: BLE001 (files can make decoders raise anything)
        return
    for base in bases or (None,):
        for weight in _WEIGHTS:
            yield GainMap(stored.parameters, picture.size, picture.tobytes(), base, weight)


def _open(stored: GainFile) -> Image.Image:
    stream = io.BytesIO(stored.data)
    if stored.image_format == "HEIF":
        return HeifImageFile(stream)  # type: ignore[no-untyped-call]
    return Image.open(stream, formats=[stored.image_format])


def _in_items(data: bytes, image_format: str) -> Iterator[GainFile]:
    if b"tmap" not in data:
        return
    for parameters, picture in read_items(data).tone_maps():
        # A version, which is zero, comes first.
        if (read := _read_parameters(parameters[1:])) is not None and parameters[0] == 0:
            yield GainFile(read, picture, image_format)


def _in_jpeg(data: bytes) -> Iterator[GainFile]:
    for start in sorted(_starts(data)):
        for kind, place in _segments(data, start):
            body, parameters = data[place], None
            if kind == 0xE2 and body.startswith(_ISO_NAME):
                parameters = _read_parameters(body[len(_ISO_NAME) :])
            elif kind == 0xE1 and _XMP_NAME in body:
                parameters = _read_xmp(body)
            if parameters is not None:
                yield GainFile(parameters, data[start:], "JPEG")


def _starts(data: bytes) -> set[int]:
    """Return where the pictures behind the first begin that have the data of a gain map."""
    starts: set[int] = set()
    for name in (_ISO_NAME, _XMP_NAME):
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
        if any(place.start <= at < place.stop for _, place in _segments(data, start)):
            yield start
        start, tries = data.rfind(_SOI, 0, start), tries + 1
        if tries > _MAX_PREVIEWS:
            raise _too_many()


def _segments(data: bytes, start: int) -> Iterator[tuple[int, slice]]:
    """Yield the marker and the place of each segment before the pixels of a JPEG file."""
    at = start + 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SOS:
        if data[at + 1] == 0xFF:  # Markers may be padded.
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], slice(at + 4, at + 2 + length)
        at += 2 + max(2, length)


def _read_parameters(body: bytes) -> GainParameters | None:
    """Return the parameters of ISO 21496-1, annex C; None where they cannot be read."""
    try:
        version, _, flags = struct.unpack_from(">HHB", body)
        if version:
            return None
        numbers = _fractions(body[5:], has_one_denominator=bool(flags & _COMMON_DENOMINATOR))
        base_headroom, other_headroom = next(numbers), next(numbers)
        channels = [tuple(next(numbers) for _ in range(5))
                    for _ in range(3 if flags & _PER_CHANNEL else 1)]  # fmt: skip
    except (struct.error, StopIteration, RuntimeError, ZeroDivisionError):
        return None
    minima, maxima, gammas, base_offsets, other_offsets = zip(*_threefold(channels), strict=True)
    return GainParameters(
        base_headroom, other_headroom, minima, maxima, gammas, base_offsets, other_offsets
    )


def _threefold(channels: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    return channels if len(channels) == 3 else channels * 3


def _fractions(body: bytes, *, has_one_denominator: bool) -> Iterator[float]:
    """Yield the numbers of the parameters, of which only the gains and offsets have a sign."""
    signed = [False, False] + [True, True, False, True, True] * 3
    common, at = (struct.unpack_from(">I", body)[0], 4) if has_one_denominator else (0, 0)
    for has_sign in signed:
        (number,) = struct.unpack_from(">i" if has_sign else ">I", body, at)
        if has_one_denominator:
            yield number / common
            at += 4
        else:
            yield number / struct.unpack_from(">I", body, at + 4)[0]
            at += 8


def _read_xmp(body: bytes) -> GainParameters | None:
    """Return the parameters of Adobe's Gain Map; None where there are none."""
    text = body.decode("utf-8", "replace")
    try:
        maxima, capacity = _values(text, "GainMapMax", None), _values(text, "HDRCapacityMax", None)
        lowest = _values(text, "HDRCapacityMin", 0.0)
        sdr, hdr = (_values(text, f"Offset{one}", 1 / 64) for one in ("SDR", "HDR"))
        minima, gammas = _values(text, "GainMapMin", 0.0), _values(text, "Gamma", 1.0)
    except ValueError:
        return None
    if re.search(r'BaseRenditionIsHDR\s*(?:=\s*["\']|>)\s*True', text, re.IGNORECASE):
        return GainParameters(capacity[0], lowest[0], minima, maxima, gammas, hdr, sdr)
    return GainParameters(lowest[0], capacity[0], minima, maxima, gammas, sdr, hdr)


def _values(text: str, name: str, default: float | None) -> tuple[float, float, float]:
    """Return a property as three numbers. Raises `ValueError` where it is missing or none."""
    found = re.search(rf'hdrgm:{name}\s*=\s*["\']([^"\']*)["\']', text) or re.search(
        rf"<hdrgm:{name}[^>]*>(.*?)</hdrgm:{name}>", text, re.DOTALL
    )
    if found is None:
        if default is None:
            raise ValueError(name)
        return (default, default, default)
    numbers = [float(one) for one in re.sub(r"<[^>]*>", " ", found[1]).split()]
    if len(numbers) not in (1, 3):
        raise ValueError(name)
    return tuple(numbers * (3 // len(numbers)))  # type: ignore[return-value]  # Three of them.
