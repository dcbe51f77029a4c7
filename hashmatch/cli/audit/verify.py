"""`hashmatch audit verify`."""

from __future__ import annotations

import click

from ..context import App, json_option, pass_app
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..output import print_json, print_line, print_table, progress, say


class _Noted(click.ParamType[tuple[int, bytes]]):
    """The number of a record and its hash, as an earlier 'audit verify' printed them."""

    name = "number:hash"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, bytes]:
        number, _, text = str(value).partition(":")
        try:
            return int(number), bytes.fromhex(text)
        except ValueError:
            self.fail(f"{value!r} is not the number of a record, a colon and its hash", param, ctx)


@click.command("verify")
@click.option(
    "--known",
    type=_Noted(),
    multiple=True,
    help="NUMBER:HASH of a record that was noted outside of the database; repeatable.",
)
@click.option(
    "--public-key", multiple=True, help="Public key of an earlier signing key; repeatable."
)
@json_option
@pass_app
def command(
    app: App,
    known: tuple[tuple[int, bytes], ...],
    public_key: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Verify that nothing in the audit log was changed.

    The exit code is 2 if something was.
    """
    from hashmatch.audit import public_keys, verify

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
        problems = [{"place": one.place, "problem": one.problem} for one in found.problems]
        facts = {
            "records": found.records,
            "unsealed": found.unsealed,
            "rows": found.rows,
            "end": end,
        }
        signed = found.signed_up_to or None
        print_json(
            {**facts, "signed_up_to": signed, "is_intact": found.is_intact, "problems": problems}
        )
    else:
        if found.problems:
            rows = [(one.place, one.problem) for one in found.problems]
            print_table("Problems", ("place", "problem"), rows)
        print_line(end)
        say(f"checked {found.records} records and {found.rows} rows bound to them")
        if found.unsealed:
            say(f"and {found.unsealed} records that are not sealed yet")
        if not keys:
            say("signatures were not checked, for want of a key: the whole log could be rewritten")
            say("  note the line above outside of the database, and set audit.signing_key")
        elif found.is_intact:
            say(f"signed up to record {found.signed_up_to}")
        say("no problems" if found.is_intact else f"problems: {len(found.problems)}")
    click.get_current_context().exit(EXIT_CLEAR if found.is_intact else EXIT_UNSCREENED)
