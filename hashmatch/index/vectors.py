"""Exact search of byte vectors by their Euclidean distance, for algorithms that are no bit strings.

FAISS compares the query with every vector; it is an extra, which whoever brings such an algorithm
asks for.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from hashmatch.errors import IndexFolderError
from hashmatch.hashes import Algorithm

from .interface import Entries, Hits, Segment, Values, compact


class VectorSegment(Segment):
    """Byte vectors; distances are squared ones, which are whole numbers."""

    kind: ClassVar = "vectors"

    @classmethod
    def build(cls, algorithm: Algorithm, entries: Entries) -> Self:
        """Keep the vectors as they are."""
        arrays = {
            "vectors": entries.values,
            "entry_keys": compact(entries.keys),
            "list_keys": compact(entries.list_keys),
        }
        return cls(algorithm, arrays)

    def __len__(self) -> int:
        return len(self.arrays["entry_keys"])

    def find(self, values: Values, threshold_bits: int) -> Hits:
        """Return every entry within the threshold, which is a squared distance."""
        # FAISS leaves out those at the limit itself; all distances are whole.
        limits, distances, places = self._vectors.range_search(
            values.astype(np.float32), threshold_bits + 0.5
        )
        queries = np.repeat(np.arange(len(values)), np.diff(limits.astype(np.int64)))
        return Hits(
            queries,
            self.arrays["entry_keys"][places].astype(np.int64),
            self.arrays["list_keys"][places].astype(np.int64),
            np.rint(distances).astype(np.int64),
        )

    def entries(self) -> Entries:
        """Return the entries as they were given."""
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
        # Bytes as they are. Sums of squares stay under 2 ** 24 up to 258 bytes, and so exact.
        index = faiss.IndexScalarQuantizer(
            self.algorithm.bits // 8, faiss.ScalarQuantizer.QT_8bit_direct
        )
        index.add(self.arrays["vectors"].astype(np.float32))
        return index
