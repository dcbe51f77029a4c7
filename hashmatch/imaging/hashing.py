"""Hashing options: full or scaled decoding, the level of search, and the orientations."""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.hashes import Decode, Level

# The shorter side of a reduced picture keeps at least this many pixels. PDQ reads 64 blurred ones,
# and at this size its bits hardly change.
MIN_SHORT_SIDE = 768


@dataclass(frozen=True, slots=True)
class Hashing:
    """The decoding, and the views and orientations to hash; see `[intake]` in the configuration."""

    decode: Decode = Decode.FULL
    orientations: bool = False
    level: Level = Level.PLAIN
