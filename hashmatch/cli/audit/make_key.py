"""`hashmatch audit make-key`."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import print_line, say
from ..secret_files import write_secret


@click.command("make-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(file: Path) -> None:
    """Create a key that signs the audit log.

    It is written to FILE, and its public key is printed.
    """
    from hashmatch.audit import make_key

    key, public = make_key()
    write_secret(file, key)
    print_line(public)
    say(f'configure it: audit.signing_key = {{ file = "{file}" }}; give the public key above to')
    say("  auditors, and add it to audit.public_keys before you change the key")
