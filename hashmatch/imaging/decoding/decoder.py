"""From the bytes of a file to its decoded frames, within limits."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from hashmatch.hashes import Decode
from hashmatch.outcome import Failure, Media, Reason

from ..hashing import SHORTEST_SIDE
from ..limits import DecodingError, Limits, damaged
from .containers import outline
from .profiles import is_another_picture
from .recognition import recognise
from .sources import Source, open_source

# At its finest, Pillow logs the metadata that it reads, which is a part of the image.
logging.getLogger("PIL").setLevel(logging.INFO)

_TIFF_ORIENTATION = 274
_END_OF_JPEG = b"\xff\xd9"
_TRUNCATED = Failure(Reason.TRUNCATED, "the file ends before all its parts do")


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame of a file.

    `is_beside` marks pictures that viewers do not show by themselves: an icon's smaller sizes, the
    second picture of a stereo pair, whatever else a phone puts into a photograph's file.
    `turned_by` is the EXIF orientation that the decoder has applied already, and `factor` by how
    much it has made the picture smaller; `decode` says whether it left anything out.
    """

    number: int
    image: Image.Image
    is_beside: bool = False
    turned_by: int = 1
    factor: int = 1
    decode: Decode = Decode.FULL


class Decoder:
    """One file, open: its media facts first, then its frames.

    `failure` says, after the frames, why they are not all there or not whole.
    """

    def __init__(self, data: bytes, image_format: str, limits: Limits, *, is_scaled: bool) -> None:
        self._limits = limits
        self._is_scaled = is_scaled
        self._outline = outline(data, image_format, limits)
        self._source = self._open(image_format)
        limits.require_size(*self._source.size)
        limits.require_frames(self._source.frames)
        self.media = Media(self._source.format, *self._source.size, self._source.frames)
        self.failure: Failure | None = None
        self._doubt = self._outline.doubt

    def _open(self, image_format: str) -> Source:
        try:
            return open_source(self._outline, image_format, self._limits)
        except Exception as error:
            failure = self._explain(error, image_format)
            raise DecodingError(failure.reason, failure.detail) from error

    def frames(self) -> Iterator[Frame]:
        """Yield evenly spaced frames and the primary one, the last of them perhaps only in part."""
        sampled = _spread(self.media.frames, self._limits.sampled_frames)
        for number in sorted({*sampled, self._source.primary}):
            frame = self._load(number)
            if frame is not None:
                self._doubt = self._doubt or _doubt(frame.image)
                yield frame
            if self.failure is not None:
                return
        if not self._outline.is_whole:
            self.failure = _TRUNCATED
        elif self._doubt:
            self.failure = Failure(Reason.UNSUPPORTED, self._doubt)

    def _load(self, number: int) -> Frame | None:
        """Return a frame, or as much of it as there is, with `failure` set, or None."""
        image: Image.Image | None = None
        factor = 0
        try:
            image = self._source.seek(number)
            self._limits.require_size(*image.size)
            turned_by = _turned_by(image)
            factor = self._draft(image)
            image.load()
        except Exception as error:  # noqa: BLE001 (files can make decoders raise anything)
            failure = self._explain(error)
            if self._source.may_lack(number) and failure.reason is not Reason.OUT_OF_MEMORY:
                return None
            self.failure = failure
            image = None if image is None else self._salvage(image)
            turned_by, factor = 1, 0
        if image is None:
            return None
        decode = Decode.SCALED if factor else Decode.FULL
        is_beside = self._source.is_beside(number)
        return Frame(number, image, is_beside, turned_by, factor or 1, decode)

    def _draft(self, image: Image.Image) -> int:
        """Ask for the brightness of a JPEG alone, which is stored as such, and for less of it.

        Return by how much it will be smaller, 0 where nothing is left out. The decoder takes means
        within the file's own blocks, at no cost.
        """
        is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
        if not self._is_scaled or not is_jpeg or image.mode not in ("L", "RGB"):
            return 0
        width, height = image.size
        factors = (one for one in (8, 4, 2) if min(width, height) // one >= SHORTEST_SIDE)
        factor = next(factors, 1)
        if factor == 1 and image.mode == "L":
            return 0
        image.draft("L", (width // factor, height // factor))
        return -(-width // image.width)

    def _explain(self, error: Exception, image_format: str = "") -> Failure:
        """Return what an error of the decoder means for this file."""
        if isinstance(error, DecodingError):
            return error.failure
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
            detail = "the picture declares more pixels than this program lets Pillow accept"
            return Failure(Reason.TOO_MANY_PIXELS, detail)
        if not self._outline.is_whole and not isinstance(error, MemoryError):
            return _TRUNCATED
        if image_format and isinstance(error, (UnidentifiedImageError, SyntaxError)):
            detail = f"it begins like {image_format} but cannot be decoded"
            return Failure(Reason.UNDECODABLE, detail)
        return damaged(error)

    def _salvage(self, image: Image.Image) -> Image.Image | None:
        """Return the part of a picture that was decoded before its file gave out."""
        try:
            if image.format == "JPEG":
                stream = io.BytesIO(self._outline.pixels + _END_OF_JPEG)
                image = Image.open(stream, formats=["JPEG"])
            elif isinstance(image, ImageFile.ImageFile):
                image.tile = []
            image.load()
            is_plain = all(low == high for low, high in _extrema(image))
        except Exception:  # noqa: BLE001 (why it failed has been noted)
            return None
        return None if is_plain else image


def _turned_by(image: Image.Image) -> int:
    """Return the orientation that Pillow will apply while it loads, which it does to TIFFs."""
    tags = getattr(image, "tag_v2", None)
    orientation = 1 if tags is None else tags.get(_TIFF_ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1


def _doubt(image: Image.Image) -> str:
    """Return why viewers may show other pixels than these; empty where they do not."""
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        (low, high), *_ = _extrema(image)
        if image.mode == "I" or not (low >= 0 and high <= 1):
            return "numbers without a range, of which every viewer shows another part"
    if is_another_picture(image.info.get("icc_profile") or b""):
        return "a colour profile that makes another picture of what is stored"
    return ""


def _extrema(image: Image.Image) -> list[tuple[float, float]]:
    found: Any = image.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]


def open_decoder(data: bytes, limits: Limits, *, is_scaled: bool = False) -> Decoder:
    """Open a file held in memory; scaled, what the decoder can leave out is not decoded.

    Raises `DecodingError`.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        # A switch of the whole process. Missing parts would be grey, and hashed as such.
        detail = "this program lets Pillow accept truncated images (LOAD_TRUNCATED_IMAGES)"
        raise DecodingError(Reason.UNDECODABLE, detail)
    image_format = recognise(data)
    if image_format is None:
        raise DecodingError(Reason.UNSUPPORTED, "not an image of a known format")
    if image_format not in limits.formats:
        detail = f"{image_format} is not among the enabled formats; see intake.formats"
        raise DecodingError(Reason.UNSUPPORTED, detail)
    return Decoder(data, image_format, limits, is_scaled=is_scaled)


def _spread(frames: int, most: int) -> list[int]:
    """Return up to `most` frame numbers, evenly spaced, the first and the last among them."""
    if frames <= most:
        return list(range(frames))
    if most == 1:
        return [0]
    return [round(place * (frames - 1) / (most - 1)) for place in range(most)]
