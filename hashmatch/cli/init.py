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
    help="Folder of the database; by default the platform's data folder.",
)
@pass_app
def command(app: App, data_dir: Path | None) -> None:
    """Create hashmatch.toml and the database.

    The file is the one that --config names, else ./hashmatch.toml. Existing files stay as they
    are, so this can be run again.
    """
    from hashmatch.operations.first_run import initialise

    done = initialise(app.config, data_dir)
    say(f"{'created' if done.config_was_written else 'found'} {done.config}")
    say(f"{'created' if done.database_was_created else 'found'} {done.database}")
    say("next: hashmatch lists import NAME FILE.csv, then hashmatch scan PATH...")
