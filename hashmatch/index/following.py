"""How the index follows the store: what changed goes into a small segment, and those are merged."""

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
from .interface import Entries, joined
from .layers import Withdrawn
from .manifest import Manifest, SegmentMark
from .segments import (
    choose_merge,
    open_segment,
    open_withdrawn,
    write_segment,
    write_withdrawn,
)

# What is merged at once, while others wait; more is left to `merge`.
_MOST_ENTRIES_AT_ONCE = 200_000
# But where nobody ever calls that, segments must not pile up.
_MOST_SEGMENTS = 12
# From so many dead entries on, of all, everything is merged.
_DEAD_PART = 0.2


def catch_up(
    database: Database,
    folder: IndexFolder,
    algorithms: Mapping[str, Algorithm],
    *,
    instead_of: Manifest | None = None,
    is_anew: bool = False,
    may_rebuild: bool = True,
) -> Manifest:
    """Bring the index to the state of the store and return its manifest.

    With `is_anew` it is built from nothing but the store. So it is, if that is allowed, where it
    is damaged, of another store, or where `instead_of` is still in force. Waits for other processes
    that do the same. Raises `StoreError` and `IndexFolderError`.
    """
    may_rebuild = may_rebuild or is_anew
    with folder.publishing():
        before = _published(folder, may_rebuild=may_rebuild)
        manifest = None
        if before is not None and before != instead_of and not is_anew:
            try:
                manifest = _changed(database, folder, before, algorithms)
            except (DamagedIndexError, FileNotFoundError):
                if not may_rebuild:
                    raise
        if manifest is None:
            if before is not None and not may_rebuild:
                raise DamagedIndexError(
                    f"{folder.path}: the index is damaged, or not of this store as it stands",
                    hint="Build it again with 'hashmatch index build'.",
                )
            manifest = _built(database, folder, before.number if before else 0, algorithms)
        if manifest != before:
            folder.publish(manifest, before)
    return manifest


def merge(
    folder: IndexFolder, algorithms: Mapping[str, Algorithm], *, everything: bool = False
) -> bool:
    """Merge segments where that is due, or all of them; say whether anything was merged.

    Others go on reading and publishing meanwhile. Raises `IndexFolderError`.
    """
    with folder.merging() as is_ours:
        manifest = folder.manifest() if is_ours else None
        if manifest is None:
            return False
        total = sum(segment.entries for segment in manifest.segments)
        dead = total - sum(manifest.counts().values())
        everything = everything or dead > _DEAD_PART * total
        names = sorted({segment.algorithm for segment in manifest.segments} & algorithms.keys())
        merged = [
            name
            for name in names
            if _merge_algorithm(folder, algorithms[name], everything=everything)
        ]
        return bool(merged)


def _published(folder: IndexFolder, *, may_rebuild: bool) -> Manifest | None:
    try:
        return folder.manifest()
    except DamagedIndexError:
        if not may_rebuild:
            raise
        return None


def _changed(
    database: Database, folder: IndexFolder, known: Manifest, algorithms: Mapping[str, Algorithm]
) -> Manifest | None:
    """Return the index with what changed in the store since, None where it is another's past."""
    with database.reading() as session:
        if read_store_id(session) != known.store_id:
            return None
        states = read_lists(session)
        if known.follows(states):
            return known
        changes = read_changes(session, known, states, algorithms)
    return _with_changes(folder, known, changes, algorithms) if changes.is_whole else None


def _built(
    database: Database, folder: IndexFolder, number: int, algorithms: Mapping[str, Algorithm]
) -> Manifest:
    """Return an index of nothing but the store."""
    with database.reading() as session:
        empty = Manifest(read_store_id(session), number)
        changes = read_changes(session, empty, read_lists(session), algorithms)
    manifest = _with_changes(folder, empty, changes, algorithms)
    if manifest is None:
        raise StoreError("the store gives one key to several entries")
    return manifest


