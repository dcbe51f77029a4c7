"""Cryptographic hashes of a file's bytes (MD5, SHA-1, SHA-256), which find exact copies only."""

from __future__ import annotations

import hashlib

from hashmatch.hashes import Algorithm, Kind

from .interface import BytesHasher, RunningHash


class CryptographicHasher(BytesHasher):
    """Hasher of one function of `hashlib`, used to compare files and not for security."""

    def __init__(self, name: str, bits: int) -> None:
        self.algorithm = Algorithm(name=name, version="1", bits=bits, kind=Kind.EXACT)

    def begin(self) -> RunningHash:
        """Return the running hash of an empty file."""
        # Without this flag, systems in FIPS mode refuse MD5.
        return hashlib.new(self.algorithm.name, usedforsecurity=False)
