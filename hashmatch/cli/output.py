"""Output of commands: data on stdout, messages for people on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.progress import Progress, ProgressColumn

# Without a terminal to say how wide it is, nothing may be cut or wrapped.
_UNLIMITED_WIDTH = 10_000
# Between two columns.
_GAP_WIDTH = 2
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?\+00:00")
_MARKUP = re.compile(r"[|<>`*_\[\]\\]")
_TIME = "%Y-%m-%d %H:%M"


def printable(text: str) -> str:
    """Return the text with control characters and unpaired surrogates escaped."""
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
    """Write a message for people to stderr."""
    click.echo(text, err=True)


def known_ending(target: Path | None, endings: Collection[str]) -> str:
    """Return the ending of a file's name, which stands for a format; "" for none, and for stdout.

    Raises `click.UsageError` for one that stands for none.
    """
    ending = "" if target is None else target.suffix.removeprefix(".").lower()
    if ending and ending not in endings:
        raise click.UsageError(
            f"--output {target}: no format goes by .{ending}; choose one with --format,"
            f" or end the name with {', '.join(f'.{one}' for one in endings)}"
        )
    return ending


def numbered(counts: Mapping[str, int]) -> str:
    """Return counts in words, such as "3 pdq, 5 md5"."""
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout, as wide as the terminal; numbers are aligned right.

    Times are written to the minute, in UTC. Cells wrap between words only; where the words do not
    fit into the terminal side by side, columns without any value are left out, and if that is not
    enough, each row is written as a record of lines.
    """
    from rich import box
    from rich.table import Table

    from .terminal import Terminal

    cells = [[_parsed(name, cell) for name, cell in zip(columns, row, strict=True)] for row in rows]
    texts = [[_text(cell) for cell in row] for row in cells]
    names = [_heading(name, [row[n] for row in cells]) for n, name in enumerate(columns)]
    console = Terminal(
        width=None if sys.stdout.isatty() else _UNLIMITED_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
    )
    widths = _fit(names, texts, cells, console.width)
    if widths is None:
        filled = [n for n in range(len(names)) if any(row[n] for row in texts)]
        texts = [[row[n] for n in filled] for row in texts]
        cells = [[row[n] for n in filled] for row in cells]
        names = [names[n] for n in filled]
        widths = _fit(names, texts, cells, console.width)
    if widths is None:
        _print_records(title, names, texts)
        return
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # The box adds another space.
    )
    for place, (name, width) in enumerate(zip(names, widths, strict=True)):
        is_number = all(isinstance(row[place], int) for row in cells)
        justify: JustifyMethod = "right" if is_number else "left"
        # Words fit; what is folded are blanks at the end of a line.
        table.add_column(name, justify=justify, width=width, overflow="fold")
    for row in texts:
        table.add_row(*row)
    console.print(table)


def print_rows(title: str, rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Write rows of named values as JSON Lines or as a table; without rows nothing."""
    if as_json:
        for row in rows:
            print_json(row)
    elif rows:
        print_table(title, tuple(rows[0]), [tuple(row.values()) for row in rows])


def print_markdown(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of named values as a table in Markdown; without rows nothing."""
    if not rows:
        return
    click.echo(f"## {title}\n")
    names = list(rows[0])
    click.echo(_markdown_row([_words(name) for name in names]))
    click.echo(_markdown_row(["---"] * len(names)))
    for row in rows:
        click.echo(_markdown_row([_text(_parsed(name, row[name])) for name in names]))
    click.echo()


def _markdown_row(cells: Sequence[str]) -> str:
    # Names of lists come from people, and must not become other cells or markup.
    texts = [_MARKUP.sub(r"\\\g<0>", one) for one in cells]
    return f"| {' | '.join(texts)} |"


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Write named values as a table."""
    rows = [(_words(name), _fact(_parsed(name, value))) for name, value in facts.items()]
    print_table(title, ("name", "value"), rows)


def _fact(value: object) -> object:
    return f"{_text(value)} UTC" if isinstance(value, datetime) else value


def _parsed(name: str, value: object) -> object:
    """Return a time as one: in JSON rows, values named `..._at` are times in ISO 8601.

    Other text may look like a time, such as the content id of a platform, and stays as it is.
    """
    if isinstance(value, str) and (name == "at" or name.endswith("_at")):
        return datetime.fromisoformat(value) if _ISO_TIME.fullmatch(value) else value
    return value


def _text(cell: object) -> str:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).strftime(_TIME)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Mapping):
        named = {_words(name): _text(_parsed(name, value)) for name, value in cell.items()}
        return "; ".join(f"{name}: {text}" for name, text in named.items() if text)
    if isinstance(cell, list | tuple):
        return ", ".join(map(_text, cell))
    return "" if cell is None else printable(str(cell))


def _heading(name: str, cells: Sequence[object]) -> str:
    """Return the name of a column, with its time zone where it holds times."""
    return (
        f"{_words(name)} (UTC)" if any(isinstance(one, datetime) for one in cells) else _words(name)
    )


def _words(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ")


def _fit(
    names: Sequence[str],
    texts: Sequence[Sequence[str]],
    cells: Sequence[Sequence[object]],
    available: int,
) -> list[int] | None:
    """Return the widths of columns that together fit, None where their words do not."""
    from rich.cells import cell_len

    widths, least = [], []
    for place, name in enumerate(names):
        column = [row[place] for row in texts]
        widths.append(max(map(cell_len, (name, *column))))
        # A time is as good as one word.
        whole = [
            text
            for text, row in zip(column, cells, strict=True)
            if isinstance(row[place], datetime)
        ]
        words = [word for text in (name, *column) for word in text.split()]
        least.append(max(map(cell_len, (*words, *whole)), default=1))
    frame = len(names) * _GAP_WIDTH  # The last gap is left empty, and rich counts half of it.
    while sum(widths) + frame > available:
        spare = [width - minimum for width, minimum in zip(widths, least, strict=True)]
        if not any(spare):
            return None
        # The widest column gives way first, so that short ones stay on one line.
        widest = max((n for n, one in enumerate(spare) if one), key=lambda n: widths[n])
        widths[widest] -= 1
    return widths


def _print_records(title: str, names: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    click.echo(title)
    margin = max(map(len, names))
    for row in texts:
        click.echo()
        for name, text in zip(names, row, strict=True):
            click.echo(f"  {name:<{margin}}  {text}".rstrip())


@contextmanager
def progress(
    words: str, *, data_goes_to_terminal: bool = False, total: int | None = None
) -> Iterator[Progress]:
    """Show a running count on stderr where that is a terminal and no data would break it up.

    With a `total` it is a bar, with the time that is left.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    hidden = sys.stderr is None or not sys.stderr.isatty()
    hidden = hidden or (data_goes_to_terminal and sys.stdout.isatty())
    columns: tuple[ProgressColumn, ...] = (
        SpinnerColumn(),
        TextColumn(words + " {task.completed}"),
    )
    if total is not None:
        columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as bar:
        bar.add_task(words, total=total)
        yield bar
