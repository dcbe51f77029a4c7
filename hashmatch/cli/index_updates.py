"""Index updates by commands that change lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashmatch.errors import IndexFolderError

from .context import App
from .output import say

if TYPE_CHECKING:
    from hashmatch.index import Manifest
    from hashmatch.store.engine import Database


def update_index(app: App, database: Database) -> None:
    """Bring the index up to date with the lists, so that running scanners only have to open it.

    A failure is only a warning: the change itself is committed, and scanners catch up later.
    """
    from hashmatch.hashers import ALGORITHMS
    from hashmatch.index import IndexFolder, catch_up, merge

    folder = IndexFolder(app.settings.index_dir)
    try:
        catch_up(database, folder, ALGORITHMS, may_rebuild=app.settings.index.rebuild)
        merge(folder, ALGORITHMS)
    except IndexFolderError as error:
        say(f"warning: the index is behind the lists: {error.message}\n  {error.hint}".rstrip())


def compact_index(app: App, database: Database) -> Manifest:
    """Merge all segments, so that the files of the index hold active entries only."""
    from hashmatch.hashers import ALGORITHMS
    from hashmatch.index import IndexFolder, catch_up, merge

    folder = IndexFolder(app.settings.index_dir)
    manifest = catch_up(database, folder, ALGORITHMS, may_rebuild=app.settings.index.rebuild)
    merge(folder, ALGORITHMS, everything=True)
    return folder.manifest() or manifest


def say_size(manifest: Manifest) -> None:
    """Say how large the index is."""
    entries = sum(manifest.counts().values())
    say(
        f"index {manifest.number}: {entries} entries in {len(manifest.segments)} segments,"
        f" {manifest.size_bytes() / 1e6:.1f} MB"
    )
