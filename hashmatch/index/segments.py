"""Segments by kind of algorithm, their files, and the choice of segments to merge."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hashmatch.errors import DamagedIndexError
from hashmatch.hashes import Algorithm, Kind

from .exact import ExactSegment
from .files import FileMark, map_arrays
from .folder import IndexFolder
from .hamming import HammingSegment
from .interface import Entries, Keys, Segment
from .layers import Withdrawn
from .manifest import Manifest, SegmentMark
from .vectors import VectorSegment

SEGMENT_OF_KIND: dict[Kind, type[Segment]] = {
    Kind.EXACT: ExactSegment,
    Kind.PERCEPTUAL: HammingSegment,
    Kind.VECTOR: VectorSegment,
}

# Segments with fewer entries in total are always merged, which takes milliseconds.
_SMALL_ENTRIES = 20_000
# A larger segment is merged with all smaller ones if it has at most this many times their entries.
_MERGE_RATIO = 4


def write_segment(
    folder: IndexFolder, store_id: str, algorithm: Algorithm, entries: Entries
) -> SegmentMark:
    """Build a segment of the entries, whose values are used up, and write it.

    Raises `IndexFolderError`.
    """
    segment = SEGMENT_OF_KIND[algorithm.kind].build(algorithm, entries, folder.path)
    facts = _facts(store_id, segment)
    mark = folder.write({**facts, "entries": len(entries.keys)}, segment.arrays)
    return SegmentMark(mark, segment.kind, algorithm.name, len(entries.keys))


def open_segment(
    folder: IndexFolder, store_id: str, algorithm: Algorithm, mark: SegmentMark
) -> Segment:
    """Map a segment and check it. Raises `FileNotFoundError` or `IndexFolderError`."""
    facts, arrays = map_arrays(folder.path, mark.file)
    kind = SEGMENT_OF_KIND[algorithm.kind]
    try:
        segment = kind(algorithm, arrays)
        # A changed version or size of the algorithm makes the segment unusable.
        is_right = facts == {**_facts(store_id, segment), "entries": len(segment)}
    except (KeyError, ValueError) as error:
        raise _mismatch_error(folder, mark) from error
    if not is_right or len(segment) != mark.entries:
        raise _mismatch_error(folder, mark)
    return segment


def write_withdrawn(folder: IndexFolder, store_id: str, keys: Keys) -> FileMark | None:
    """Write the keys of withdrawn entries; return None, without a file, if there are none."""
    if not len(keys):
        return None
    return folder.write({"store": store_id, "kind": "withdrawn"}, {"keys": np.unique(keys)})


def open_withdrawn(folder: IndexFolder, manifest: Manifest) -> Withdrawn:
    """Return the withdrawn entries. Raises `FileNotFoundError` or `IndexFolderError`."""
    keys = np.zeros(0, np.int64)
    if manifest.withdrawn is not None:
        facts, arrays = map_arrays(folder.path, manifest.withdrawn)
        if facts != {"store": manifest.store_id, "kind": "withdrawn"}:
            raise _mismatch_error(folder, manifest.withdrawn)
        keys = arrays["keys"].astype(np.int64)
    return Withdrawn(keys, manifest.removed)


def choose_merge(segments: Iterable[SegmentMark], max_entries: int) -> list[SegmentMark]:
    """Return the segments of one algorithm that should be merged, none if they are few enough.

    The number of segments stays so low that it hardly slows a query, and each entry is rewritten
    only about log(entries) times. The merged segment has at most `max_entries` entries.
    """
    by_size = sorted(segments, key=lambda one: one.entries)
    chosen: list[SegmentMark] = []
    total = 0
    for count, one in enumerate(by_size):
        total += one.entries
        if total > max_entries:
            break
        if total <= _SMALL_ENTRIES or one.entries <= _MERGE_RATIO * (total - one.entries):
            chosen = by_size[: count + 1]
    return chosen if len(chosen) > 1 else []


def _facts(store_id: str, segment: Segment) -> dict[str, str | int]:
    algorithm = segment.algorithm
    return {
        "store": store_id,
        "kind": segment.kind,
        "algorithm": algorithm.name,
        "version": algorithm.version,
        "bits": algorithm.bits,
    }


def _mismatch_error(folder: IndexFolder, mark: SegmentMark | FileMark) -> DamagedIndexError:
    name = mark.name if isinstance(mark, FileMark) else mark.file.name
    return DamagedIndexError(
        f"{folder.path / name}: it belongs to another store or to another algorithm or version",
        hint="Rebuild the index with 'hashmatch index build'.",
    )
