"""What a hasher promises: one algorithm, from the bytes of a file or from one decoded picture."""

from __future__ import annotations

from abc import ABC, abstractmethod

from PIL import Image

from hashmatch.hashes import Algorithm, Hash


class BytesHasher(ABC):
    """Hashes a file as it is, bit for bit."""

    algorithm: Algorithm

    @abstractmethod
    def hash_bytes(self, data: bytes) -> Hash:
        """Return the hash of the whole file."""


class PixelHasher(ABC):
    """Hashes what a picture looks like.

    Pictures are Pillow images of mode RGB or L, upright, without transparency, 1 by 1 pixel or
    more; the hasher leaves them as they are.
    """

    algorithm: Algorithm

    @abstractmethod
    def hash_pixels(self, picture: Image.Image) -> Hash:
        """Return the hash of the picture, as frame 0."""
