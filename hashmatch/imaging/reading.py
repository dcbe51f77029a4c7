"""Reading of one file, from its bytes to its hashes; shared by all intakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from functools import cached_property

from PIL import Image

from hashmatch.hashers import (
    BYTES_HASHERS,
    PDQ,
    PIXEL_HASHERS,
    PixelHasher,
    Reduction,
    hash_bytes,
)
from hashmatch.hashes import Decode, Detail, Hash, Level, View
from hashmatch.outcome import Failure, Media

from .decoding import Box, Frame, Rendering, is_border_empty, open_decoder, open_picture, render
from .hashing import MIN_SHORT_SIDE, Hashing
from .interface import Reading
from .limits import DecodingError, Limits, decoder_failure, require_hashes
from .provenance import CredentialsReader, find_stealth_marks, read_provenance
from .views import Search

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


def read_pixels(
    data: bytes,
    algorithms: Set[str],
    limits: Limits,
    hashing: Hashing,
    credentials: CredentialsReader | None = None,
) -> Reading:
    """Decode a file and return its media facts, its perceptual hashes and its provenance.

    Every error becomes the failure of the reading.
    """
    media: Media | None = None
    hashes: list[Hash] = []
    failure: Failure | None = None
    frames_seen = 0
    marks: tuple[str, ...] = ()
    try:
        decoder = open_decoder(data, limits, is_scaled=hashing.decode is Decode.SCALED)
        media = decoder.media
        search = Search(hashing.level if PDQ.name in algorithms else Level.PLAIN, media.frames)
        for frame in decoder.frames():
            hashes.extend(_hash_frame(frame, algorithms, hashing, search))
            require_hashes(len(hashes))
            if frame.number == 0:
                marks = find_stealth_marks(frame.image)
        failure, frames_seen = decoder.failure, decoder.frames_seen
    except DecodingError as error:
        failure = error.failure
    except Exception as error:  # noqa: BLE001 (the content of a file can make libraries raise)
        failure = decoder_failure(error)
    provenance = read_provenance(data, credentials, marks)
    return Reading(media, tuple(hashes), failure, frames_seen, provenance)


def read_picture(
    picture: Image.Image, algorithms: Set[str], limits: Limits, hashing: Hashing
) -> Reading:
    """Return the media facts and perceptual hashes of a picture that is in memory.

    Every error becomes the failure of the reading.
    """
    media: Media | None = None
    hashes: list[Hash] = []
    failure: Failure | None = None
    try:
        media, frame = open_picture(picture, limits)
        search = Search(hashing.level if PDQ.name in algorithms else Level.PLAIN, 1)
        hashes.extend(_hash_frame(frame, algorithms, hashing, search))
    except DecodingError as error:
        failure = error.failure
    except Exception as error:  # noqa: BLE001 (the content of a picture can make libraries raise)
        failure = decoder_failure(error)
    return Reading(media, tuple(hashes), failure, 0 if failure else 1)


def _hash_frame(
    frame: Frame, algorithms: Set[str], hashing: Hashing, search: Search
) -> Iterator[Hash]:
    hashers = [one for one in PIXEL_HASHERS if one.algorithm.name in algorithms]
    number = 0
    search.begin_frame(frame.number, is_embedded=frame.is_embedded)
    for rendering in render(frame):
        view = _EMBEDDED_VIEWS.get(rendering.view) if frame.is_embedded else rendering.view
        if view is not None:
            rendered = _RenderingHasher(rendering, view, frame, hashing)
            for place, one in rendered.hashes(hashers):
                yield replace(one, frame=frame.number, rendering=number + place)
            yield from search.hashes(rendering.picture, rendering.view, number)
        number += max(1, len(rendering.shares))


class _RenderingHasher:
    """Hashes one rendering of a frame, and the part of it within its borders."""

    def __init__(self, rendering: Rendering, view: View, frame: Frame, hashing: Hashing) -> None:
        self._rendering = rendering
        self._view = view
        self._frame = frame
        self._hashing = hashing

    def hashes(self, hashers: Sequence[PixelHasher]) -> Iterator[tuple[int, Hash]]:
        """Yield each hash, with its place among the rendering's shares of grey."""
        inner, picture = self._rendering.inner, self._rendering.picture
        is_empty = inner is not None and is_border_empty(picture, inner)
        parts: list[tuple[View, Box | None]] = [(self._view, None)]
        if inner is not None:
            parts.append((self._view.inner, inner))
        for view, box in parts:
            for place, one in self._hash_part(box, hashers):
                is_inside = is_empty and one.detail is Detail.WHOLE
                detail = Detail.INSIDE if is_inside else one.detail
                yield place, replace(one, view=view, detail=detail)

    def _hash_part(
        self, box: Box | None, hashers: Sequence[PixelHasher]
    ) -> Iterator[tuple[int, Hash]]:
        rendering = self._rendering
        part = _Part(rendering.picture, box, self._frame, self._hashing)
        dark = None
        if rendering.dark is not None:
            dark = _Part(rendering.dark, box, self._frame, self._hashing)
        for hasher in hashers:
            picture, reduction, decode = part.prepared(hasher)
            found: Iterable[Hash]
            if dark is not None:
                below = dark.prepared(hasher)[0]
                found = hasher.hash_mixes(picture, below, rendering.shares, reduction)
            elif self._hashing.orientations:
                found = hasher.hash_orientations(picture, reduction)
            else:
                found = (hasher.hash_pixels(picture, reduction),)
            for place, one in enumerate(found):
                yield place if rendering.shares else 0, replace(one, decode=decode)


class _Part:
    """A part of a picture, reduced for the hashers that accept a reduced one."""

    def __init__(
        self, picture: Image.Image, box: Box | None, frame: Frame, hashing: Hashing
    ) -> None:
        self._picture = picture if box is None else picture.crop(box)
        self._frame = frame
        self._is_scaled = hashing.decode is Decode.SCALED

    def prepared(self, hasher: PixelHasher) -> tuple[Image.Image, Reduction | None, Decode]:
        """Return the picture for a hasher, and how it was reduced, None where it was not."""
        picture, how = self._reduced if hasher.accepts_reduced else (self._picture, None)
        return picture, how, self._frame.decode if how is None else Decode.SCALED

    @cached_property
    def _reduced(self) -> tuple[Image.Image, Reduction | None]:
        width, height = (side * self._frame.factor for side in self._picture.size)
        if self._frame.factor > 1:  # The decoder has reduced it already.
            return self._picture, Reduction(self._frame.factor, width, height)
        factor = min(width, height) // MIN_SHORT_SIDE
        if not self._is_scaled or factor < 2:
            return self._picture, None
        # Averaging in Pillow is faster than passing every pixel to the hasher.
        return self._picture.reduce(factor), Reduction(factor, width, height)
