"""Hashes: values with their algorithm, version and view, and the rule by which two match."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never, overload

from hashmatch.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# The algorithm whose hash identifies a file. Files that share an MD5 or SHA-1 can be made on
# purpose.
FILE_HASH = "sha256"


_HEXADECIMAL = re.compile("[0-9A-Fa-f]*")
_BASE32 = re.compile("[A-Za-z2-7]*")


class Kind(StrEnum):
    """Way in which two hashes of one algorithm are compared."""

    EXACT = "exact"
    PERCEPTUAL = "perceptual"  # bit strings, by the number of bits that differ
    VECTOR = "vector"  # byte vectors, by the squared Euclidean distance


class Orientation(StrEnum):
    """Turn or reflection of a picture before it was hashed: the eight symmetries of a square.

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
    """One way in which viewers may show a frame.

    `FULL` is the usual one: upright, as its pixels are stored, and over white where it is
    transparent. Each view has an inner view, without the uniform borders around the picture. A view
    that combines several, such as a turned one in other colours, has the name of the last of them.
    """

    FULL = "full"
    INNER = "inner"
    ON_BLACK = "on-black"  # over black where it is transparent
    ON_BLACK_INNER = "on-black-inner"
    ON_GREY = "on-grey"  # over one of several greys where it is transparent
    ON_GREY_INNER = "on-grey-inner"
    OPAQUE = "opaque"  # without the alpha channel, where many viewers ignore it
    OPAQUE_INNER = "opaque-inner"
    AS_STORED = "as-stored"  # not turned, where viewers differ over the orientation
    AS_STORED_INNER = "as-stored-inner"
    MANAGED = "colour-managed"  # in sRGB, where the file says that its colours are others
    MANAGED_INNER = "colour-managed-inner"
    INVERTED = "inverted"  # with inverted inks, where the file does not say which reading is right
    INVERTED_INNER = "inverted-inner"
    EMBEDDED = "embedded"  # a picture in the file that is not shown by itself
    EMBEDDED_INNER = "embedded-inner"
    EMBEDDED_ON_BLACK = "embedded-on-black"
    EMBEDDED_ON_BLACK_INNER = "embedded-on-black-inner"
    # Of the search for altered copies; the names say which alteration is undone.
    RESIZED = "resized"  # by way of 320 by 320 pixels
    NEGATIVE = "negative"  # dark where the picture is bright
    UNFRAMED = "unframed"  # without borders within borders
    PART = "part"  # a rectangle between straight edges
    PART_INNER = "part-inner"
    PANEL = "panel"  # a half or a quarter
    CENTRE = "centre"  # without a share of the edges
    EXTENDED = "extended"  # with continued edges, for what was cut off
    TURNED = "turned"  # by a few degrees
    TILTED = "tilted"  # in small perspective
    TILTED_PART = "tilted-part"  # a rectangle on a screen or print that was photographed

    @property
    def is_inner(self) -> bool:
        """Say whether the view is one without borders."""
        return self.value.endswith("inner")

    @property
    def inner(self) -> View:
        """Return the same view without borders."""
        return View.INNER if self is View.FULL else View(f"{self}-inner")


class Level(StrEnum):
    """Extent of the search for what people make of a picture.

    `PLAIN` looks up what viewers show, `STANDARD` also what was done to it every day (screenshots,
    posts, captions, collages, mirrored and turned copies), `THOROUGH` also small crops and turns.
    """

    PLAIN = "plain"
    STANDARD = "standard"
    THOROUGH = "thorough"


# Views of pictures that no viewer shows by themselves.
EMBEDDED_VIEWS = frozenset(one for one in View if one.value.startswith("embedded"))
# Views that no viewer shows at all, made to find altered copies.
SEARCH_VIEWS = frozenset(
    {
        View.RESIZED,
        View.NEGATIVE,
        View.UNFRAMED,
        View.PART,
        View.PART_INNER,
        View.PANEL,
        View.CENTRE,
        View.EXTENDED,
        View.TURNED,
        View.TILTED,
        View.TILTED_PART,
    }
)


class Detail(StrEnum):
    """Where there is anything to see in one rendering of a frame."""

    WHOLE = "whole"  # everywhere, or it was not looked for
    INSIDE = "inside"  # inside the borders alone, which hold nothing however bright
    NONE = "none"  # nowhere: less than four levels of brightness tell its parts apart


