"""Header of a JPEG XL file (ISO/IEC 18181-1, sections 9.2 and D; 18181-2 for its container)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from hashmatch.outcome import Reason

from ..limits import DecodingError, Limits
from .outline import Outline

_CODESTREAM = b"\xff\x0a"
# Width to height, by number.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDE_BITS = (9, 13, 18, 30)
# The bytes that hold the header, the longest name of a channel among them.
_HEADER_BYTES = 2048
_ALPHA = 0


class _Bits:
    """The bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def read(self, count: int) -> int:
        """Return so many bits. Raises `DecodingError` where they end."""
        self._left -= count
        if self._left < 0:
            raise DecodingError(Reason.TRUNCATED, "the header of a JPEG XL file ends early")
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        return value

    def read_side(self, *, is_small: bool) -> int:
        if is_small:
            return 8 * (self.read(5) + 1)
        return 1 + self.read(_SIDE_BITS[self.read(2)])

    def read_choice(self, *choices: tuple[int, int]) -> int:
        """Return one of four numbers, given by what is added to so many bits (U32)."""
        base, count = choices[self.read(2)]
        return base + self.read(count)

    def read_size(self) -> tuple[int, int]:
        is_small = bool(self.read(1))
        height = self.read_side(is_small=is_small)
        ratio = self.read(3)
        if ratio == 0:
            return self.read_side(is_small=is_small), height
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height


@cache
def load_jxl() -> bool:
    """Let Pillow read JPEG XL; return whether the extra `jxl` is installed, which is for that."""
    try:
        from pillow_jxl import JpegXLImagePlugin
    except ImportError:
        return False
    JpegXLImagePlugin.DECODE_THREADS = 0  # The pool keeps all processors busy with other files.
    return True


def outline_jxl(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a JPEG XL file. Raises `DecodingError` beyond a limit or without `jxl`.

    The decoder shows the first frame alone, and the colours as they are stored, so that an
    animation is ambiguous, and any channel beside colours and ordinary alpha.
    """
    if not load_jxl():
        raise DecodingError(Reason.UNSUPPORTED, "JPEG XL needs the extra hashmatch[jxl]")
    is_bare = data.startswith(_CODESTREAM)
    codestream = data[:_HEADER_BYTES] if is_bare else _find_codestream(data, limits)
    if not codestream.startswith(_CODESTREAM):
        raise DecodingError(Reason.UNDECODABLE, "a JPEG XL file without a picture")
    bits = _Bits(codestream[2:])
    limits.require_size(*bits.read_size())
    return Outline(data, ambiguity=_read_metadata(bits))


def _read_metadata(bits: _Bits) -> str:
    """Return why viewers may show something else than the decoder returns; empty otherwise."""
    if bits.read(1):
        return ""  # All values are the usual ones.
    if bits.read(1):
        bits.read(3)  # The orientation, which the decoder applies.
        if bits.read(1):  # The size that the picture is to be shown at.
            bits.read_size()
        has_preview, has_animation = bool(bits.read(1)), bool(bits.read(1))
        if has_preview or has_animation:
            return "a JPEG XL file with an animation or a preview"
    _skip_depth(bits)
    bits.read(1)  # Whether samples of 16 bits suffice for the decoder.
    channels = bits.read_choice((0, 0), (1, 0), (2, 4), (1, 12))
    if channels > 1 or (channels and not _is_plain_alpha(bits)):
        return "a JPEG XL file with channels beside colours and alpha"
    return ""


def _skip_depth(bits: _Bits) -> None:
    if bits.read(1):
        bits.read_choice((32, 0), (16, 0), (24, 0), (1, 6))
        bits.read(4)
    else:
        bits.read_choice((8, 0), (10, 0), (12, 0), (1, 6))


def _is_plain_alpha(bits: _Bits) -> bool:
    """Say whether the next channel is alpha by which the colours are not multiplied."""
    if bits.read(1):
        return True
    if bits.read_choice((0, 0), (1, 0), (2, 4), (18, 6)) != _ALPHA:
        return False
    _skip_depth(bits)
    bits.read_choice((0, 0), (3, 0), (4, 0), (1, 3))  # The scale of the channel.
    bits.read(8 * bits.read_choice((0, 0), (0, 4), (16, 5), (48, 10)))  # Its name.
    return not bits.read(1)


def _find_codestream(data: bytes, limits: Limits) -> bytes:
    """Return the beginning of the picture in a container."""
    metadata_bytes, found = 0, b""
    for kind, start, end in _boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            start += 4 * (kind == b"jxlp")  # Each part has a number first.
            found += data[start : min(end, start + _HEADER_BYTES)]
        elif kind != b"jbrd":
            metadata_bytes += end - start + 8
            limits.require_metadata(metadata_bytes)
    return found[:_HEADER_BYTES]


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at + 8 <= len(data):
        length, kind, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = len(data) if length == 0 else at + length
        if end < at + header:
            return
        yield kind, at + header, min(end, len(data))
        at = end
