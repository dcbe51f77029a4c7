"""All lists as one look-up that follows the store: what the pipeline asks for matches."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hashmatch.errors import DamagedIndexError, HashmatchError, IndexFolderError, IndexStaleError
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import ListState, read_lists

from .folder import IndexFolder
from .following import catch_up, merge
from .interface import Index, Neighbour, Segment
from .layers import LayeredIndex, Withdrawn
from .manifest import Manifest, SegmentMark
from .segments import open_segment, open_withdrawn

# How often the files of a manifest may be gone before it is read, because newer ones came.
_ATTEMPTS = 10
# What was not merged answers all the same, only slower.
_SECONDS_AFTER_A_FAILED_MERGE = 60
# A thread that waits for another process may be left behind.
_SECONDS_TO_END = 10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lists and their entries as they stood together at one moment."""

    lists: tuple[ListState, ...]
    indexes: Mapping[str, Index]

    def search_many(
        self, algorithm: str, values: Sequence[bytes], threshold_bits: int
    ) -> list[list[Neighbour]]:
        """Return for each value the entries of all lists within the threshold."""
        index = self.indexes.get(algorithm)
        return [[] for _ in values] if index is None else index.search_many(values, threshold_bits)

    def has_entries(self) -> bool:
        """Say whether any list has any entry."""
        return any(one.active_entries for one in self.lists)


