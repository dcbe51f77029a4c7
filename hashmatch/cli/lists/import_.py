"""`hashmatch lists import`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashmatch.errors import InputError

from ..choices import LIST_FORMATS
from ..context import App, json_option, pass_app, standard_input
from ..exit_codes import EXIT_CLEAR, EXIT_UNSCREENED
from ..index_updates import update_index
from ..output import numbered, print_facts, print_json, printable, progress, say
from .licence import warn_of_licence_ends
from .options import name_argument

if TYPE_CHECKING:
    from hashmatch.lists import ImportSummary


@click.command("import")
@name_argument
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(LIST_FORMATS),
    help="Format of the file; by default its ending decides.",
)
@click.option(
    "--mapping", "mapping_name", help="Mapping for the layout of the file, [mappings.NAME]."
)
@click.option("--strict", is_flag=True, help="Import nothing when any row is damaged.")
@click.option(
    "--withdraw-missing",
    is_flag=True,
    help="Withdraw missing entries even where damaged rows could be theirs.",
)
@json_option
@pass_app
def command(
    app: App,
    name: str,
    file: Path,
    format_name: str | None,
    mapping_name: str | None,
    *,
    strict: bool,
    withdraw_missing: bool,
    as_json: bool,
) -> None:
    """Replace the list NAME with the contents of FILE.

    "-" reads stdin; a new list is created. FILE may be packed by gzip or zip. It is the complete
    list: entries that it lacks are withdrawn. Damaged rows are rejected and named by their line,
    and then the exit code is 2.
    """
    from hashmatch.lists import find_format, import_list, unpacked

    mapping = app.mapping(mapping_name)
    with app.database() as database:
        with (
            _open(file) as packed,
            unpacked(packed, str(file)) as list_file,
            progress("rows read") as bar,
        ):
            summary = import_list(
                database,
                name,
                list_file.stream,
                find_format(list_file.name, format_name or ""),
                source="stdin" if str(file) == "-" else file.name,
                mapping=mapping,
                strict=strict,
                withdraw_missing=withdraw_missing,
                progress=lambda rows: bar.update(bar.task_ids[0], completed=rows),
            )
        update_index(app, database)
        _show(summary, as_json=as_json)
        warn_of_licence_ends(database, [name])
    click.get_current_context().exit(EXIT_UNSCREENED if summary.rejected.count else EXIT_CLEAR)


def _open(file: Path):  # type: ignore[no-untyped-def]
    """Open a list file, or stdin for "-". Raises `InputError`."""
    if str(file) == "-":
        return nullcontext(standard_input())
    try:
        return file.open("rb")
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise InputError(f"{printable(str(file))}: {reason}") from error


_MAX_ROWS_NAMED = 20
# An import that withdraws more than this share of a list deserves a note.
_NOTEWORTHY_SHARE = 0.1


def _show(summary: ImportSummary, *, as_json: bool) -> None:
    """Show the result of an import: to people on stderr, to programs on stdout."""
    compared, rejected = summary.comparison, summary.rejected
    counts = {
        "rows": summary.rows,
        "added": compared.added,
        "withdrawn": compared.withdrawn,
        "changed": compared.changed,
        "unchanged": compared.unchanged,
        "rejected_rows": rejected.count,
        "disabled": compared.disabled,
        "retained": compared.retained,
        "excluded": summary.excluded,
    }
    _say_omissions(summary)
    if as_json:
        problems = [{rejected.unit: row.line, "problem": row.problem} for row in rejected.rows]
        fields = {"list": summary.list_name, "generation": summary.generation}
        omitted = {"unsupported": summary.unsupported, "degenerate": summary.degenerate}
        print_json({**fields, **counts, **omitted, "problems": problems})
        return
    print_facts(f"List {summary.list_name}", counts)
    if summary.is_new:
        say(f"created list {summary.list_name}; set its licence with 'hashmatch lists licence'")
    if compared.change is None:
        say(f"no changes; generation {summary.generation} stays in force")
    else:
        say(f"generation {summary.generation} is in force")
    if compared.withdrawn > _NOTEWORTHY_SHARE * (
        compared.unchanged + compared.changed + compared.withdrawn
    ):
        say(f"note: the file lacked {compared.withdrawn} entries, which no longer match")


def _say_omissions(summary: ImportSummary) -> None:
    compared, rejected = summary.comparison, summary.rejected
    for row in rejected.rows[:_MAX_ROWS_NAMED]:
        say(f"{rejected.unit} {row.line}: {row.problem}; rejected")
    if rejected.count > _MAX_ROWS_NAMED:
        say(f"and {rejected.count - _MAX_ROWS_NAMED} more; --json names the first 1000")
    if summary.unknown_columns:
        say(f"ignored unknown columns: {', '.join(summary.unknown_columns)}")
    if compared.retained:
        say(
            f"retained {compared.retained} entries that the file lacks, since damaged rows could be"
            " theirs; repair the file, or see --withdraw-missing"
        )
    if compared.disabled:
        say(f"{compared.disabled} rows are of disabled entries and stay out of matching")
    if summary.unsupported:
        say(f"unsupported hashes, stored but not matched: {numbered(summary.unsupported)}")
    if summary.degenerate:
        say(
            "degenerate hashes, which plain pictures have, stored but not matched:"
            f" {numbered(summary.degenerate)}"
        )
