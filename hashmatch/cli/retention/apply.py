"""`hashmatch retention apply`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_json, say


@click.command("apply")
@click.option("--dry-run", is_flag=True, help="Only show how much would be removed.")
@json_option
@pass_app
def command(app: App, *, dry_run: bool, as_json: bool) -> None:
    """Remove everything older than [retention] allows.

    Cases under a legal hold stay, and the audit log records the removals. A scheduler may run this
    at any time.
    """
    from hashmatch.cases import apply_retention

    with app.database() as database:
        removed = apply_retention(database, app.settings, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "removed": removed})
        return
    done = "would be removed" if dry_run else "removed"
    for kind, number in sorted(removed.items()):
        say(f"{number} {kind} {done}")
    if not removed:
        say("nothing to remove; [retention] sets how long data stays")
