"""How pictures are hashed: from every pixel or from fewer, and turned which ways."""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.hashes import Decode

# The shorter side of a picture that is made smaller keeps so many pixels: PDQ looks at 64 blurred
# ones, and at this size its bits hardly change.
SHORTEST_SIDE = 768


@dataclass(frozen=True, slots=True)
class Hashing:
    """See `[intake]` in the configuration."""

    decode: Decode = Decode.FULL
    orientations: bool = False
