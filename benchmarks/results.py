"""RESULTS.md: the tables of all benchmarks, each of which is rewritten by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from .measuring import Table, machine

_RESULTS = Path(__file__).with_name("RESULTS.md")


def keep(tables: Iterable[Table], path: Path = _RESULTS) -> None:
    """Put these tables in the place of those with their titles; all others stay."""
    found = {one.title: one.as_markdown() for one in tables}
    _write({**_read(path), **found}, path)


def keep_all(tables: Iterable[Table], others: Collection[str], path: Path = _RESULTS) -> None:
    """Put these tables in the place of all that are there, but for some others by their titles."""
    before = {title: table for title, table in _read(path).items() if title in others}
    found = {one.title: one.as_markdown() for one in tables}
    _write({**found, **before, **found}, path)


def _write(tables: dict[str, str], path: Path) -> None:
    head = f"# Results\n\nMade by `make bench` on {machine()}.\n"
    path.write_text("\n".join([head, *tables.values()]), encoding="utf-8")


def _read(path: Path) -> dict[str, str]:
    """Return the tables that are there, by title."""
    _, *parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.partition("\n")[0].removeprefix("## "): f"{part.rstrip()}\n" for part in parts}
