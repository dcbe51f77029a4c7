"""MD5, SHA-1 and SHA-256 of a file's bytes: they find exact copies only."""

from __future__ import annotations

import hashlib

from hashmatch.hashes import Algorithm, Kind

from .interface import BytesHasher, RunningHash


class CryptographicHasher(BytesHasher):
    """One of Python's own hash functions; here it tells files apart and protects nothing."""

    def __init__(self, name: str, bits: int) -> None:
        self.algorithm = Algorithm(name=name, version="1", bits=bits, kind=Kind.EXACT)

    def begin(self) -> RunningHash:
        """Return the hash of nothing yet."""
        return hashlib.new(self.algorithm.name, usedforsecurity=False)
