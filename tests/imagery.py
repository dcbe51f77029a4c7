"""Pieces of images, and whether anything that was written holds one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from hashmatch.hashers.pdq import reduce_to_64
from hashmatch.synthetic import draw_picture

# Long enough never to turn up by chance, short enough to fall into any kept piece.
_PIECE_BYTES = 16
_STEP_BYTES = 64


def pieces_of(secrets: Iterable[bytes]) -> set[bytes]:
    """Return pieces from all over the secrets, of which there have to be many."""
    pieces = {piece for secret in secrets for piece in _pieces(secret)}
    assert len(pieces) > 1000
    return pieces


def holds_a_piece(data: bytes, pieces: set[bytes]) -> bool:
    """Say whether any of the pieces stands anywhere in the data."""
    return any(data[at : at + _PIECE_BYTES] in pieces for at in range(len(data)))


def pixels_of(*seeds: int) -> list[bytes]:
    """Return what decoding makes of drawn pictures: pixels, luma, and the picture that PDQ sees."""
    pictures = [draw_picture(seed) for seed in seeds]
    planes = [np.asarray(picture) for picture in pictures]
    luma = [np.asarray(picture.convert("L")).tobytes() for picture in pictures]
    small = [reduce_to_64(plane) for plane in planes]
    return [
        *(plane.tobytes() for plane in planes),
        *luma,
        *(one.tobytes() for one in small),
        *(one.astype(np.uint8).tobytes() for one in small),
    ]


def _pieces(data: bytes) -> Iterator[bytes]:
    """Yield pieces from all over the data, but none that other files could hold by chance."""
    for start in range(0, len(data) - _PIECE_BYTES, _STEP_BYTES):
        piece = data[start : start + _PIECE_BYTES]
        if len(set(piece)) > _PIECE_BYTES // 2:
            yield piece
