"""The hashers, and the algorithms by name.

To add one of ours: write its file, name it here, add golden values and a line to the README.
"""

from __future__ import annotations

from hashmatch.errors import InputError
from hashmatch.hashes import Algorithm, Hash

from .classic import ClassicHasher
from .cryptographic import CryptographicHasher
from .interface import BytesHasher, PixelHasher
from .pdq import PDQHasher

BYTES_HASHERS: tuple[BytesHasher, ...] = (
    CryptographicHasher("md5", 128),
    CryptographicHasher("sha1", 160),
    CryptographicHasher("sha256", 256),
)
PIXEL_HASHERS: tuple[PixelHasher, ...] = (
    PDQHasher(),
    ClassicHasher("phash", "phash", threshold_bits=8),
    ClassicHasher("dhash", "dhash", threshold_bits=6),
    ClassicHasher("whash", "whash", threshold_bits=4),
    ClassicHasher("ahash", "average_hash", threshold_bits=4),
)
ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        *(hasher.algorithm for hasher in BYTES_HASHERS),
        *(hasher.algorithm for hasher in PIXEL_HASHERS),
    )
}


def find_algorithm(name: str) -> Algorithm:
    """Return the algorithm of that name; case and hyphens are forgiven, so "SHA-256" is found.

    Raises `InputError`. The message repeats only what is too short to be a hash value.
    """
    algorithm = ALGORITHMS.get(name.strip().lower().replace("-", ""))
    if algorithm is None:
        shown = f" {name!r}" if name and len(name) <= 16 else ""
        raise InputError(f"unknown algorithm{shown}", hint=f"Known are {', '.join(ALGORITHMS)}.")
    return algorithm


__all__ = [
    "ALGORITHMS",
    "BYTES_HASHERS",
    "PIXEL_HASHERS",
    "Algorithm",
    "BytesHasher",
    "Hash",
    "PixelHasher",
    "find_algorithm",
]
