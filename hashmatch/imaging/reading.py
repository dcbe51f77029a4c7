"""Reading of one file, from its bytes to its hashes; shared by all intakes."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace
from functools import cached_property

from PIL import Image

from hashmatch.hashers import BYTES_HASHERS, PIXEL_HASHERS, PixelHasher, Reduction, hash_bytes
from hashmatch.hashes import Decode, Hash, View
from hashmatch.outcome import Failure, Media

from .decoding import Frame, open_decoder, render
from .hashing import MIN_SHORT_SIDE, Hashing
from .interface import Reading
from .limits import DecodingError, Limits, decoder_failure

# The views that are hashed of an embedded picture, by the views of a frame; others are skipped.
_EMBEDDED_VIEWS = {
    View.FULL: View.EMBEDDED,
    View.INNER: View.EMBEDDED_INNER,
    View.ON_BLACK: View.EMBEDDED_ON_BLACK,
    View.ON_BLACK_INNER: View.EMBEDDED_ON_BLACK_INNER,
}


def exact_hashes(data: bytes, algorithms: Set[str]) -> tuple[Hash, ...]:
    """Return the hashes by those of the algorithms that need no decoding."""
    return hash_bytes(data, [one for one in BYTES_HASHERS if one.algorithm.name in algorithms])


def pixel_algorithms(algorithms: Set[str]) -> frozenset[str]:
    """Return the algorithms that need a decoded picture."""
    return frozenset(hasher.algorithm.name for hasher in PIXEL_HASHERS) & algorithms


def read_pixels(data: bytes, algorithms: Set[str], limits: Limits, hashing: Hashing) -> Reading:
    """Decode a file and return its media facts and perceptual hashes.

    Every error becomes the failure of the reading.
    """
    media: Media | None = None
    hashes: list[Hash] = []
    failure: Failure | None = None
    try:
        decoder = open_decoder(data, limits, is_scaled=hashing.decode is Decode.SCALED)
        media = decoder.media
        for frame in decoder.frames():
            hashes.extend(_hash_frame(frame, algorithms, hashing))
        failure = decoder.failure
    except DecodingError as error:
        failure = error.failure
    except Exception as error:  # noqa: BLE001 (the content of a file can make libraries raise)
        failure = decoder_failure(error)
    return Reading(media, tuple(hashes), failure)


def _hash_frame(frame: Frame, algorithms: Set[str], hashing: Hashing) -> Iterator[Hash]:
    for view, picture in _views(frame):
        view_hasher = _ViewHasher(picture, frame, hashing)
        for hasher in PIXEL_HASHERS:
            if hasher.algorithm.name in algorithms:
                for one in view_hasher.hashes(hasher):
                    yield replace(one, frame=frame.number, view=view)


class _ViewHasher:
    """Hashes one view of a frame, reduced for the hashers that accept a reduced picture."""

    def __init__(self, picture: Image.Image, frame: Frame, hashing: Hashing) -> None:
        self._picture = picture
        self._factor = frame.factor
        self._decode = frame.decode
        self._hashing = hashing

    def hashes(self, hasher: PixelHasher) -> tuple[Hash, ...]:
        """Return the hash of the picture, or the hashes of all its orientations."""
        picture, reduction = self._reduced if hasher.accepts_reduced else (self._picture, None)
        decode = self._decode if reduction is None else Decode.SCALED
        if self._hashing.orientations:
            found = hasher.hash_orientations(picture, reduction)
        else:
            found = (hasher.hash_pixels(picture, reduction),)
        return tuple(replace(one, decode=decode) for one in found)

    @cached_property
    def _reduced(self) -> tuple[Image.Image, Reduction | None]:
        width, height = (side * self._factor for side in self._picture.size)
        if self._factor > 1:  # The decoder has reduced it already.
            return self._picture, Reduction(self._factor, width, height)
        factor = min(width, height) // MIN_SHORT_SIDE
        if self._hashing.decode is Decode.FULL or factor < 2:
            return self._picture, None
        # Averaging in Pillow is faster than passing every pixel to the hasher.
        return self._picture.reduce(factor), Reduction(factor, width, height)


def _views(frame: Frame) -> Iterator[tuple[View, Image.Image]]:
    for view, picture in render(frame.image, frame.applied_orientation):
        if not frame.is_embedded:
            yield view, picture
        elif view in _EMBEDDED_VIEWS:
            yield _EMBEDDED_VIEWS[view], picture
