"""`hashmatch audit`: whether the record of what was done still holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click

from hashmatch.audit import export_chain, make_key, public_key_of, public_keys, verify
from hashmatch.reports import private_file, record_export

from .context import App, json_option, pass_app
from .exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from .output import print_json, print_line, print_table, progress, say
from .secret_files import write_secret


class _Noted(click.ParamType[tuple[int, bytes]]):
    """The number of a record and its hash, as an earlier 'audit verify' told them."""

    name = "number:hash"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, bytes]:
        number, _, text = str(value).partition(":")
        try:
            return int(number), bytes.fromhex(text)
        except ValueError:
            self.fail(f"{value!r} is not the number of a record, a colon and its hash", param, ctx)


@click.group("audit")
def command() -> None:
    """Check and hand on the record of what was done."""


@command.command("verify")
@click.option(
    "--known",
    type=_Noted(),
    multiple=True,
    help="NUMBER:HASH of a record, as it was noted outside of the database; repeatable.",
)
@click.option("--public-key", multiple=True, help="A key it was signed with; repeatable.")
@json_option
@pass_app
def verify_(
    app: App,
    known: tuple[tuple[int, bytes], ...],
    public_key: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Find anything that was changed, removed, added or moved; exit code 2 if there is any."""
    keys = public_keys(app.settings, *public_key)
    with app.database() as database, database.reading() as session, progress("records") as bar:
        found = verify(
            session,
            keys,
            known=dict(known),
            progress=lambda number: bar.update(bar.task_ids[0], completed=number),
        )
    end = f"{found.records}:{found.end_hash.hex()}"
    if as_json:
        problems = [{"place": one.place, "what": one.what} for one in found.problems]
        facts = {"records": found.records, "rows": found.rows, "end": end}
        signed = found.signed_up_to or None
        print_json(
            {**facts, "signed_up_to": signed, "is_whole": found.is_whole, "problems": problems}
        )
    else:
        if found.problems:
            rows = [(one.place, one.what) for one in found.problems]
            print_table("What is wrong", ("where", "what"), rows)
        print_line(end)
        say(f"{found.records} records and the {found.rows} rows that they bind were looked at")
        if not keys:
            say("there is no key to check signatures with: who may write the database could have")
            say("  written all of it anew; note the line above elsewhere, see audit.signing_key")
        elif found.is_whole:
            say(f"signed up to record {found.signed_up_to}")
        say("nothing is wrong" if found.is_whole else f"{len(found.problems)} things are wrong")
    click.get_current_context().exit(EXIT_CLEAR if found.is_whole else EXIT_UNSCREENED)


@command.command("export")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help='A file, readable by you alone; "-", the default, is stdout.',
)
@pass_app
def export(app: App, output: Path | None) -> None:
    """Write the record with its signatures, for others to check: docs/audit.md says how."""
    target = None if output is None or str(output) == "-" else output
    with app.database() as database:
        record_export(database, database.actor, {"of": "audit"})
        with database.reading() as session:
            lines = export_chain(session, public_key_of(app.settings))
            with nullcontext(sys.stdout) if target is None else private_file(target) as stream:
                number = _write(lines, stream)
    say(f"{number} lines{'' if target is None else f' written to {target}'}")


@command.command("make-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def make_key_(file: Path) -> None:
    """Write a new key to sign the record with into FILE, and its public half to stdout."""
    key, public = make_key()
    write_secret(file, key)
    print_line(public)
    say(f'name the file in audit.signing_key: {{ file = "{file}" }}; give the line above to those')
    say("  who check, and into audit.public_keys before you change the key")


def _write(lines: Iterator[str], stream: object) -> int:
    number = 0
    for line in lines:
        stream.write(line)  # type: ignore[attr-defined]
        number += 1
    return number
