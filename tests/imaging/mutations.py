"""Files that have come to harm: each the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable

_HEADER_BYTES = 96


def mutated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return the file after one to three accidents; `other` is a file that got mixed up with it."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(_ACCIDENTS)(rng, data, other) or data
    return data


def truncated(rng: random.Random, data: bytes, _: bytes = b"") -> bytes:
    """Return the file without its end."""
    return data[: rng.randint(1, len(data))]


def _flip_bits(rng: random.Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 16)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _edit_header(rng: random.Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(min(_HEADER_BYTES, len(changed)))] = rng.randrange(256)
    return bytes(changed)


def _enlarge_a_number(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at, width = rng.randrange(min(_HEADER_BYTES, len(data))), rng.choice((2, 4, 8))
    number = rng.choice((b"\xff", b"\x7f", b"\x80", b"\x00")) + bytes([rng.choice((0, 255))]) * 7
    return data[:at] + number[:width] + data[at + width :]


def _splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    at, start = rng.randrange(len(data)), rng.randrange(len(other))
    return data[:at] + other[start : start + rng.randint(1, 4000)] + data[at:]


def _cut_out(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 2000) :]


def _repeat(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at : at + rng.randint(1, 500)] * rng.randint(2, 20) + data[at:]


def _blank(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at, length = rng.randrange(len(data)), rng.randint(1, 500)
    return (
        data[:at]
        + bytes([rng.choice((0, 255))]) * len(data[at : at + length])
        + data[at + length :]
    )


_ACCIDENTS: tuple[Callable[[random.Random, bytes, bytes], bytes], ...] = (
    truncated,
    _flip_bits,
    _edit_header,
    _enlarge_a_number,
    _splice,
    _cut_out,
    _repeat,
    _blank,
)
