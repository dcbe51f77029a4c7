"""The hashers, and the algorithms by name.

To add one of ours: write its file, name it here, add golden values and a line to the README. Those
of others come in through the entry-point group of `installed`.
"""

from __future__ import annotations

from hashmatch.errors import ForeignAlgorithmError, InputError
from hashmatch.hashes import Algorithm, Hash

from .classic import ClassicHasher
from .cryptographic import CryptographicHasher
from .installed import installed
from .interface import BytesHasher, PixelHasher, Reduction, RunningHash, hash_bytes
from .pdq import PDQHasher

_INSTALLED = installed()
BYTES_HASHERS: tuple[BytesHasher, ...] = (
    CryptographicHasher("md5", 128),
    CryptographicHasher("sha1", 160),
    CryptographicHasher("sha256", 256),
    *(one for one in _INSTALLED if isinstance(one, BytesHasher)),
)
PIXEL_HASHERS: tuple[PixelHasher, ...] = (
    PDQHasher(),
    ClassicHasher("phash", "phash", threshold_bits=8),
    ClassicHasher("dhash", "dhash", threshold_bits=6),
    ClassicHasher("whash", "whash", threshold_bits=4),
    ClassicHasher("ahash", "average_hash", threshold_bits=4),
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


# Algorithms that lists are known to carry and that are not matched here, with their other names.
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
# The exact hash of a film is that of its bytes, and so matches a file like any other.
_OTHER_NAMES = {"videomd5": "md5", "videosha1": "sha1", "videosha256": "sha256"}


def find_algorithm(name: str) -> Algorithm:
    """Return the algorithm of that name; case, hyphens and underscores are forgiven ("SHA-256").

    Raises `InputError`. The message never repeats the name, which in a file with its columns mixed
    up is a value; `ForeignAlgorithmError` is for names of algorithms that exist elsewhere.
    """
    lower = name.strip().lower()
    plain = lower.replace("-", "").replace("_", "")
    plain = _OTHER_NAMES.get(plain, plain)
    if (algorithm := ALGORITHMS.get(plain) or ALGORITHMS.get(lower)) is not None:
        return algorithm
    hint = f"Known are {', '.join(ALGORITHMS)}."
    if (foreign := _FOREIGN.get(plain)) is not None:
        raise ForeignAlgorithmError(
            f"{foreign} hashes are not matched here", hint=hint, algorithm=foreign
        )
    raise InputError("unknown algorithm", hint=hint)


__all__ = [
    "ALGORITHMS",
    "BYTES_HASHERS",
    "PIXEL_HASHERS",
    "Algorithm",
    "BytesHasher",
    "Hash",
    "PixelHasher",
    "Reduction",
    "RunningHash",
    "find_algorithm",
    "hash_bytes",
]
