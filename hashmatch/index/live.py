"""Live index: one look-up over all lists, which follows the store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hashmatch.errors import (
    DamagedIndexError,
    HashmatchError,
    IndexFolderError,
    IndexStaleError,
    StoreExchangedError,
)
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import FollowedLists, ListState

from .folder import IndexFolder
from .interface import Index, Neighbour, Segment
from .layers import LayeredIndex, Withdrawn
from .maintenance import catch_up, merge
from .manifest import Manifest, SegmentMark
from .segments import open_segment, open_withdrawn

# The number of times that a newer manifest may replace the files of the one being opened.
_MAX_ATTEMPTS = 10
# There is no hurry: unmerged segments give the same answers, only slower.
_MERGE_RETRY_S = 60
# A thread that still waits for another process after this time is abandoned.
_THREAD_EXIT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lists and their entries at one moment.

    `counts` are of the active entries, by the key of their list and their algorithm.
    """

    lists: tuple[ListState, ...]
    indexes: Mapping[str, Index]
    counts: Mapping[int, Mapping[str, int]]

    def search_many(
        self, algorithm: str, values: Sequence[bytes], threshold_bits: int
    ) -> list[list[Neighbour]]:
        """Return the entries of all lists within the threshold of each value."""
        index = self.indexes.get(algorithm)
        return [[] for _ in values] if index is None else index.search_many(values, threshold_bits)

    def search_distinct(
        self, algorithm: str, values: Sequence[bytes], threshold_bits: int
    ) -> list[list[Neighbour]]:
        """Return as `search_many` does, but the entries of a list that share a value as one."""
        index = self.indexes.get(algorithm)
        if index is None:
            return [[] for _ in values]
        return index.search_distinct(values, threshold_bits)

    def has_entries(self) -> bool:
        """Say whether any list has an active entry."""
        return any(one.active_entries for one in self.lists)


