"""`hashmatch retained status`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..output import print_json, print_line, say


@click.command("status")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Show how many hashes are retained, of which days, and how much room they take."""
    from hashmatch.wiring import open_retained

    summary = open_retained(app.settings).summary()
    if as_json:
        print_json(
            {
                "enabled": app.settings.retained_hashes.enabled,
                "hashes": dict(summary.hashes),
                "first_day": summary.first_day and summary.first_day.isoformat(),
                "last_day": summary.last_day and summary.last_day.isoformat(),
                "bytes": summary.size_bytes,
                "spooled_bytes": summary.spooled_bytes,
            }
        )
        return
    for name, number in sorted(summary.hashes.items()):
        print_line(f"{number:>14,}  {name}")
    if summary.first_day:
        print_line(f"from {summary.first_day} to {summary.last_day}")
    size_mb = (summary.size_bytes + summary.spooled_bytes) / 1e6
    say(f"{size_mb:,.1f} MB, {summary.spooled_bytes / 1e6:,.1f} MB of them not settled yet")
    if not app.settings.retained_hashes.enabled:
        say("retained_hashes.enabled is false: nothing more is retained")
