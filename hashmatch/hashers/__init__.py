"""Hashers, and the algorithms by name.

To add a hasher to this package: write its file, register it here, and add golden values and a line
to the README. Third-party hashers are loaded through the entry-point group of `installed`.
"""

from __future__ import annotations

from hashmatch.errors import InputError, UnsupportedAlgorithmError
from hashmatch.hashes import Algorithm, Hash

from .classic import ClassicHasher
from .cryptographic import CryptographicHasher
from .degenerate import is_degenerate
from .installed import load_installed
from .interface import BytesHasher, PixelHasher, Reduction, RunningHash, hash_bytes
from .pdq import PDQ, PDQHasher, hash_smalls

_INSTALLED = load_installed()
BYTES_HASHERS: tuple[BytesHasher, ...] = (
    CryptographicHasher("md5", 128),
    CryptographicHasher("sha1", 160),
    CryptographicHasher("sha256", 256),
    *(one for one in _INSTALLED if isinstance(one, BytesHasher)),
)
PIXEL_HASHERS: tuple[PixelHasher, ...] = (
    PDQHasher(),
    ClassicHasher("phash", "phash", threshold_bits=2),
    ClassicHasher("dhash", "dhash"),
    ClassicHasher("whash", "whash"),
    ClassicHasher("ahash", "average_hash"),
    *(one for one in _INSTALLED if isinstance(one, PixelHasher)),
)
ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        *(hasher.algorithm for hasher in BYTES_HASHERS),
        *(hasher.algorithm for hasher in PIXEL_HASHERS),
        *(one for one in _INSTALLED if isinstance(one, Algorithm)),
    )
}


# Algorithms that occur in lists and have no hasher here, by their names without punctuation.
_FOREIGN = {
    "photodna": "photodna",
    "pdna": "photodna",
    "netclean": "netclean",
    "videntifier": "videntifier",
    "ssvhpdna": "ssvh-pdna",
    "ssvhsaferhash": "ssvh-safer-hash",
    "videophotodna": "video-photodna",
    "tmk": "tmk-pdqf",
    "tmkpdqf": "tmk-pdqf",
    "videotmk": "tmk-pdqf",
    "vpdq": "vpdq",
    "pdqocr": "pdq-ocr",
    "sha384": "sha384",
    "sha512": "sha512",
}
# The exact hash of a video is a hash of its bytes, and so matches like that of any other file. The
# length of a value tells base32.
_ALIASES = {
    "videomd5": "md5",
    "videosha1": "sha1",
    "videosha256": "sha256",
    "sha1base32": "sha1",
}


def find_algorithm(name: str) -> Algorithm:
    """Return the algorithm of the given name, ignoring case, hyphens and underscores ("SHA-256").

    Raises `UnsupportedAlgorithmError` for an algorithm that exists but has no hasher here, or else
    `InputError`. The message never repeats the name, which is a hash value in a file with mixed-up
    columns.
    """
    lower = name.strip().lower()
    plain = lower.replace("-", "").replace("_", "")
    plain = _ALIASES.get(plain, plain)
    # Third-party names may contain hyphens, so the name is also tried with them.
    if (algorithm := ALGORITHMS.get(plain) or ALGORITHMS.get(lower)) is not None:
        return algorithm
    hint = f"Known algorithms: {', '.join(ALGORITHMS)}."
    if (foreign := _FOREIGN.get(plain)) is not None:
        raise UnsupportedAlgorithmError(
            f"{foreign} hashes are not matched here", hint=hint, algorithm=foreign
        )
    raise InputError("unknown algorithm", hint=hint)


__all__ = [
    "ALGORITHMS",
    "BYTES_HASHERS",
    "PDQ",
    "PIXEL_HASHERS",
    "Algorithm",
    "BytesHasher",
    "Hash",
    "PDQHasher",
    "PixelHasher",
    "Reduction",
    "RunningHash",
    "find_algorithm",
    "hash_bytes",
    "hash_smalls",
    "is_degenerate",
]
