"""`hashmatch retention`: what is removed when its time has come."""

from __future__ import annotations

import click

from hashmatch.cases import apply_retention

from .context import App, json_option, pass_app
from .output import print_json, say


@click.group("retention")
def command() -> None:
    """Remove what need not be kept any longer."""


@command.command("apply")
@click.option("--dry-run", is_flag=True, help="Only say how much would be removed.")
@json_option
@pass_app
def apply(app: App, *, dry_run: bool, as_json: bool) -> None:
    """Remove what is older than [retention] keeps it; the audit chain stays, and says so.

    Cases under a legal hold stay. May be run by a scheduler at any time.
    """
    with app.database() as database:
        removed = apply_retention(database, app.settings, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "removed": removed})
        return
    done = "would be removed" if dry_run else "removed"
    for what, number in sorted(removed.items()):
        say(f"{number} {what} {done}")
    if not removed:
        say("nothing is set to be removed, or nothing is old enough; see [retention]")
