"""`hashmatch cases make-key`."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import say
from ..secret_files import write_secret


@click.command("make-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Create a key for uploader details.

    It is written to FILE, readable by you alone.
    """
    from hashmatch.uploaders import make_detail_key

    write_secret(file, make_detail_key())
    say(f'written; name it first in cases.detail_keys: {{ file = "{file}" }}')
