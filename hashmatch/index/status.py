"""Status of the index: the lists that it is behind, and any damage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashmatch.errors import DamagedIndexError, IndexFolderError
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import read_lists, read_store_id

from .folder import IndexFolder
from .manifest import Manifest
from .segments import open_segment, open_withdrawn


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The manifest in force, the names of the lists that it is behind, and any problem with it."""

    manifest: Manifest | None
    behind: tuple[str, ...]
    problem: str = ""
    hint: str = ""


def inspect(
    database: Database, folder: IndexFolder, algorithms: Mapping[str, Algorithm]
) -> IndexStatus:
    """Read all files of the index and compare it with the store. Raises `StoreError`."""
    with database.reading() as session:
        states, store_id = read_lists(session), read_store_id(session)
    try:
        manifest = folder.manifest()
        if manifest is None:
            return IndexStatus(None, tuple(state.name for state in states))
        if manifest.store_id != store_id:
            raise DamagedIndexError(
                f"{folder.path}: it is the index of another database; where that was exchanged,"
                " restart what runs on this host",
                hint="Give each database its own folder with index.dir.",
            )
        # Opening a file verifies its checksums.
        open_withdrawn(folder, manifest)
        for mark in manifest.segments:
            if mark.algorithm not in algorithms:
                raise IndexFolderError(
                    f"the index has {mark.algorithm} hashes, which this installation cannot match",
                    hint="Install the package with that algorithm, or remove the list.",
                )
            open_segment(folder, store_id, algorithms[mark.algorithm], mark)
    except FileNotFoundError as error:
        return IndexStatus(None, (), f"{error.filename}: the file is missing")
    except IndexFolderError as error:
        return IndexStatus(None, (), error.message, error.hint)
    marks = {mark.key: mark for mark in manifest.lists}
    behind = [one.name for one in states if one.key not in marks or not marks[one.key].is_of(one)]
    if marks.keys() - {one.key for one in states}:
        behind.append("(one that was removed)")
    return IndexStatus(manifest, tuple(behind))
