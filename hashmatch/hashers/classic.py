"""Classic 64-bit hashes of the imagehash package: pHash, dHash, wHash and average hash.

Only pHash has a default threshold. At a million entries dHash, wHash and average hash match
unrelated photographs even where all bits are equal; see `hashmatch.forecast` for the figures.

Pillow resizes the picture for them, so their bits may change with its resampling. Golden values in
the tests detect such a change, after which the versions here have to be raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from hashmatch.hashes import Algorithm, Hash, Kind

from .interface import PixelHasher, Reduction

if TYPE_CHECKING:
    from imagehash import ImageHash

_SIDE = 8


class ClassicHasher(PixelHasher):
    """Hasher of one imagehash function at 8 by 8 bits, first bit highest as imagehash prints it."""

    def __init__(self, name: str, function: str, threshold_bits: int | None = None) -> None:
        self._function = function
        self.algorithm = Algorithm(
            name=name,
            version="1",
            bits=_SIDE * _SIDE,
            kind=Kind.PERCEPTUAL,
            threshold_bits=threshold_bits,
        )

    def hash_pixels(self, picture: Image.Image, reduction: Reduction | None = None) -> Hash:
        """Return the hash, without a quality."""
        # Imported on first use: imagehash imports SciPy, half a second that PDQ does not need.
        import imagehash

        function: Callable[..., ImageHash] = getattr(imagehash, self._function)
        bits = function(picture, hash_size=_SIDE).hash
        return Hash(self.algorithm, np.packbits(bits.ravel()).tobytes())
