"""Maintenance of the index: changes of the store become small segments, which are merged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hashmatch.errors import DamagedIndexError, StoreError
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import read_lists, read_store_id

from .changes import Changes, read_changes
from .files import FileMark
from .folder import IndexFolder
from .interface import Entries, join_entries
from .layers import Withdrawn
from .manifest import Manifest, SegmentMark
from .segments import (
    choose_merge,
    open_segment,
    open_withdrawn,
    write_segment,
    write_withdrawn,
)

# Entries that `catch_up` may write again while other processes wait; `merge` does larger merges.
_MAX_IMMEDIATE_ENTRIES = 200_000
# From this many segments on, `catch_up` does larger merges, too, in case nobody calls `merge`.
_MAX_SEGMENTS = 12
# Above this share of withdrawn entries, all segments are merged.
_MAX_WITHDRAWN_SHARE = 0.2


def catch_up(
    database: Database,
    folder: IndexFolder,
    algorithms: Mapping[str, Algorithm],
    *,
    damaged: Manifest | None = None,
    rebuild: bool = False,
    may_rebuild: bool = True,
) -> Manifest:
    """Bring the index to the state of the store and return its manifest.

    With `rebuild` it is built from nothing but the store. If it is damaged, if it belongs to
    another store, or if `damaged` is still the manifest in force, it is rebuilt with `may_rebuild`
    and `DamagedIndexError` is raised without. Waits for other processes that do the same. Raises
    `StoreError` and `IndexFolderError`.
    """
    may_rebuild = may_rebuild or rebuild
    with folder.publishing():
        before = _read_published(folder, may_rebuild=may_rebuild)
        manifest = None
        if before is not None and before != damaged and not rebuild:
            try:
                manifest = _update(database, folder, before, algorithms)
            except (DamagedIndexError, FileNotFoundError):
                if not may_rebuild:
                    raise
        if manifest is None:
            if before is not None and not may_rebuild:
                raise DamagedIndexError(
                    f"{folder.path}: the index is damaged, or does not belong to this store",
                    hint="Rebuild it with 'hashmatch index build'.",
                )
            manifest = _build(database, folder, before.number if before else 0, algorithms)
        if manifest != before:
            folder.publish(manifest, before)
    return manifest


def merge(
    folder: IndexFolder, algorithms: Mapping[str, Algorithm], *, everything: bool = False
) -> bool:
    """Merge the segments that are due, or all of them; say whether anything was merged.

    Other processes go on reading and publishing meanwhile. Raises `IndexFolderError`.
    """
    with folder.merging() as has_lock:
        manifest = folder.manifest() if has_lock else None
        if manifest is None:
            return False
        total = sum(segment.entries for segment in manifest.segments)
        withdrawn = total - sum(manifest.counts().values())
        everything = everything or withdrawn > _MAX_WITHDRAWN_SHARE * total
        names = sorted({segment.algorithm for segment in manifest.segments} & algorithms.keys())
        merged = [
            name
            for name in names
            if _merge_algorithm(folder, algorithms[name], everything=everything)
        ]
        return bool(merged)


def _read_published(folder: IndexFolder, *, may_rebuild: bool) -> Manifest | None:
    try:
        return folder.manifest()
    except DamagedIndexError:
        if not may_rebuild:
            raise
        return None


def _update(
    database: Database, folder: IndexFolder, known: Manifest, algorithms: Mapping[str, Algorithm]
) -> Manifest | None:
    """Write the changes of the store; None if the index has followed another store or history."""
    with database.reading() as session:
        if read_store_id(session) != known.store_id:
            return None
        states = read_lists(session)
        if known.follows(states):
            return known
        changes = read_changes(session, known, states, algorithms)
    return _apply_changes(folder, known, changes, algorithms) if changes.is_complete else None


def _build(
    database: Database, folder: IndexFolder, number: int, algorithms: Mapping[str, Algorithm]
) -> Manifest:
    """Build an index from nothing but the store; `number` is that of the manifest before."""
    with database.reading() as session:
        empty = Manifest(read_store_id(session), number)
        changes = read_changes(session, empty, read_lists(session), algorithms)
    manifest = _apply_changes(folder, empty, changes, algorithms)
    if manifest is None:
        raise StoreError("the store has the same key for several entries")
    return manifest


def _apply_changes(
    folder: IndexFolder, known: Manifest, changes: Changes, algorithms: Mapping[str, Algorithm]
) -> Manifest | None:
    """Write the new entries, which are removed from `changes`, and return the next manifest.

    None if a new entry has the key of a withdrawn one: the store was restored from a backup, and
    gives the same keys again.
    """
    present = {mark.key for mark in changes.lists}
    removed = {mark.key: mark.last_key for mark in known.lists if mark.key not in present}
    for key, last_key in known.removed.items():
        removed[key] = max(last_key, removed.get(key, 0))
    withdrawn_keys = np.union1d(
        open_withdrawn(folder, known).keys, np.array(changes.withdrawn, np.int64)
    )
    withdrawn = Withdrawn(withdrawn_keys, removed)
    if any(withdrawn.includes(new.keys, new.list_keys).any() for new in changes.new.values()):
        return None
    counts = known.next(lists=changes.lists).counts()
    segments = [one for one in known.segments if one.algorithm in counts]
    for name in list(changes.new):
        new = changes.new.pop(name)  # So that its memory is free for the next algorithm.
        absorbed = _absorbable(segments, name, len(new.keys))
        old = [_entries_of(folder, known, algorithms[name], one) for one in absorbed]
        entries = join_entries([new, *(withdrawn.active(one) for one in old)])
        segments = [one for one in segments if one not in absorbed]
        segments.append(write_segment(folder, known.store_id, algorithms[name], entries))
        # The entries of absorbed segments are written again without the withdrawn ones.
        rewritten = np.concatenate([one.keys for one in (new, *old)])
        withdrawn_keys = np.setdiff1d(withdrawn_keys, rewritten)
    return known.next(
        lists=changes.lists,
        segments=tuple(segments),
        withdrawn=write_withdrawn(folder, known.store_id, withdrawn_keys),
        withdrawn_entries=len(withdrawn_keys),
        removed=removed,
    )


def _absorbable(segments: list[SegmentMark], name: str, added: int) -> list[SegmentMark]:
    """Return the segments to merge at once with a new one of `added` entries."""
    new = SegmentMark(FileMark("", 0, ""), "", name, added)
    same = [one for one in segments if one.algorithm == name]
    total = added + sum(one.entries for one in same)
    max_entries = _MAX_IMMEDIATE_ENTRIES if len(same) < _MAX_SEGMENTS else total
    chosen = choose_merge([new, *same], max_entries)
    return [one for one in chosen if one is not new] if new in chosen else []


def _due_for_merge(manifest: Manifest, name: str, *, everything: bool) -> list[SegmentMark]:
    """Return the segments of one algorithm that should be merged."""
    same = [one for one in manifest.segments if one.algorithm == name]
    if not everything:
        return choose_merge(same, sum(one.entries for one in same))
    is_compact = len(same) == 1 and same[0].entries == manifest.counts().get(name, 0)
    return [] if is_compact else same


def _merge_algorithm(folder: IndexFolder, algorithm: Algorithm, *, everything: bool) -> bool:
    """Write the active entries of some segments as one, and publish it in their place."""
    published = folder.manifest()
    chosen = _due_for_merge(published, algorithm.name, everything=everything) if published else []
    if published is None or not chosen:
        return False
    try:
        old = join_entries([_entries_of(folder, published, algorithm, one) for one in chosen])
        active = open_withdrawn(folder, published).active(old)
    except FileNotFoundError:  # A newer manifest has replaced them; the next merge starts from it.
        return False
    new = []
    if len(active.keys):
        new = [write_segment(folder, published.store_id, algorithm, active)]
    # Reading and writing took place without the lock, so the manifest may have changed since.
    with folder.publishing():
        now = folder.manifest()
        if now is None or not set(chosen) <= set(now.segments):  # It was rebuilt.
            folder.delete({one.file.name for one in new})
            return False
        # Only entries that the merge has dropped are forgotten; later withdrawals stay.
        dropped = np.setdiff1d(old.keys, active.keys)
        withdrawn_keys = np.setdiff1d(open_withdrawn(folder, now).keys, dropped)
        manifest = now.next(
            segments=(*(one for one in now.segments if one not in chosen), *new),
            withdrawn=write_withdrawn(folder, now.store_id, withdrawn_keys),
            withdrawn_entries=len(withdrawn_keys),
        )
        folder.publish(manifest, now)
    return True


def _entries_of(
    folder: IndexFolder, manifest: Manifest, algorithm: Algorithm, mark: SegmentMark
) -> Entries:
    return open_segment(folder, manifest.store_id, algorithm, mark).entries()