def _with_changes(
    folder: IndexFolder, known: Manifest, changes: Changes, algorithms: Mapping[str, Algorithm]
) -> Manifest | None:
    """Write what is new, which is taken out of `changes`, and return the manifest with it.

    None where something new has the key of something dead: the store was put back from a copy, and
    counts again.
    """
    kept = {mark.key for mark in changes.lists}
    gone = {mark.key: mark.last_key for mark in known.lists if mark.key not in kept}
    for key, last_key in known.removed.items():
        gone[key] = max(last_key, gone.get(key, 0))
    dead = np.union1d(open_withdrawn(folder, known).keys, np.array(changes.withdrawn, np.int64))
    withdrawn = Withdrawn(dead, gone)
    if any(withdrawn.are_dead(new.keys, new.list_keys).any() for new in changes.new.values()):
        return None
    counts = known.next(lists=changes.lists).counts()
    segments = [one for one in known.segments if one.algorithm in counts]
    for name in list(changes.new):
        new = changes.new.pop(name)
        absorbed = _small_enough(segments, name, len(new.keys))
        old = [_entries_of(folder, known, algorithms[name], one) for one in absorbed]
        entries = joined([new, *(withdrawn.living(one) for one in old)])
        segments = [one for one in segments if one not in absorbed]
        segments.append(write_segment(folder, known.store_id, algorithms[name], entries))
        dead = np.setdiff1d(dead, np.concatenate([one.keys for one in (new, *old)]))
    return known.next(
        lists=changes.lists,
        segments=tuple(segments),
        withdrawn=write_withdrawn(folder, known.store_id, dead),
        withdrawn_entries=len(dead),
        removed=gone,
    )


def _small_enough(segments: list[SegmentMark], name: str, added: int) -> list[SegmentMark]:
    """Return the segments that new entries are put into one with."""
    new = SegmentMark(FileMark("", 0, ""), "", name, added)
    same = [one for one in segments if one.algorithm == name]
    total = added + sum(one.entries for one in same)
    most_entries = _MOST_ENTRIES_AT_ONCE if len(same) < _MOST_SEGMENTS else total
    chosen = choose_merge([new, *same], most_entries)
    return [one for one in chosen if one is not new] if new in chosen else []


def _due(manifest: Manifest, name: str, *, everything: bool) -> list[SegmentMark]:
    """Return the segments of one algorithm that are to become one."""
    same = [one for one in manifest.segments if one.algorithm == name]
    if not everything:
        return choose_merge(same, sum(one.entries for one in same))
    is_whole = len(same) == 1 and same[0].entries == manifest.counts().get(name, 0)
    return [] if is_whole else same


def _merge_algorithm(folder: IndexFolder, algorithm: Algorithm, *, everything: bool) -> bool:
    """Write the living entries of some segments as one, and publish it in their place."""
    seen = folder.manifest()
    chosen = _due(seen, algorithm.name, everything=everything) if seen else []
    if seen is None or not chosen:
        return False
    try:
        old = joined([_entries_of(folder, seen, algorithm, one) for one in chosen])
        living = open_withdrawn(folder, seen).living(old)
    except FileNotFoundError:  # Somebody published meanwhile; the next merge sees what.
        return False
    new = []
    if len(living.keys):
        new = [write_segment(folder, seen.store_id, algorithm, living)]
    with folder.publishing():
        now = folder.manifest()
        if now is None or not set(chosen) <= set(now.segments):  # It was built anew.
            folder.delete({one.file.name for one in new})
            return False
        # What was withdrawn meanwhile stays so.
        dropped = np.setdiff1d(old.keys, living.keys)
        dead = np.setdiff1d(open_withdrawn(folder, now).keys, dropped)
        manifest = now.next(
            segments=(*(one for one in now.segments if one not in chosen), *new),
            withdrawn=write_withdrawn(folder, now.store_id, dead),
            withdrawn_entries=len(dead),
        )
        folder.publish(manifest, now)
    return True


def _entries_of(
    folder: IndexFolder, manifest: Manifest, algorithm: Algorithm, mark: SegmentMark
) -> Entries:
    return open_segment(folder, manifest.store_id, algorithm, mark).entries()
