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


class _Bits:
    """The bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")

    def read(self, count: int) -> int:
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        return value

    def read_side(self, *, is_small: bool) -> int:
        if is_small:
            return 8 * (self.read(5) + 1)
        return 1 + self.read(_SIDE_BITS[self.read(2)])

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

    The decoder shows the first frame alone, so that an animation is ambiguous.
    """
    if not load_jxl():
        raise DecodingError(Reason.UNSUPPORTED, "JPEG XL needs the extra hashmatch[jxl]")
    is_bare = data.startswith(_CODESTREAM)
    codestream = data[:64] if is_bare else _find_codestream(data, limits)
    if not codestream.startswith(_CODESTREAM):
        raise DecodingError(Reason.UNDECODABLE, "a JPEG XL file without a picture")
    bits = _Bits(codestream[2:])
    limits.require_size(*bits.read_size())
    is_default, ambiguity = bool(bits.read(1)), ""
    if not is_default and bits.read(1):
        bits.read(3)  # The orientation, which the decoder applies.
        if bits.read(1):  # The size that the picture is to be shown at.
            bits.read_size()
        has_preview, has_animation = bool(bits.read(1)), bool(bits.read(1))
        if has_preview or has_animation:
            ambiguity = "a JPEG XL file with an animation or a preview"
    return Outline(data, ambiguity=ambiguity)


def _find_codestream(data: bytes, limits: Limits) -> bytes:
    """Return the beginning of the picture in a container."""
    metadata_bytes, found = 0, b""
    for kind, start, end in _boxes(data):
        if kind == b"jxlc" and not found:
            found = data[start : start + 64]
        elif kind == b"jxlp" and not found:  # Each part has a number first.
            found = data[start + 4 : start + 68]
        elif kind not in (b"jxlc", b"jxlp", b"jbrd"):
            metadata_bytes += end - start + 8
            limits.require_metadata(metadata_bytes)
    return found


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
