"""Sources: open files as numbered frames, with one class for each way of storing them."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageFile
from pillow_heif import HeifImageFile

from ..limits import Limits
from .animation import Animation
from .bmp import decode_bmp
from .colour import Declared
from .heif_track import HEIFTrack
from .icons import decode_entry, outline_entry, read_entries
from .netpbm import decode_pam
from .outline import Outline
from .png_colours import apply_key, decode_rgba
from .png_still import decode_usual
from .tiff_planes import decode_planes, has_deep_planes
from .webp_still import open_still


class Source:
    """A file of most formats: one Pillow object that moves forward from frame to frame.

    `error` says why the frame that was returned last is incomplete; None where it is not. `colours`
    and `ambiguity` are as those of an outline, of that frame alone.
    """

    error: Exception | None = None
    colours: tuple[Declared, ...] = ()
    ambiguity: str = ""

    def __init__(self, image: Image.Image, data: bytes = b"") -> None:
        self._image, self._data = image, data
        self.format = image.format or ""
        self.size = image.size
        # The frame that viewers show where they show one.
        self.primary = 0
        # Pillow counts the layers of a Photoshop file as frames; viewers show them merged.
        self.frames = 1 if image.format == "PSD" else getattr(image, "n_frames", 1)

    def seek(self, number: int) -> Image.Image:
        """Return the frame of the given number, perhaps not loaded yet.

        Call it with ascending numbers only.
        """
        if self.frames > 1:
            self._image.seek(number)
        return self._image

    def reopen(self, number: int) -> Image.Image:
        """Return a frame again that was decoded in part only; for files that Pillow opens."""
        image = _open_with_pillow(self._data, self.format)
        image.seek(number)
        self._image = image
        return image

    def is_embedded(self, number: int) -> bool:
        """Say whether the frame is one that viewers do not show by itself."""
        return self.format == "MPO" and number > 0

    def is_optional(self, number: int) -> bool:
        """Say whether the file is complete without the frame.

        Services that strip the second picture from a phone's photograph leave its declaration.
        """
        return self.format == "MPO" and number > 0


class _AnimationSource(Source):
    """An animation that is composed here; viewers that do not animate show its default picture.

    That picture comes last, where it is no frame of the animation.
    """

    def __init__(
        self, image: Image.Image, outline: Outline, animation: Animation, limits: Limits
    ) -> None:
        super().__init__(image, outline.pixels)
        self._limits = limits
        self.size = (animation.width, animation.height)
        self._has_default = bool(image.info.get("default_image"))
        self.frames = len(animation.parts) + self._has_default
        self._info = image.info
        self._composed = animation.frames(self._decode)

    def seek(self, number: int) -> Image.Image:
        if self._has_default and number == self.frames - 1:
            return apply_key(self._image, self._data)  # Only APNG files have one.
        frame = next(self._composed)
        frame.format = self.format
        frame.info = self._info
        return frame

    def _decode(self, data: bytes) -> Image.Image:
        with _open_with_pillow(data, self.format) as image:
            # A frame may be far larger than the canvas on which it is drawn.
            self._limits.require_size(*image.size)
            try:
                return decode_rgba(image, data) if self.format == "PNG" else image.convert("RGBA")
            except Exception as error:  # noqa: BLE001 (files can make decoders raise anything)
                self.error = error
                return salvage(image).convert("RGBA")


class _PNGSource(Source):
    """A PNG file of one picture."""

    def seek(self, number: int) -> Image.Image:
        image = super().seek(number)
        return apply_key(decode_usual(image, self._data) or image, self._data)


class _TIFFSource(Source):
    """The pages of a TIFF file."""

    def seek(self, number: int) -> Image.Image:
        image = super().seek(number)
        tags = getattr(image, "tag_v2", {})
        if not has_deep_planes(tags):
            return image
        decoded = decode_planes(self._data, tags)
        decoded.info = image.info
        decoded.tag_v2 = tags  # type: ignore[attr-defined]  # The orientation stands there.
        return decoded


class _IconSource(Source):
    """An icon or cursor, each size of which may show another picture; the largest comes first."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._entries, self._limits = data, read_entries(data), limits
        if not self._entries:
            raise SyntaxError("an icon without a picture")
        first = self._entries[0]
        self.format, self.primary = "ICO", 0
        self.size = (first.width, first.height)
        self.frames = len(self._entries)

    def seek(self, number: int) -> Image.Image:
        outline = outline_entry(self._data, self._entries[number], self._limits)
        self.colours, self.ambiguity = outline.colours, outline.ambiguity
        if not outline.is_complete:
            raise EOFError("a picture of an icon is not complete")
        image = decode_entry(outline, self._limits)
        if outline.exif:
            image.info["exif"] = outline.exif
        return image

    def is_embedded(self, number: int) -> bool:
        # Of several that are as large as the largest, viewers show one or another.
        first, one = self._entries[0], self._entries[number]
        return one.width * one.height < first.width * first.height


