"""`hashmatch index`: the files that lists are matched by."""

from __future__ import annotations

from collections import Counter

import click

from hashmatch.errors import IndexFolderError
from hashmatch.hashers import ALGORITHMS
from hashmatch.index import IndexFolder, Manifest, catch_up, inspect, merge
from hashmatch.store.engine import Database

from .context import App, json_option, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import print_json, print_table, say


@click.group("index")
def command() -> None:
    """Show, build and compact the index, which processes build by themselves when they need it."""


@command.command("status")
@json_option
@pass_app
def status(app: App, *, as_json: bool) -> None:
    """Show what is in the index, after reading all of it, and whether it follows the lists."""
    folder = IndexFolder(app.settings.index_dir)
    with app.database() as database:
        found = inspect(database, folder, ALGORITHMS)
    if found.problem:
        say(f"{found.problem}\n  {found.hint}".rstrip())
        click.get_current_context().exit(EXIT_UNSCREENED)
    rows = _rows(found.manifest)
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table(str(folder.path), list(rows[0]), [list(row.values()) for row in rows])
    if found.manifest is None:
        say("nothing is indexed yet; the first scan does it, or 'hashmatch index build'")
    elif found.behind:
        say(f"behind of list {', '.join(found.behind)}; the next scan or 'index build' catches up")
    else:
        size = found.manifest.size_bytes() / 1e6
        say(f"index {found.manifest.number} is sound and current, {size:.1f} MB")
    behind = found.manifest is None or found.behind
    click.get_current_context().exit(EXIT_UNSCREENED if behind else EXIT_CLEAR)


@command.command("build")
@click.option("--anew", is_flag=True, help="Build all of it from the database, whatever is there.")
@pass_app
def build(app: App, *, anew: bool) -> None:
    """Bring the index to the state of the lists; build it anew where it is damaged."""
    folder = IndexFolder(app.settings.index_dir)
    with app.database() as database:
        damaged = anew or bool(inspect(database, folder, ALGORITHMS).problem)
        manifest = catch_up(database, folder, ALGORITHMS, is_anew=damaged)
    _say_what_is_there(manifest)


@command.command("compact")
@pass_app
def compact(app: App) -> None:
    """Merge all segments and drop what was withdrawn; others go on matching meanwhile."""
    with app.database() as database:
        manifest = compact_index(app, database)
    _say_what_is_there(manifest)


def update_index(app: App, database: Database) -> None:
    """Bring the index to the lists as they are now, so that running scanners only have to open it.

    Where that fails it is only told: the change itself is committed, and scanners see to the rest.
    """
    folder = IndexFolder(app.settings.index_dir)
    try:
        catch_up(database, folder, ALGORITHMS, may_rebuild=app.settings.index.rebuild)
        merge(folder, ALGORITHMS)
    except IndexFolderError as error:
        say(f"warning: the index is behind the lists: {error.message}\n  {error.hint}".rstrip())


def compact_index(app: App, database: Database) -> Manifest:
    """Leave nothing in the files of the index but what is active."""
    folder = IndexFolder(app.settings.index_dir)
    manifest = catch_up(database, folder, ALGORITHMS, may_rebuild=app.settings.index.rebuild)
    merge(folder, ALGORITHMS, everything=True)
    return folder.manifest() or manifest


def _rows(manifest: Manifest | None) -> list[dict[str, object]]:
    if manifest is None:
        return []
    counts = manifest.counts()
    segments = Counter(one.algorithm for one in manifest.segments)
    sizes: Counter[str] = Counter()
    for one in manifest.segments:
        sizes[one.algorithm] += one.file.size_bytes
    return [
        {
            "algorithm": name,
            "entries": counts.get(name, 0),
            "withdrawn": sum(s.entries for s in manifest.segments if s.algorithm == name)
            - counts.get(name, 0),
            "segments": number,
            "size_bytes": sizes[name],
        }
        for name, number in sorted(segments.items())
    ]


def _say_what_is_there(manifest: Manifest) -> None:
    entries = sum(manifest.counts().values())
    say(
        f"index {manifest.number}: {entries} entries in {len(manifest.segments)} segments,"
        f" {manifest.size_bytes() / 1e6:.1f} MB"
    )
