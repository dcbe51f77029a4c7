"""One file from its bytes to its hashes: what every intake does, in whichever process."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from PIL import Image

from hashmatch.hashers import BYTES_HASHERS, PIXEL_HASHERS
from hashmatch.hashes import Hash, View
from hashmatch.outcome import Failure, Media

from .decoding import Frame, open_decoder, render
from .interface import Reading
from .limits import DecodingError, Limits, damaged

# What is looked at of a picture that is not shown by itself.
_BESIDE = {
    View.WHOLE: View.BESIDE,
    View.INNER: View.BESIDE_INNER,
    View.ON_BLACK: View.BESIDE_ON_BLACK,
    View.ON_BLACK_INNER: View.BESIDE_ON_BLACK_INNER,
}


def hash_bytes(data: bytes, algorithms: Set[str]) -> tuple[Hash, ...]:
    """Return the exact hashes of a file."""
    return tuple(
        hasher.hash_bytes(data) for hasher in BYTES_HASHERS if hasher.algorithm.name in algorithms
    )


def pixel_algorithms(algorithms: Set[str]) -> frozenset[str]:
    """Return those of the algorithms that need a decoded picture."""
    return frozenset(hasher.algorithm.name for hasher in PIXEL_HASHERS) & algorithms


def read_pixels(data: bytes, algorithms: Set[str], limits: Limits) -> Reading:
    """Decode a file and return its media facts and perceptual hashes."""
    media: Media | None = None
    hashes: list[Hash] = []
    failure: Failure | None = None
    try:
        decoder = open_decoder(data, limits)
        media = decoder.media
        for frame in decoder.frames():
            hashes.extend(_hash_frame(frame, algorithms))
        failure = decoder.failure
    except DecodingError as error:
        failure = error.failure
    except Exception as error:  # noqa: BLE001 (what is drawn in a file can make libraries raise)
        failure = damaged(error)
    return Reading(media, tuple(hashes), failure)


def _hash_frame(frame: Frame, algorithms: Set[str]) -> Iterator[Hash]:
    for view, picture in _views(frame):
        for hasher in PIXEL_HASHERS:
            if hasher.algorithm.name in algorithms:
                yield replace(hasher.hash_pixels(picture), frame=frame.number, view=view)


def _views(frame: Frame) -> Iterator[tuple[View, Image.Image]]:
    for view, picture in render(frame.image, frame.turned_by):
        if not frame.is_beside:
            yield view, picture
        elif view in _BESIDE:
            yield _BESIDE[view], picture
