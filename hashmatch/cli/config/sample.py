"""`hashmatch config sample`."""

from __future__ import annotations

import click


@click.command("sample")
def command() -> None:
    """Write a configuration with every key, its default and what it does.

    It goes to stdout: 'hashmatch config sample > hashmatch.toml' begins with it.
    """
    from hashmatch.config import read_sample

    click.echo(read_sample(), nl=False)
