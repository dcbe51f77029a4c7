"""Exact search of byte vectors by Euclidean distance, for algorithms without bit strings.

FAISS compares the query with every vector. It is an optional dependency, for installations with
such an algorithm.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from hashmatch.errors import IndexFolderError
from hashmatch.hashes import Algorithm

from .interface import Entries, Hits, Segment, Values, narrow


class VectorSegment(Segment):
    """A segment of byte vectors; distances are squared and thus integers."""

    kind: ClassVar = "vectors"

    @classmethod
    def build(cls, algorithm: Algorithm, entries: Entries, _: Path | None = None) -> Self:
        """Build a segment with the vectors in the given order."""
        arrays = {
            "vectors": entries.values,
            "entry_keys": narrow(entries.keys),
            "list_keys": narrow(entries.list_keys),
        }
        return cls(algorithm, arrays)

    def __len__(self) -> int:
        return len(self.arrays["entry_keys"])

    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every entry within the threshold, which is a squared distance."""
        # FAISS excludes vectors at the limit itself; all distances are integers.
        limits, distances, places = self._vectors.range_search(
            values.astype(np.float32), threshold_bits + 0.5
        )
        queries = np.repeat(np.arange(len(values)), np.diff(limits.astype(np.int64)))
        return Hits(
            queries,
            self.arrays["entry_keys"][places].astype(np.int64),
            self.arrays["list_keys"][places].astype(np.int64),
            np.rint(distances).astype(np.int64),
            places.astype(np.int64),
        )

    def entries(self) -> Entries:
        """Return the entries in the order in which they were given."""
        return Entries(
            self.arrays["entry_keys"].astype(np.int64),
            self.arrays["list_keys"].astype(np.int64),
            self.arrays["vectors"].astype(np.uint8),
        )

    @cached_property
    def _vectors(self) -> Any:
        try:
            import faiss
        except ImportError as error:
            raise IndexFolderError(
                f"{self.algorithm.name} hashes are vectors, which need FAISS to be compared",
                hint="Install it: pip install 'hashmatch[vectors]'",
            ) from error
        # Bytes are stored unchanged. Up to 258 bytes, sums of squares are under 2 ** 24, and exact.
        index = faiss.IndexScalarQuantizer(
            self.algorithm.bits // 8, faiss.ScalarQuantizer.QT_8bit_direct
        )
        index.add(self.arrays["vectors"].astype(np.float32))
        return index