class LiveIndex:
    """A snapshot that follows the store, from files that all processes of a host share.

    By default it is never older than the store: each access asks whether anything changed, and the
    first after a change waits until the index has it. With `max_age_s` a thread follows the store
    instead, and no access waits. The snapshot may then be up to that much older, and an access
    raises `IndexStaleError` if the thread could not follow for longer.
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
        self._lists = FollowedLists(database)
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
        self._problem = "it has not been read yet"
        self._exchanged: StoreExchangedError | None = None
        self._is_closed = threading.Event()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def snapshot(self) -> Snapshot:
        """Return the current lists. Raises `StoreError` or an error of the index."""
        if self._max_age_s is None:
            return self.refresh()
        self._require_open()
        with self._starting:
            if not self._threads or self._pid != os.getpid():  # Threads do not survive a fork.
                self._start()
        self._database.require_same_file()
        if self._exchanged is not None:
            raise StoreExchangedError(self._exchanged.message, hint=self._exchanged.hint)
        age_s = time.monotonic() - self._current_at_s
        snapshot = self._snapshot
        if snapshot is None or age_s > self._max_age_s:
            raise IndexStaleError(
                f"the index could not follow the lists for {age_s:.0f} seconds: {self._problem}",
                hint="Run 'hashmatch index status' for details; the limit is index.max_age_s.",
            )
        return snapshot

    def refresh(self) -> Snapshot:
        """Return the lists of this moment, after any update of the index that they need.

        Raises `StoreError` or an error of the index.
        """
        self._require_open()
        with self._lock:
            lists, read_at_s = self._read_lists()
            snapshot, manifest = self._snapshot, self._manifest
            # Two cheap checks save most refreshes from reading the manifest: the stamp of its file,
            # and the marks of its lists.
            is_published = self._stamp is not None and self._stamp == self._folder.stamp()
            if snapshot is None or manifest is None or not is_published:
                snapshot, read_at_s = self._open_newest(lists, read_at_s)
            elif snapshot.lists is not lists:
                if manifest.follows(lists):
                    snapshot = replace(snapshot, lists=lists)
                else:
                    snapshot, read_at_s = self._open_newest(lists, read_at_s)
            self._snapshot = snapshot
            self._current_at_s, self._exchanged = read_at_s, None
            self._problem = "an update is taking a long time"
            return snapshot

    def age_s(self) -> float:
        """Return the seconds since the snapshot was known to be current, infinite without one."""
        return time.monotonic() - self._current_at_s if self._snapshot else float("inf")

    def close(self) -> None:
        """End the threads and release the files."""
        self._is_closed.set()
        for thread in self._threads:
            thread.join(_THREAD_EXIT_TIMEOUT_S)
        with self._lock:
            self._lists.close()
        self._segments, self._snapshot, self._manifest = {}, None, None

    def _require_open(self) -> None:
        """Raise `IndexStaleError` once it is closed: nobody follows the lists any more."""
        if self._is_closed.is_set():
            raise IndexStaleError("the index is closed", hint="Open another scanner.")

    def _read_lists(self) -> tuple[tuple[ListState, ...], float]:
        """Return the lists and a moment at which they were current, by the monotonic clock."""
        # Taken before the query, so that the age of a snapshot is never understated.
        read_at_s = time.monotonic()
        return self._lists.read(), read_at_s

    def _open_newest(
        self, lists: tuple[ListState, ...], read_at_s: float
    ) -> tuple[Snapshot, float]:
        """Open the published index of these lists, after bringing it up to date if it is behind."""
        damaged: Manifest | None = None
        for _ in range(_MAX_ATTEMPTS):
            manifest = self._current_manifest(lists, damaged)
            if not manifest.follows(lists):  # The store has changed since.
                lists, read_at_s = self._read_lists()
            try:
                indexes = self._open(manifest)
            except FileNotFoundError:  # A newer manifest has replaced it.
                damaged = manifest if self._folder.manifest() == manifest else None
                continue
            except DamagedIndexError:
                if not self._may_rebuild or damaged is not None:
                    raise
                damaged = manifest
                continue
            if manifest.follows(lists):
                self._manifest = manifest
                # Without a stamp, the next access reads the manifest again.
                stamp = self._folder.stamp()
                self._stamp = stamp if self._folder.manifest() == manifest else None
                counts = {mark.key: mark.entries for mark in manifest.lists}
                return Snapshot(lists, indexes, counts), read_at_s
        raise IndexStaleError("the lists changed faster than the index could be read")

    def _current_manifest(self, lists: tuple[ListState, ...], damaged: Manifest | None) -> Manifest:
        # Another process may have brought the index up to date already.
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
            damaged=damaged,
            may_rebuild=self._may_rebuild,
        )

    def _open(self, manifest: Manifest) -> dict[str, Index]:
        """Open the files of a manifest, except those that are open already."""
        withdrawn = open_withdrawn(self._folder, manifest)
        segments = {
            mark: self._segments.get(mark) or self._open_segment(manifest, mark)
            for mark in manifest.segments
        }
        self._segments = segments
        return {
            name: self._layer(name, segments, withdrawn, count)
            for name, count in manifest.counts().items()
        }

    def _open_segment(self, manifest: Manifest, mark: SegmentMark) -> Segment:
        algorithm = self._algorithms.get(mark.algorithm)
        if algorithm is None:
            raise IndexFolderError(
                f"the index has {mark.algorithm} hashes, which this installation cannot match",
                hint="Install the package with that algorithm, or remove the list.",
            )
        return open_segment(self._folder, manifest.store_id, algorithm, mark)

    def _layer(
        self, name: str, segments: Mapping[SegmentMark, Segment], withdrawn: Withdrawn, count: int
    ) -> LayeredIndex:
        own = [segment for mark, segment in segments.items() if mark.algorithm == name]
        return LayeredIndex(self._algorithms[name], own, withdrawn, count)

    def _start(self) -> None:
        """Read the index and start the threads that follow the store."""
        # After a fork, the lock may be in the state in which a thread of the parent had it.
        self._lock, self._pid = threading.Lock(), os.getpid()
        self.refresh()
        self._threads = [
            threading.Thread(target=work, name=f"hashmatch-index-{name}", daemon=True)
            for name, work in (("follow", self._follow), ("merge", self._merge))
        ]
        for thread in self._threads:
            thread.start()

    def _follow(self) -> None:
        while not self._is_closed.wait(self._poll_s):
            try:
                self.refresh()
            except StoreExchangedError as error:
                self._exchanged = error
            except HashmatchError as error:
                self._problem = error.message
            except Exception as error:  # noqa: BLE001 (reported once it lasts)
                self._problem = repr(error)

    def _merge(self) -> None:
        while not self._is_closed.wait(self._poll_s):
            try:
                merge(self._folder, self._algorithms)
            except Exception:  # noqa: BLE001 (a refresh reports damage)
                self._is_closed.wait(_MERGE_RETRY_S)
