"""The intake that decodes in the caller's own process: no protection from a hostile decoder."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from PIL import Image

from hashmatch.hashers import BYTES_HASHERS, PIXEL_HASHERS
from hashmatch.hashes import Hash
from hashmatch.outcome import Failure, Media, Reason

from .decoding import DecodingError, Limits, open_decoder
from .interface import Intake, Reading


class InProcessIntake(Intake):
    """Holds the limits on bytes, pixels and frames; a crash of a decoder is a crash of its host."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def read(self, data: bytes, algorithms: Set[str]) -> Reading:
        """Decode the file and hash it with each of the algorithms."""
        hashes = [
            hasher.hash_bytes(data)
            for hasher in BYTES_HASHERS
            if data and hasher.algorithm.name in algorithms
        ]
        media: Media | None = None
        failure: Failure | None = None
        try:
            with open_decoder(data, self._limits) as decoder:
                media = decoder.media
                for frame, picture in decoder.frames():
                    hashes.extend(_hash_frame(picture, frame, algorithms))
        except DecodingError as error:
            failure = error.failure
        except MemoryError:
            failure = Failure(Reason.OUT_OF_MEMORY, "hashing took more memory than there is")
        return Reading(media, tuple(hashes), failure)


def _hash_frame(picture: Image.Image, frame: int, algorithms: Set[str]) -> Iterator[Hash]:
    for hasher in PIXEL_HASHERS:
        if hasher.algorithm.name in algorithms:
            yield replace(hasher.hash_pixels(picture), frame=frame)
