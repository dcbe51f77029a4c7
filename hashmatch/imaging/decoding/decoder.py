"""Decoder: from the bytes of a file to its decoded frames, within limits."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from hashmatch.hashes import Decode
from hashmatch.outcome import Failure, Media, Reason

from ..limits import DecodingError, Limits, decoder_failure
from .colour import (
    Colour,
    GainMap,
    Profile,
    find_readings,
    has_effect,
    is_steep,
    keeps_detail,
    magnifies_rounding,
)
from .containers import outline
from .gain_maps import GainFile, find_gain_files, find_renditions, load_gain_map
from .jpeg import decode_reduced, find_factor
from .luma import is_faithful_mix
from .recognition import recognise
from .sameness import SeenPictures
from .sources import Source, open_source, salvage
from .webp_still import FACTOR, StillWebP, decode_luma, decode_still

# At level DEBUG, Pillow logs the metadata that it reads, and no part of an image may reach a log.
logging.getLogger("PIL").setLevel(logging.INFO)

_TIFF_ORIENTATION = 274
# Formats of which all decoders return the same pixels.
_LOSSLESS = frozenset({"PNG", "GIF", "BMP", "TIFF", "TGA", "PPM", "PSD"})
_END_OF_JPEG = b"\xff\xd9"
_TRUNCATED = Failure(Reason.TRUNCATED, "the file ends early: parts of it are missing")


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame of a file.

    `is_embedded` marks pictures that viewers do not show by themselves: the smaller sizes of an
    icon, the second picture of a stereo pair, and any others that a phone adds to a photograph.
    `colours` are those that the file declares for it. `applied_orientation` is the EXIF orientation
    that the decoder has applied already. `factor` is the scale by which it has reduced the picture;
    `decode` says whether it skipped any detail. `is_premultiplied` says that the colours are those
    that are seen over black.
    """

    number: int
    image: Image.Image
    colours: tuple[Colour, ...] = ()
    is_embedded: bool = False
    applied_orientation: int = 1
    factor: int = 1
    decode: Decode = Decode.FULL
    is_premultiplied: bool = False


