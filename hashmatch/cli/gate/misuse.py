"""`hashmatch gate misuse`."""

from __future__ import annotations

from pathlib import Path

import click

from ..context import App, json_option, pass_app
from ..output import print_json, print_table, say

_COLUMNS = ("file", "entry", "case of", "content on record that it matches")


@click.command("misuse")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--list", "list_name", required=True, help="Own list; it is created if it is new.")
@click.option("--note", default="", help="Where the report came from, and when.")
@click.option("--by", "actor", required=True, help="Name of the person who decided this.")
@json_option
@pass_app
def command(
    app: App, paths: tuple[Path, ...], list_name: str, note: str, actor: str, *, as_json: bool
) -> None:
    """Correct reported misuse: put pictures on an own list.

    Gates withhold them and their copies from then on. Each gets a case, and content on record that
    it matches is named.
    """
    from hashmatch.imaging import path_as_text
    from hashmatch.operations.misuse import correct_misuse

    rows = []
    for one in correct_misuse(app.settings, list_name, paths, note=note, actor=actor):
        name = path_as_text(one.path)
        earlier = [content_id for content_id in one.earlier if content_id != one.content_id]
        if as_json:
            print_json(
                {"path": name, "list": list_name, "entry": one.entry,
                 "content_id": one.content_id, "earlier": earlier}
            )  # fmt: skip
        rows.append((name, one.entry, one.content_id, ", ".join(earlier) or "none"))
    if not as_json:
        print_table(f"Now on list {list_name}", _COLUMNS, rows)
        say(f"to undo: hashmatch lists disable {list_name} ENTRY")
