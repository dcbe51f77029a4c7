"""Forms in which the commands of `hashmatch evaluate` show their figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..output import print_json, print_table, say

if TYPE_CHECKING:
    from hashmatch.evaluate import Document

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Shown:
    """Forms that were asked for; a table on stdout unless it is JSON or Markdown."""

    as_json: bool
    as_markdown: bool
    page: Path | None
    plots: Path | None

    def require_plots(self) -> None:
        """Raise `ConfigError` where plots are wanted and cannot be drawn, before it takes long."""
        if self.as_json and self.as_markdown:
            raise click.UsageError("--json and --markdown exclude each other")
        if self.plots is not None:
            from hashmatch.evaluate import require_matplotlib

            require_matplotlib()


def showing_options(command: _Command) -> _Command:
    """Add the options of `Shown` to a command."""
    for option in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="Write JSON Lines to stdout."),
            click.option(
                "--markdown", "as_markdown", is_flag=True, help="Write Markdown to stdout."
            ),
            click.option(
                "--page",
                type=click.Path(path_type=Path, dir_okay=False),
                help="File for an HTML page with charts.",
            ),
            click.option(
                "--plots",
                type=click.Path(path_type=Path, file_okay=False),
                help="Folder for the charts as PNG files; needs the extra 'evaluate'.",
            ),
        )
    ):
        command = option(command)
    return command


def show(document: Document, rows: Iterable[dict[str, Any]], shown: Shown) -> None:
    """Write figures in the forms that were asked for."""
    from hashmatch.evaluate import as_markdown, as_page, write_plots
    from hashmatch.reports import private_file

    if shown.as_json:
        for row in rows:
            print_json(row)
    elif shown.as_markdown:
        click.echo(as_markdown(document), nl=False)
    else:
        _print(document)
    if shown.page is not None:
        with private_file(shown.page) as file:
            file.write(as_page(document))
        say(f"page written to {shown.page}")
    if shown.plots is not None:
        names = write_plots(document, shown.plots)
        say(f"{len(names)} plots written to {shown.plots}")


def _print(document: Document) -> None:
    print_table(document.title, ("fact", "value"), list(document.facts.items()))
    for table in document.tables:
        click.echo()
        print_table(table.title, table.columns, table.rows)
        if table.note:
            click.echo(f"  {table.note}")
    if document.configuration:
        click.echo(f"\n{document.configuration}", nl=False)