class LiveIndex:
    """Keeps a snapshot that follows the store, by files that all processes of a host share.

    By itself it is never older than the store: asking costs one small query, and whoever asks first
    after a change waits until the index has it. With `max_age_s` a thread follows the store
    instead, and nobody who asks ever waits; then the snapshot may be so much older, and where the
    thread cannot follow for longer, asking raises `IndexStaleError`.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        algorithms: Mapping[str, Algorithm],
        *,
        max_age_s: float | None = None,
        poll_s: float = 1.0,
        may_rebuild: bool = True,
    ) -> None:
        self._database = database
        self._folder = IndexFolder(folder)
        self._algorithms = algorithms
        self._max_age_s = max_age_s
        self._poll_s = poll_s
        self._may_rebuild = may_rebuild
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._manifest: Manifest | None = None
        self._stamp: tuple[int, int] | None = None
        self._segments: dict[SegmentMark, Segment] = {}
        self._current_at_s = 0.0
        self._pid = 0
        self._problem = "it was not read yet"
        self._is_closed = threading.Event()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def snapshot(self) -> Snapshot:
        """Return the lists as they stand. Raises `StoreError` or an error of the index."""
        if self._max_age_s is None:
            return self.renewed()
        with self._starting:
            if not self._threads or self._pid != os.getpid():  # Threads do not live on in a fork.
                self._start()
        age_s = time.monotonic() - self._current_at_s
        snapshot = self._snapshot
        if snapshot is None or age_s > self._max_age_s:
            raise IndexStaleError(
                f"the index could not follow the lists for {age_s:.0f} seconds: {self._problem}",
                hint="'hashmatch index status' says more; the limit is index.max_age_s.",
            )
        return snapshot

    def renewed(self) -> Snapshot:
        """Return the lists as they stand at this moment, whatever it takes."""
        with self._lock:
            lists, read_at_s = self._read_lists()
            held, manifest = self._snapshot, self._manifest
            is_published = self._stamp is not None and self._stamp == self._folder.stamp()
            if held is None or manifest is None or not is_published or not manifest.follows(lists):
                held, read_at_s = self._open_newest(lists, read_at_s)
            else:
                held = Snapshot(lists, held.indexes)
            self._snapshot = held
            self._current_at_s = read_at_s
            self._problem = "a change takes long"
            return held

    def age_s(self) -> float:
        """Return how long ago the snapshot was known to be the store's, infinite without one."""
        return time.monotonic() - self._current_at_s if self._snapshot else float("inf")

    def close(self) -> None:
        """End the threads and let go of the files."""
        self._is_closed.set()
        for thread in self._threads:
            thread.join(_SECONDS_TO_END)
        self._segments, self._snapshot, self._manifest = {}, None, None

    def _read_lists(self) -> tuple[tuple[ListState, ...], float]:
        """Return the lists and a moment at which they stood so, by the monotonic clock."""
        read_at_s = time.monotonic()
        with self._database.reading() as session:
            return read_lists(session), read_at_s

    def _open_newest(
        self, lists: tuple[ListState, ...], read_at_s: float
    ) -> tuple[Snapshot, float]:
        """Open what is published for these lists, or bring it up to date first."""
        damaged: Manifest | None = None
        for _ in range(_ATTEMPTS):
            manifest = self._current(lists, damaged)
            if not manifest.follows(lists):  # The store went on.
                lists, read_at_s = self._read_lists()
            try:
                indexes = self._open(manifest)
            except FileNotFoundError:  # A newer one was published and took it away.
                damaged = manifest if self._folder.manifest() == manifest else None
                continue
            except DamagedIndexError:
                if not self._may_rebuild or damaged is not None:
                    raise
                damaged = manifest
                continue
            if manifest.follows(lists):
                self._manifest = manifest
                stamp = self._folder.stamp()
                self._stamp = stamp if self._folder.manifest() == manifest else None
                return Snapshot(lists, indexes), read_at_s
        raise IndexStaleError("the lists changed faster than the index could be read")

    def _current(self, lists: tuple[ListState, ...], damaged: Manifest | None) -> Manifest:
        try:
            published = self._folder.manifest()
        except DamagedIndexError:
            if not self._may_rebuild:
                raise
            published = None
        if published is not None and published != damaged and published.follows(lists):
            return published
        return catch_up(
            self._database,
            self._folder,
            self._algorithms,
            instead_of=damaged,
            may_rebuild=self._may_rebuild,
        )

    def _open(self, manifest: Manifest) -> dict[str, Index]:
        """Open the files of a manifest, as far as they are not open already."""
        withdrawn = open_withdrawn(self._folder, manifest)
        segments = {
            mark: self._segments.get(mark) or self._open_segment(manifest, mark)
            for mark in manifest.segments
        }
        self._segments = segments
        return {
            name: self._layered(name, segments, withdrawn, count)
            for name, count in manifest.counts().items()
        }

    def _open_segment(self, manifest: Manifest, mark: SegmentMark) -> Segment:
        algorithm = self._algorithms.get(mark.algorithm)
        if algorithm is None:
            raise IndexFolderError(
                f"the index holds {mark.algorithm} hashes, which this installation cannot match",
                hint="Install what brings that algorithm, or remove the list.",
            )
        return open_segment(self._folder, manifest.store_id, algorithm, mark)

    def _layered(
        self, name: str, segments: Mapping[SegmentMark, Segment], withdrawn: Withdrawn, count: int
    ) -> LayeredIndex:
        own = [segment for mark, segment in segments.items() if mark.algorithm == name]
        return LayeredIndex(self._algorithms[name], own, withdrawn, count)

    def _start(self) -> None:
        """Read the index and begin to follow the store."""
        self._lock, self._pid = threading.Lock(), os.getpid()
        self.renewed()
        self._threads = [
            threading.Thread(target=work, name=f"hashmatch-index-{name}", daemon=True)
            for name, work in (("follow", self._follow), ("merge", self._merge))
        ]
        for thread in self._threads:
            thread.start()

    def _follow(self) -> None:
        while not self._is_closed.wait(self._poll_s):
            try:
                self.renewed()
            except HashmatchError as error:
                self._problem = error.message
            except Exception as error:  # noqa: BLE001 (it is told when it lasts)
                self._problem = repr(error)

    def _merge(self) -> None:
        while not self._is_closed.wait(self._poll_s):
            try:
                merge(self._folder, self._algorithms)
            except Exception:  # noqa: BLE001 (the next reading says what is wrong, if it matters)
                self._is_closed.wait(_SECONDS_AFTER_A_FAILED_MERGE)