class Decoder:
    """An open file: its media facts first, then its frames.

    `failure` is set after the frames if some of them are missing, incomplete or ambiguous.
    `frames_seen` counts the frames that were looked at, those that equal another among them.
    """

    def __init__(self, data: bytes, image_format: str, limits: Limits, *, is_scaled: bool) -> None:
        self._begun_s = time.monotonic()
        self._limits = limits
        self._is_scaled = is_scaled
        self._outline = outline(data, image_format, limits)
        self._ambiguity = self._outline.ambiguity
        self._gain_files: list[GainFile] = []
        self._gain_maps: list[GainMap] = []
        with self._in_doubt():
            self._gain_files = find_gain_files(self._outline.pixels, image_format)
        self._source = self._open(image_format)
        limits.require_size(*self._source.size)
        limits.require_frames(self._source.frames)
        self.media = Media(self._source.format, *self._source.size, self._source.frames)
        self.failure: Failure | None = None
        self.frames_seen = 0

    @contextmanager
    def _in_doubt(self) -> Iterator[None]:
        """Take what cannot be read of a further rendition for an ambiguity of the file."""
        try:
            yield
        except DecodingError as error:
            self._ambiguity = self._ambiguity or error.failure.detail

    def _open(self, image_format: str) -> Source:
        try:
            return open_source(self._outline, image_format, self._limits)
        except Exception as error:
            failure = self._explain(error, image_format)
            raise DecodingError(failure.reason, failure.detail) from error

    def frames(self) -> Iterator[Frame]:
        """Yield every frame that differs from those before it.

        The last frame may be incomplete; `failure` is set then.
        """
        seen, distinct = SeenPictures(), 0
        for number in range(self.media.frames):
            frame = self._load(number)
            self.frames_seen += 1
            if frame is not None and self._is_new(frame, seen):
                distinct += 1
                self._ambiguity = self._ambiguity or find_ambiguity(frame)
                yield frame
            if self.failure is None and number + 1 < self.media.frames:
                self.failure = self._limits.find_excess(distinct, self._begun_s)
            if self.failure is not None:
                return
        if not self._outline.is_complete:
            self.failure = _TRUNCATED
        elif self._ambiguity:
            self.failure = Failure(Reason.UNSUPPORTED, self._ambiguity)

    def _is_new(self, frame: Frame, seen: SeenPictures) -> bool:
        if self.media.frames == 1:
            return True
        facts = (frame.colours, frame.is_embedded, frame.applied_orientation)
        return seen.is_new(frame.image, facts)

    def _load(self, number: int) -> Frame | None:
        """Return a frame; on an error its decoded part, or None, with `failure` set.

        None without a `failure` is an optional frame that could not be decoded.
        """
        image: Image.Image | None = None
        factor = 0
        try:
            image = self._source.seek(number)
            if self._source.error is not None:
                raise self._source.error
            # Checked again, since the frames of a file may differ in size.
            self._limits.require_size(*image.size)
            applied_orientation = _applied_orientation(image)
            self._ambiguity = self._ambiguity or self._source.ambiguity
            colours = self._colours(image, number)
            image, factor = self._decode(image, number, colours)
        except Exception as error:  # noqa: BLE001 (files can make decoders raise anything)
            failure = self._explain(error)
            if self._source.is_optional(number) and failure.reason is not Reason.OUT_OF_MEMORY:
                return None
            self.failure = failure
            image = None if image is None else self._salvage(image)
            applied_orientation, factor, colours = 1, 0, ()
        if image is None:
            return None
        decode = Decode.SCALED if factor else Decode.FULL
        is_embedded = self._source.is_embedded(number)
        return Frame(
            number, image, colours, is_embedded, applied_orientation, factor or 1, decode,
            self._outline.is_premultiplied and image.mode == "RGBA",
        )  # fmt: skip

    def _colours(self, image: Image.Image, number: int) -> tuple[Colour, ...]:
        """Return what the file declares of the colours of a frame, where it is not sRGB."""
        profile = image.info.get("icc_profile")
        own = (Profile(bytes(profile)),) if profile else ()
        declared = dict.fromkeys((*self._outline.colours, *self._source.colours, *own))
        readings = chain.from_iterable(map(find_readings, declared))
        effective = tuple(one for one in dict.fromkeys(readings) if has_effect(one))
        if self._source.is_embedded(number):
            return effective
        renditions = (find_renditions(one, effective) for one in self._load_gain_maps())
        return (*effective, *chain.from_iterable(renditions))

    def _load_gain_maps(self) -> list[GainMap]:
        """Return the gain maps of the file, which are decoded once."""
        while self._gain_files:
            with self._in_doubt():
                self._gain_maps.append(load_gain_map(self._gain_files.pop(0), self._limits))
        return self._gain_maps

    def _decode(
        self, image: Image.Image, number: int, colours: tuple[Colour, ...]
    ) -> tuple[Image.Image, int]:
        """Return the decoded picture and the scale of its reduction, 0 if nothing is skipped."""
        if self._is_scaled and isinstance(image, JpegImagePlugin.JpegImageFile):
            factor = find_factor(image, keeps_detail=all(map(keeps_detail, colours)))
            if factor > 1:
                reduced = decode_reduced(image, factor, in_colour=bool(colours))
                if reduced is not None:
                    return reduced, factor
                image = self._source.reopen(number)
        if isinstance(image, StillWebP):
            return self._decode_webp(image, number, colours)
        image.load()
        return image, 0

    def _decode_webp(
        self, image: StillWebP, number: int, colours: tuple[Colour, ...]
    ) -> tuple[Image.Image, int]:
        """Return as `_decode` does the one picture of a WebP file."""
        if self._is_scaled and not colours:
            reduced = decode_luma(image)
            if reduced is not None:
                return reduced, FACTOR
        decoded = decode_still(image)
        if decoded is None:
            decoded = self._source.reopen(number)
            decoded.load()  # Pillow says why it cannot be decoded.
        return decoded, 0

    def _explain(self, error: Exception, image_format: str = "") -> Failure:
        """Return the failure that an error of the decoder means for this file."""
        if isinstance(error, DecodingError):
            return error.failure
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
            detail = "the picture declares more pixels than this program lets Pillow accept"
            return Failure(Reason.TOO_MANY_PIXELS, detail)
        # The missing parts are a better explanation than the decoder's complaint about them.
        if not self._outline.is_complete and not isinstance(error, MemoryError):
            return _TRUNCATED
        if image_format and isinstance(error, (UnidentifiedImageError, SyntaxError)):
            detail = f"the file starts like {image_format} but cannot be decoded"
            return Failure(Reason.UNDECODABLE, detail)
        return decoder_failure(error)

    def _salvage(self, image: Image.Image) -> Image.Image | None:
        """Return the part of a picture that was decoded before the error; None if it is plain."""
        try:
            if image.format == "JPEG":
                # With an end marker, the decoder returns the part that it has instead of an error.
                stream = io.BytesIO(self._outline.pixels + _END_OF_JPEG)
                image = Image.open(stream, formats=["JPEG"])
                image.load()
            else:
                image = salvage(image)
            is_plain = all(low == high for low, high in _extrema(image))
        except Exception:  # noqa: BLE001 (the first error is on record)
            return None
        return None if is_plain else image


def _applied_orientation(image: Image.Image) -> int:
    """Return the orientation that Pillow applies while it loads, as it does for TIFF files."""
    tags = getattr(image, "tag_v2", None)
    orientation = 1 if tags is None else tags.get(_TIFF_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1


def find_ambiguity(frame: Frame) -> str:
    """Return why viewers may show other pixels than these; empty if they do not."""
    image = frame.image
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        (low, high), *_ = _extrema(image)
        if image.mode == "I" or not (low >= 0 and high <= 1):
            return "pixel values without a defined range, which each viewer scales differently"
    if image.format not in _LOSSLESS and any(
        # Where alpha is low, dividing by it magnifies any rounding.
        is_steep(one) if frame.is_premultiplied else magnifies_rounding(image, one)
        for one in frame.colours
    ):
        return "a colour profile in which the rounding of decoders makes another picture"
    if image.format == "JXL" and image.mode == "RGBA" and not is_faithful_mix(image):
        return "a JPEG XL file with transparent pixels of colours that may be out of range"
    return ""


def _extrema(image: Image.Image) -> list[tuple[float, float]]:
    found: Any = image.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]


def open_decoder(data: bytes, limits: Limits, *, is_scaled: bool = False) -> Decoder:
    """Open a file from memory. Raises `DecodingError`.

    If `is_scaled`, the decoder skips colours and detail where the format makes that free.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        # This switch is global to the process. Missing parts would be decoded and hashed as grey.
        detail = "this program lets Pillow accept truncated images (LOAD_TRUNCATED_IMAGES)"
        raise DecodingError(Reason.UNDECODABLE, detail)
    image_format = recognise(data)
    if image_format is None:
        raise DecodingError(Reason.UNSUPPORTED, "not an image of a known format")
    if image_format not in limits.formats:
        detail = f"{image_format} is not an enabled format; see intake.formats"
        raise DecodingError(Reason.UNSUPPORTED, detail)
    return Decoder(data, image_format, limits, is_scaled=is_scaled)
