"""`hashmatch init`: a configuration file and an empty database."""

from __future__ import annotations

from pathlib import Path

import click

from .context import App, pass_app
from .output import say


@click.command("init")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the database will be; by default the platform's data folder.",
)
@pass_app
def command(app: App, data_dir: Path | None) -> None:
    """Write hashmatch.toml here, or where --config says, and create the database.

    What is there already is kept, so that this can be run again.
    """
    from hashmatch.first_run import initialise

    done = initialise(app.config, data_dir)
    say(f"{'wrote' if done.config_was_written else 'kept'} {done.config}")
    say(f"{'created' if done.database_was_created else 'kept'} {done.database}")
    say("next: hashmatch lists import NAME FILE.csv, then hashmatch scan PATH...")
