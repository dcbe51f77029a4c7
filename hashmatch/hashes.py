"""What a hash is: a value, the algorithm and version that gave it, and when two of them match."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never, overload

from hashmatch.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Kind(StrEnum):
    """How two hashes of one algorithm are compared."""

    EXACT = "exact"
    PERCEPTUAL = "perceptual"  # bit strings, by the number of bits that differ
    VECTOR = "vector"  # byte vectors, by the squared Euclidean distance


class Orientation(StrEnum):
    """How the picture was turned or mirrored before it was hashed: the eight ways of a square.

    Turns are clockwise. `FLIP_X` mirrors left and right, `FLIP_Y` top and bottom, `TRANSPOSE` about
    the diagonal from the top left, `TRANSVERSE` about the other.
    """

    ORIGINAL = "original"
    ROTATE_90 = "rotate-90"
    ROTATE_180 = "rotate-180"
    ROTATE_270 = "rotate-270"
    FLIP_X = "flip-x"
    FLIP_Y = "flip-y"
    TRANSPOSE = "transpose"
    TRANSVERSE = "transverse"


class View(StrEnum):
    """Which of the pictures that viewers may show of one frame was hashed.

    `WHOLE` is what most of them show: upright, and over white where it is transparent. Each has a
    twin without the uniform borders around the picture.
    """

    WHOLE = "whole"
    INNER = "inner"
    ON_BLACK = "on-black"  # over black where it is transparent
    ON_BLACK_INNER = "on-black-inner"
    OPAQUE = "opaque"  # without the alpha channel, where many viewers take no notice of it
    OPAQUE_INNER = "opaque-inner"
    AS_STORED = "as-stored"  # not turned, where viewers differ over the orientation
    AS_STORED_INNER = "as-stored-inner"
    INVERTED = "inverted"  # the other reading of its inks, where the file does not say which
    INVERTED_INNER = "inverted-inner"
    BESIDE = "beside"  # a picture in the file that is not shown by itself
    BESIDE_INNER = "beside-inner"
    BESIDE_ON_BLACK = "beside-on-black"
    BESIDE_ON_BLACK_INNER = "beside-on-black-inner"

    @property
    def inner(self) -> View:
        """The same without borders."""
        return View.INNER if self is View.WHOLE else View(f"{self}-inner")


class Decode(StrEnum):
    """What a picture was hashed from: every pixel, or a plane made smaller on the way."""

    FULL = "full"
    SCALED = "scaled"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A hash algorithm as lists, index and policy need to know it.

    `version` changes whenever the same picture may give other bits. `threshold_bits` is the
    distance up to which two hashes match unless the policy says otherwise, of vectors a squared
    one; `min_quality` is the quality under which a hash says too little to be matched, None where
    there is no quality.
    """

    name: str
    version: str
    bits: int
    kind: Kind
    threshold_bits: int = 0
    min_quality: int | None = None

    @property
    def unrelated_distance_bits(self) -> int:
        """How far apart hashes of unrelated pictures are, about."""
        match self.kind:
            case Kind.EXACT:
                return 0
            case Kind.PERCEPTUAL:
                return self.bits // 2
            case Kind.VECTOR:
                return self.bits // 8 * 255**2 // 6
        assert_never(self.kind)

    def parse(self, text: str) -> bytes:
        """Return the value that `text` writes in hexadecimal, of vectors in base64, too.

        Raises `InputError`, which never repeats the text, when it is not `bits` bits of that.
        """
        if self.kind is Kind.VECTOR and len(text) == -(-self.bits // 24) * 4:
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise InputError(f"the {self.name} value is not base64") from error
        digits = self.bits // 4
        if len(text) != digits:
            raise InputError(f"{self.name} has {digits} hexadecimal digits, here are {len(text)}")
        try:
            value = bytes.fromhex(text)
        except ValueError as error:
            raise InputError(f"the {self.name} value is not hexadecimal") from error
        if len(value) * 2 != digits:  # fromhex skips white space.
            raise InputError(f"the {self.name} value is not hexadecimal")
        return value


@dataclass(frozen=True, slots=True)
class Hash:
    """One hash of one picture or file; its repr keeps the value to itself.

    `value` is big-endian, `algorithm.bits` bits long. `quality` is 0 to 100, None where the
    algorithm has none or nobody measured it. `frame` counts from 0.
    """

    algorithm: Algorithm
    value: bytes
    quality: int | None = None
    frame: int = 0
    orientation: Orientation = Orientation.ORIGINAL
    view: View = View.WHOLE
    decode: Decode = Decode.FULL

    def __repr__(self) -> str:
        return f"Hash({self.algorithm.name}, frame={self.frame}, quality={self.quality})"


@overload
def is_match(distance_bits: int, threshold_bits: int) -> bool: ...
@overload
def is_match(distance_bits: NDArray[np.int64], threshold_bits: int) -> NDArray[np.bool_]: ...
def is_match(
    distance_bits: int | NDArray[np.int64], threshold_bits: int
) -> bool | NDArray[np.bool_]:
    """Say whether hashes that far apart match: the one place that decides it."""
    return distance_bits <= threshold_bits