class Decode(StrEnum):
    """Source of a perceptual hash: every pixel, or a plane that was scaled down on the way."""

    FULL = "full"
    SCALED = "scaled"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """Hash algorithm, as lists, index and policy need to know it.

    `version` changes whenever the same picture may give other bits. `threshold_bits` is the
    distance up to which two hashes match unless the policy sets another, for vectors a squared one,
    and None where hashes are matched only if the policy sets one. Beyond it they are near, for
    people to look at, up to `review_bits`, None where they are not. Hashes under `min_quality` are
    of low quality and not matched, None where there is no quality.
    """

    name: str
    version: str
    bits: int
    kind: Kind
    threshold_bits: int | None = 0
    min_quality: int | None = None
    review_bits: int | None = None

    @property
    def unrelated_distance_bits(self) -> int:
        """Return the approximate distance of hashes of unrelated pictures."""
        match self.kind:
            case Kind.EXACT:
                return 0
            case Kind.PERCEPTUAL:
                # Each bit of random hashes differs with probability 1/2.
                return self.bits // 2
            case Kind.VECTOR:
                # The expected squared difference of two uniform bytes is 255² / 6.
                return self.bits // 8 * 255**2 // 6
        assert_never(self.kind)

    def parse(self, text: str) -> bytes:
        """Return the value of a hash written in hexadecimal.

        Vectors may be in base64, too, and exact hashes of whole groups of base32, as SHA-1, in it.
        Raises `InputError`, which never quotes the text, when it is malformed or not of `bits`
        bits.
        """
        digits = self.bits // 4
        # Nearly all are hexadecimal, of which lists have millions.
        if len(text) == digits:
            return self._parse_hexadecimal(text)
        # The length tells base64, of 4 characters for 3 bytes, from hexadecimal.
        if self.kind is Kind.VECTOR and len(text) == -(-self.bits // 24) * 4:
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise InputError(f"the {self.name} value is not base64") from error
        # Hexadecimal of that length is of another algorithm: 32 digits are an MD5. One SHA-1 in
        # 10 ** 13 has no other letters in base32, and is refused.
        is_base32 = self.kind is Kind.EXACT and len(text) * 5 == self.bits
        if is_base32 and _BASE32.fullmatch(text) and not _HEXADECIMAL.fullmatch(text):
            return base64.b32decode(text, casefold=True)
        raise InputError(f"{self.name} has {digits} hexadecimal digits, not {len(text)}")

    def _parse_hexadecimal(self, text: str) -> bytes:
        try:
            value = bytes.fromhex(text)
        except ValueError as error:
            raise InputError(f"the {self.name} value is not hexadecimal") from error
        if len(value) * 2 != len(text):  # fromhex skips white space.
            raise InputError(f"the {self.name} value is not hexadecimal")
        return value


@dataclass(frozen=True, slots=True)
class Hash:
    """One hash of one picture or file; its repr omits the value.

    `value` is big-endian, `algorithm.bits` bits long. `quality` is 0 to 100, None where the
    algorithm has none or it was not measured; `stretched_quality` is that of the same picture with
    its contrast stretched, which leaves the bits as they are. `frame` counts from 0, and so does
    `rendering`, which numbers the ways of showing the frame: hashes of one rendering differ in
    borders and orientation only.
    """

    algorithm: Algorithm
    value: bytes
    quality: int | None = None
    frame: int = 0
    orientation: Orientation = Orientation.ORIGINAL
    view: View = View.FULL
    decode: Decode = Decode.FULL
    rendering: int = 0
    stretched_quality: int | None = None
    detail: Detail = Detail.WHOLE

    @property
    def best_quality(self) -> int | None:
        """Return the quality with or without stretching; None where it was not measured."""
        if self.stretched_quality is None or self.quality is None:
            return self.quality if self.stretched_quality is None else self.stretched_quality
        return max(self.quality, self.stretched_quality)

    def __repr__(self) -> str:
        # A repr easily gets into a log, which must hold no hash value.
        return f"Hash({self.algorithm.name}, frame={self.frame}, quality={self.quality})"


@overload
def is_match(distance_bits: int, threshold_bits: int) -> bool: ...
@overload
def is_match(distance_bits: NDArray[np.int64], threshold_bits: int) -> NDArray[np.bool_]: ...
def is_match(
    distance_bits: int | NDArray[np.int64], threshold_bits: int
) -> bool | NDArray[np.bool_]:
    """Say whether hashes at that distance match; no other code decides it."""
    return distance_bits <= threshold_bits
