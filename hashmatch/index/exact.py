"""Exact look-up of cryptographic hashes: sorted values, searched by their first eight bytes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from hashmatch.hashes import Algorithm

from .interface import Entries, Hits, Segment, Values, narrow, no_hits

_PREFIX_BYTES = 8


class ExactSegment(Segment):
    """A segment that finds equal values only, for any threshold."""

    kind: ClassVar = "exact"

    @classmethod
    def build(cls, algorithm: Algorithm, entries: Entries, _: Path | None = None) -> Self:
        """Build a segment with the entries sorted by the first bytes of their values."""
        # Numbers sort and compare faster than byte strings, and 64 bits are nearly always enough to
        # tell cryptographic hashes apart.
        prefixes = _prefixes(entries.values)
        order = np.argsort(prefixes, kind="stable")
        return cls(
            algorithm,
            {
                "prefixes": prefixes[order],
                "rest": entries.values[order, _PREFIX_BYTES:],
                "entry_keys": narrow(entries.keys[order]),
                "list_keys": narrow(entries.list_keys[order]),
            },
        )

    def __len__(self) -> int:
        return len(self.arrays["prefixes"])

    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every entry with an equal value."""
        prefixes, wanted = self.arrays["prefixes"], _prefixes(values)
        first = prefixes.searchsorted(wanted, side="left")
        counts = prefixes.searchsorted(wanted, side="right") - first
        if not counts.any():  # As of nearly all images.
            return no_hits()
        rest, found = self.arrays["rest"], []
        for query in np.flatnonzero(counts).tolist():
            # Run by run: lists may have thousands of values that begin alike, and so may queries.
            run = slice(first[query], first[query] + counts[query])
            equal = (rest[run] == values[query, _PREFIX_BYTES:]).all(axis=1)
            found.append((query, first[query] + np.flatnonzero(equal)))
        places = np.concatenate([some for _, some in found])
        queries = np.repeat([query for query, _ in found], [len(some) for _, some in found])
        return Hits(
            queries,
            self.arrays["entry_keys"][places].astype(np.int64),
            self.arrays["list_keys"][places].astype(np.int64),
            np.zeros(len(places), np.int64),
            first[queries],
        )

    def entries(self) -> Entries:
        """Return the entries in the order in which they are stored."""
        prefixes = self.arrays["prefixes"].astype(">u8")[:, None].view(np.uint8)
        return Entries(
            self.arrays["entry_keys"].astype(np.int64),
            self.arrays["list_keys"].astype(np.int64),
            np.concatenate([prefixes, self.arrays["rest"]], axis=1, dtype=np.uint8),
        )


def _prefixes(values: Values) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return the first bytes of values as numbers, which sort like the values."""
    heads = np.ascontiguousarray(values[:, :_PREFIX_BYTES])
    return heads.view(">u8").ravel().astype(np.uint64)