class _HEIFSource(Source):
    """The pictures of a HEIF file; viewers show the primary one."""

    def __init__(self, data: bytes) -> None:
        image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
        super().__init__(image)
        self.primary = image.tell()

    def is_embedded(self, number: int) -> bool:
        return number != self.primary


class _SequenceSource(Source):
    """A HEIF file with an image sequence: its still pictures, if any, then the sequence."""

    def __init__(self, outline: Outline, limits: Limits) -> None:
        self._pictures = _open_still_pictures(outline.pixels)
        self._track = HEIFTrack(outline.pixels)
        self.format = "HEIF"
        self.size = self._track.size()
        limits.require_size(*self.size)
        self._first_in_sequence = 0 if self._pictures is None else self._pictures.frames
        self.primary = 0 if self._pictures is None else self._pictures.primary
        self.frames = self._first_in_sequence + outline.track_frames
        self._sequence: Iterator[Image.Image] = self._track.frames()
        self._next_number = self._first_in_sequence

    def seek(self, number: int) -> Image.Image:
        if self._pictures is not None and number < self._first_in_sequence:
            return self._pictures.seek(number)
        # libheif decodes a track in order only, so frames in between are decoded and dropped.
        for _ in range(self._next_number, number):
            next(self._sequence)
        self._next_number = number + 1
        return next(self._sequence)

    def is_embedded(self, number: int) -> bool:
        if self._pictures is None or number >= self._first_in_sequence:
            return False
        return self._pictures.is_embedded(number)


class _AVIFSource(Source):
    """An AVIF file with an image sequence and a still picture; viewers show either.

    libavif chooses by the brand of the file, so the file is opened once with each brand. The still
    picture comes last, as one more frame.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(_open_with_pillow(_with_brand(data, b"avis"), "AVIF"))
        self._picture = _open_with_pillow(_with_brand(data, b"avif"), "AVIF")
        self.frames += 1

    def seek(self, number: int) -> Image.Image:
        return self._picture if number == self.frames - 1 else super().seek(number)


def _open_bitmap(data: bytes, limits: Limits) -> Source:
    """Return a bitmap, which is decoded here, since browsers read more of it than Pillow."""
    source = Source(decode_bmp(data, limits))
    if source.seek(0).info["is_truncated"]:
        source.error = EOFError("the rows of a bitmap are missing")
    return source


def _with_brand(data: bytes, brand: bytes) -> bytes:
    return data[:8] + brand + data[12:]


def _open_still_pictures(data: bytes) -> _HEIFSource | None:
    try:
        return _HEIFSource(data)
    except (SyntaxError, IndexError):  # A file may consist of the sequence alone.
        return None


def salvage(image: Image.Image) -> Image.Image:
    """Return the part of a picture that was decoded before an error. Raises any error again."""
    if isinstance(image, ImageFile.ImageFile):
        image.tile = []
    image.load()
    return image


def open_source(outline: Outline, image_format: str, limits: Limits) -> Source:
    """Open a file of the given format. Raises `DecodingError` and any error of the decoder."""
    if image_format == "HEIF" and outline.track_frames:
        return _SequenceSource(outline, limits)
    if image_format == "AVIF" and outline.track_frames:
        return _AVIFSource(outline.pixels)
    if outline.animation is not None:
        return _open_animation(outline, outline.animation, image_format, limits)
    if image_format == "ICO":
        return _IconSource(outline.pixels, limits)
    if image_format == "BMP":
        return _open_bitmap(outline.pixels, limits)
    if outline.pixels.startswith(b"P7"):
        return Source(decode_pam(outline.pixels, limits))
    if image_format == "HEIF":
        return _HEIFSource(outline.pixels)
    if outline.still is not None and (image := open_still(outline.pixels, outline.still)):
        image.info |= _exif_of(outline)
        return Source(image, outline.pixels)
    kind = _SOURCES.get(image_format, Source)
    return kind(_open_outlined(outline, image_format), outline.pixels)


_SOURCES: dict[str, type[Source]] = {"PNG": _PNGSource, "TIFF": _TIFFSource}


def _open_animation(
    outline: Outline, animation: Animation, image_format: str, limits: Limits
) -> Source:
    limits.require_size(animation.width, animation.height)
    image = _open_outlined(outline, image_format)
    return _AnimationSource(image, outline, animation, limits)


def _open_outlined(outline: Outline, image_format: str) -> Image.Image:
    """Open a file, with the EXIF data that its outline has already."""
    image = _open_with_pillow(outline.pixels, image_format)
    image.info |= _exif_of(outline)
    return image


def _exif_of(outline: Outline) -> dict[str | tuple[int, int], bytes]:
    return {"exif": outline.exif} if outline.exif else {}


def _open_with_pillow(data: bytes, image_format: str) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=[image_format])
