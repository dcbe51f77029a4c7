"""`hashmatch doctor`: checks of the installation."""

from __future__ import annotations

from dataclasses import asdict

import click

from .context import App, json_option, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import print_json, print_table


@click.command("doctor")
@json_option
@pass_app
def command(app: App, *, as_json: bool) -> None:
    """Check the installation, the configuration, the store and the lists.

    The exit code is 2 when something would stop scans.
    """
    from hashmatch.operations.doctor import Health, examine

    findings = examine(app.settings)
    if as_json:
        for one in findings:
            print_json(asdict(one))
    else:
        rows = [(one.health, one.subject, one.detail, one.hint) for one in findings]
        print_table("hashmatch doctor", ("health", "subject", "finding", "next step"), rows)
    bad = any(one.health is Health.BAD for one in findings)
    click.get_current_context().exit(EXIT_UNSCREENED if bad else EXIT_CLEAR)
