"""`hashmatch audit export`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click

from ..context import App, pass_app
from ..output import say


@click.command("export")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help='File to write, readable by you alone; "-", the default, is stdout.',
)
@pass_app
def command(app: App, output: Path | None) -> None:
    """Export the audit log with its signatures.

    docs/audit.md says how to check it.
    """
    from hashmatch.audit import export_chain, public_key_of
    from hashmatch.reports import private_file, record_export

    target = None if output is None or str(output) == "-" else output
    with app.database() as database:
        record_export(database, database.actor, {"of": "audit"})
        with database.reading() as session:
            lines = export_chain(session, public_key_of(app.settings))
            with nullcontext(sys.stdout) if target is None else private_file(target) as stream:
                number = _write(lines, stream)
    say(f"{number} lines{'' if target is None else f' written to {target}'}")


def _write(lines: Iterator[str], stream: object) -> int:
    number = 0
    for line in lines:
        stream.write(line)  # type: ignore[attr-defined]
        number += 1
    return number
