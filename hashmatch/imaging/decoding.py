"""From the bytes of a file to the pictures that a viewer would show, within limits."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from hashmatch.outcome import Failure, Media, Reason

from .files import too_large

# Sixteen-bit grey is scaled down by hand: Pillow's own conversion clips it to white.
_SIXTEEN_BITS = "I;16"
# Numbers without a range, of which a viewer shows what it likes, and byte orders of which Pillow
# 13.0 gives other numbers than the file holds.
_UNSURE_MODES = frozenset({"I", "F", "I;16B", "I;16L", "I;16N"})
# TIFF tags, and the photometric interpretation of common grey (TIFF 6.0, section 8).
_BIT_DEPTH, _PHOTOMETRIC, _SUB_PICTURES = 258, 262, 330
_BLACK_IS_ZERO = 1
_WHITE = (255, 255, 255, 255)


# At its finest, Pillow logs the metadata that it reads, which is a part of the image.
logging.getLogger("PIL").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before memory is spent on it."""

    max_bytes: int
    max_pixels: int
    max_frames: int
    formats: tuple[str, ...]


class DecodingError(Exception):
    """The file, or one frame of it, could not be turned into a picture."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Decoder:
    """One file, open: its media facts first, then its frames as upright RGB or L pictures."""

    def __init__(self, image: Image.Image, limits: Limits) -> None:
        self._image = image
        self._limits = limits
        frames = getattr(image, "n_frames", 1)
        self.media = Media(image.format or "", image.width, image.height, frames)

    def frames(self) -> Iterator[tuple[int, Image.Image]]:
        """Yield (frame number, picture) for evenly spaced frames. Raises `DecodingError`."""
        for frame in _spread(self.media.frames, self._limits.max_frames):
            with _decoding():
                if frame:
                    self._image.seek(frame)
                _require_size(self._image, self._limits)
                picture = _as_shown(self._image)
            yield frame, picture


@contextmanager
def open_decoder(data: bytes, limits: Limits) -> Iterator[Decoder]:
    """Open a file held in memory. Raises `DecodingError`."""
    if not data:
        raise DecodingError(Failure(Reason.EMPTY, "the file is empty"))
    if len(data) > limits.max_bytes:
        raise DecodingError(too_large(limits.max_bytes))
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        # A switch of the whole process. Missing parts would be grey, and hashed as such.
        detail = "this program lets Pillow accept truncated images (LOAD_TRUNCATED_IMAGES)"
        raise DecodingError(Failure(Reason.UNDECODABLE, detail))
    with _decoding():
        try:
            image = Image.open(io.BytesIO(data), formats=limits.formats)
        except UnidentifiedImageError as error:
            raise DecodingError(_unidentified(data, limits.formats)) from error
    with image:
        with _decoding():
            _require_size(image, limits)
            _require_plain_tiff(image)
            decoder = Decoder(image, limits)
        yield decoder


def _spread(frames: int, most: int) -> list[int]:
    """Return up to `most` frame numbers, evenly spaced, the first and the last among them."""
    if frames <= most:
        return list(range(frames))
    if most == 1:
        return [0]
    return [round(place * (frames - 1) / (most - 1)) for place in range(most)]


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn whatever a decoder raises into `DecodingError`: files can make it raise anything."""
    try:
        yield
    except DecodingError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodingError(_too_many_pixels()) from error
    except MemoryError as error:
        detail = "decoding took more memory than there is"
        raise DecodingError(Failure(Reason.OUT_OF_MEMORY, detail)) from error
    except Exception as error:
        raise DecodingError(_damaged(error)) from error


def _require_size(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.max_pixels:
        raise DecodingError(_too_many_pixels(f"{image.width} x {image.height} pixels"))
    if not image.width or not image.height:
        raise DecodingError(Failure(Reason.UNDECODABLE, "the picture has no pixels"))


def _require_plain_tiff(image: Image.Image) -> None:
    """Refuse TIFFs of which Pillow shows another picture than a viewer does."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return
    if _SUB_PICTURES in tags:
        detail = "a TIFF with pictures inside its pictures (SubIFDs)"
        raise DecodingError(Failure(Reason.UNSUPPORTED, detail))
    deep = image.mode == _SIXTEEN_BITS
    if deep and (tags.get(_PHOTOMETRIC) != _BLACK_IS_ZERO or set(tags.get(_BIT_DEPTH, ())) != {16}):
        detail = "a deep grey TIFF that is not 16 bits from black to white"
        raise DecodingError(Failure(Reason.UNSUPPORTED, detail))


def _too_many_pixels(size: str = "far too many pixels") -> Failure:
    return Failure(Reason.TOO_MANY_PIXELS, f"the picture declares {size}; see intake.max_pixels")


def _unidentified(data: bytes, formats: Sequence[str]) -> Failure:
    """Tell a damaged file of a known format from a file that is something else."""
    for name in formats:
        _, accepts = Image.OPEN[name]
        if accepts is not None and accepts(data[:16]):
            return Failure(Reason.UNDECODABLE, f"it begins like {name} but cannot be decoded")
    return Failure(Reason.UNSUPPORTED, "not an image of an enabled format")


def _damaged(error: Exception) -> Failure:
    # Decoders' own words may quote the file, so only their kind is kept.
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return Failure(Reason.TRUNCATED, "the file ends before the picture does")
    return Failure(Reason.UNDECODABLE, f"the decoder gave up ({type(error).__name__})")


def _as_shown(image: Image.Image) -> Image.Image:
    """Return the picture upright, over white where it is transparent, as RGB or L."""
    if image.mode in _UNSURE_MODES:
        detail = f"pixels of mode {image.mode}, whose brightness is not defined well enough"
        raise DecodingError(Failure(Reason.UNSUPPORTED, detail))
    upright = ImageOps.exif_transpose(image)
    if upright.mode == _SIXTEEN_BITS:
        return Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    if upright.mode in ("L", "RGB"):
        return upright
    return upright.convert("L" if upright.mode == "1" else "RGB")
