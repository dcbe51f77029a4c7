"""Open files of one or more pictures, in whichever way their format has them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from PIL import IcoImagePlugin, Image
from pillow_heif import HeifImageFile

from ..limits import Limits
from .heif_track import HEIFTrack
from .netpbm import decode_pam
from .outline import Outline


class Source:
    """A file as Pillow opens most of them: one object that is wound on from frame to frame."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        self.format = image.format or ""
        self.size = image.size
        # The frame that is looked at in any case, whichever others are sampled.
        self.primary = 0
        # Pillow counts Photoshop's layers, of which a viewer shows the sum.
        self.frames = 1 if image.format == "PSD" else getattr(image, "n_frames", 1)

    def seek(self, number: int) -> Image.Image:
        """Return the frame of that number, which may still have to be loaded.

        Numbers have to be asked for in ascending order.
        """
        if self.frames > 1:
            self._image.seek(number)
        return self._image

    def is_beside(self, number: int) -> bool:
        """Say whether viewers do not show that frame by itself."""
        return self.format == "MPO" and number > 0

    def may_lack(self, number: int) -> bool:
        """Say whether the file shows the same without that frame.

        Services that strip a phone's photograph of its second picture leave its announcement.
        """
        return self.format == "MPO" and number > 0


class _IconSource(Source):
    """An icon file, whose sizes may each show something else; the largest comes first."""

    def __init__(self, data: bytes) -> None:
        self._icon = IcoImagePlugin.IcoFile(io.BytesIO(data))
        super().__init__(self._icon.frame(0))
        self.format = "ICO"
        self.frames = len(self._icon.entry)

    def seek(self, number: int) -> Image.Image:
        return self._icon.frame(number)

    def is_beside(self, number: int) -> bool:
        return number > 0


class _HEIFSource(Source):
    """The pictures of a HEIF file, of which viewers show the primary one."""

    def __init__(self, data: bytes) -> None:
        image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
        super().__init__(image)
        self.primary = image.tell()

    def is_beside(self, number: int) -> bool:
        return number != self.primary


class _FilmSource(Source):
    """A HEIF file with a film: its pictures, if it has any, and then the film's frames."""

    def __init__(self, found: Outline, limits: Limits) -> None:
        self._pictures = _pictures_beside_film(found.pixels)
        self._track = HEIFTrack(found.pixels)
        self.format = "HEIF"
        self.size = self._track.size()
        limits.require_size(*self.size)
        self._first = 0 if self._pictures is None else self._pictures.frames
        self.primary = 0 if self._pictures is None else self._pictures.primary
        self.frames = self._first + found.track_frames
        self._film: Iterator[Image.Image] = self._track.frames()
        self._wound_to = self._first

    def seek(self, number: int) -> Image.Image:
        if self._pictures is not None and number < self._first:
            return self._pictures.seek(number)
        for _ in range(self._wound_to, number):
            next(self._film)
        self._wound_to = number + 1
        return next(self._film)

    def is_beside(self, number: int) -> bool:
        if self._pictures is None or number >= self._first:
            return False
        return self._pictures.is_beside(number)


class _AVIFSource(Source):
    """An AVIF file with a film and a picture; which of them is shown depends on the viewer.

    libavif goes by the brand of the file. The picture comes last, as a frame of its own.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(_open_with_pillow(_branded(data, b"avis"), "AVIF"))
        self._picture = _open_with_pillow(_branded(data, b"avif"), "AVIF")
        self.frames += 1

    def seek(self, number: int) -> Image.Image:
        return self._picture if number == self.frames - 1 else super().seek(number)


def _branded(data: bytes, brand: bytes) -> bytes:
    return data[:8] + brand + data[12:]


def _pictures_beside_film(data: bytes) -> _HEIFSource | None:
    try:
        return _HEIFSource(data)
    except (SyntaxError, IndexError):  # There need not be any.
        return None


def open_source(found: Outline, image_format: str, limits: Limits) -> Source:
    """Open a file of that format. Raises whatever its decoder raises, and `DecodingError`."""
    if image_format == "HEIF" and found.track_frames:
        return _FilmSource(found, limits)
    if image_format == "AVIF" and found.track_frames:
        return _AVIFSource(found.pixels)
    if found.pixels.startswith(b"P7"):
        return Source(decode_pam(found.pixels, limits))
    opener = _OPENERS.get(image_format)
    if opener is not None:
        return opener(found.pixels)
    return Source(_open_with_pillow(found.pixels, image_format))


def _open_with_pillow(data: bytes, image_format: str) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=[image_format])


_OPENERS: dict[str, Callable[[bytes], Source]] = {"ICO": _IconSource, "HEIF": _HEIFSource}
