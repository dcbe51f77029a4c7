"""Routes of shared lists, for consumers: our feed, NCMEC's shape, and TAXII."""

from . import feed, ncmec, taxii

PARTS = (feed, ncmec, taxii)

__all__ = ["PARTS"]
