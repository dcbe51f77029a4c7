"""What people and programs get to see: data on stdout, words for people on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

# Where no terminal says how wide it is, nothing may be cut or wrapped.
_UNLIMITED_WIDTH = 10_000


class _Console(Console):
    """A console that leaves it to the command line what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        """Go on raising; the original would end the program with 1, which means "matched"."""
        raise BrokenPipeError


def printable(text: str) -> str:
    """Return the text with control characters and halves of characters escaped."""
    return "".join(
        one if one.isprintable() else one.encode("unicode-escape").decode() for one in text
    )


def print_json(row: dict[str, Any]) -> None:
    """Write one line of JSON to stdout."""
    click.echo(json.dumps(row))


def print_line(text: str) -> None:
    """Write one line of data to stdout."""
    click.echo(printable(text))


def say(text: str) -> None:
    """Tell people something, on stderr."""
    click.echo(text, err=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout; numbers stand to the right."""
    table = Table(title=title, title_justify="left")
    cells = [list(row) for row in rows]
    for place, name in enumerate(columns):
        numbers = all(isinstance(row[place], int) for row in cells)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        table.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _UNLIMITED_WIDTH
    _Console(width=width, markup=False, highlight=False, emoji=False).print(table)


@contextmanager
def progress(words: str, *, data_goes_to_terminal: bool = False) -> Iterator[Progress]:
    """Show a running count on stderr where that is a terminal and no data would break it up."""
    hidden = sys.stderr is None or not sys.stderr.isatty()
    hidden = hidden or (data_goes_to_terminal and sys.stdout.isatty())
    columns = (SpinnerColumn(), TextColumn(words + " {task.completed}"))
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as bar:
        bar.add_task(words, total=None)
        yield bar
