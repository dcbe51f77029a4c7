"""`hashmatch index status`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from ..context import App, json_option, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import print_rows, say

if TYPE_CHECKING:
    from hashmatch.index import Manifest


@click.command("status")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Verify the index and compare it with the lists.

    The complete index is read.
    """
    from hashmatch.hashers import ALGORITHMS
    from hashmatch.index import IndexFolder, inspect

    folder = IndexFolder(app.settings.index_dir)
    with app.database() as database:
        found = inspect(database, folder, ALGORITHMS)
    if found.problem:
        say(f"{found.problem}\n  {found.hint}".rstrip())
        click.get_current_context().exit(EXIT_UNSCREENED)
    rows = _rows(found.manifest)
    print_rows(str(folder.path), rows, as_json=as_json)
    if found.manifest is None:
        say("there is no index yet; the first scan builds it, or 'hashmatch index build'")
    elif found.behind:
        say(f"behind list {', '.join(found.behind)}; the next scan or 'index build' catches up")
    else:
        size = found.manifest.size_bytes() / 1e6
        say(f"index {found.manifest.number} is sound and current, {size:.1f} MB")
    behind = found.manifest is None or found.behind
    click.get_current_context().exit(EXIT_UNSCREENED if behind else EXIT_CLEAR)


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
