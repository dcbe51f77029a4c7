"""A list file into the store: good rows go in, bad ones are named by line and set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from hashmatch.errors import ForeignAlgorithmError, InputError, ListFileError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Algorithm
from hashmatch.store import (
    Comparison,
    Database,
    StagedRow,
    create_list,
    find_list,
    has_list,
    open_staging,
    take_over,
)

from .formats import BadRow, ListFormat, RawRow, UnknownColumn

_MAX_NAMED_ROWS = 1000


@dataclass(slots=True)
class SetAside:
    """The rows that could not be used: how many, and the first thousand of them.

    `entry_ids` are those of damaged rows; `could_be_any` says that some damaged row does not show
    whose it is.
    """

    count: int = 0
    rows: list[BadRow] = field(default_factory=list)
    entry_ids: set[str] = field(default_factory=set)
    could_be_any: bool = False

    def add(self, row: BadRow) -> None:
        """Set one row aside."""
        self.count += 1
        if len(self.rows) < _MAX_NAMED_ROWS:
            self.rows.append(row)
        if row.is_damage and row.entry_id:
            self.entry_ids.add(row.entry_id)
        elif row.is_damage:
            self.could_be_any = True


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did. `rows` is the number of good ones."""

    list_name: str
    is_new: bool
    generation: int
    rows: int
    comparison: Comparison
    set_aside: SetAside
    unknown_columns: list[str]


def import_list(
    database: Database,
    name: str,
    stream: BinaryIO,
    list_format: ListFormat,
    *,
    source: str,
    strict: bool = False,
    withdraw_missing: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> ImportSummary:
    """Make the list equal to the file; the list is made if it is new.

    The file counts as the whole list: what it lacks is withdrawn. An entry stays all the same
    when a damaged row names it, and every entry stays when a damaged row does not show which one
    it was, unless `withdraw_missing` is set. `source` says in the list's history where the
    file came from; `progress` is told the number of rows read so far.

    Raises `ListFileError`, and changes nothing, when no row is good or when `strict` is set and
    any row is bad.
    """
    set_aside = SetAside()
    unknown_columns: list[str] = []
    rows = 0
    with open_staging(database) as staging:
        good = _good_rows(list_format.read(stream), set_aside, unknown_columns)
        for rows in staging.add(good):
            progress(rows)
        for line in staging.set_duplicates_aside():
            set_aside.add(BadRow(line, "a duplicate of an earlier row", is_damage=False))
            rows -= 1
        _require_usable(rows, set_aside, strict=strict)
        staging.spare(set_aside.entry_ids)
        with staging.taking_over() as session:
            is_new = not has_list(session, name)
            row = create_list(session, name) if is_new else find_list(session, name)
            keep_all = set_aside.could_be_any and not withdraw_missing
            comparison = take_over(session, row, source=source, keep_all=keep_all)
            generation = row.generation
    set_aside.rows.sort(key=lambda row: row.line)
    return ImportSummary(name, is_new, generation, rows, comparison, set_aside, unknown_columns)


def _good_rows(
    items: Iterator[RawRow | BadRow | UnknownColumn],
    set_aside: SetAside,
    unknown_columns: list[str],
) -> Iterator[StagedRow]:
    algorithms: dict[str, Algorithm] = {}
    for item in items:
        if isinstance(item, RawRow):
            checked = _check(item, algorithms)
            if isinstance(checked, BadRow):
                set_aside.add(checked)
            else:
                yield checked
        elif isinstance(item, BadRow):
            set_aside.add(item)
        else:
            unknown_columns.append(item.place)


def _check(row: RawRow, algorithms: dict[str, Algorithm]) -> StagedRow | BadRow:
    """Return the row ready for the store, or what is wrong with it.

    `algorithms` remembers those already found, under the names that the file gives them.
    """
    line, name, text, entry_id, category, tags, added_at, note = row
    try:
        if (algorithm := algorithms.get(name)) is None:
            algorithm = algorithms[name] = find_algorithm(name)
        value = algorithm.parse(text.strip())
    except ForeignAlgorithmError as error:
        return BadRow(line, error.message, entry_id, is_damage=False)
    except InputError as error:
        return BadRow(line, error.message, entry_id)
    return line, algorithm.name, value, entry_id, category, _write_tags(tags), added_at, note


@lru_cache(maxsize=4096)
def _write_tags(tags: tuple[str, ...]) -> str:
    return json.dumps(tags, ensure_ascii=False)


def _require_usable(rows: int, set_aside: SetAside, *, strict: bool) -> None:
    named = "; ".join(f"line {row.line}: {row.problem}" for row in set_aside.rows[:5])
    if strict and set_aside.count:
        raise ListFileError(
            f"{set_aside.count} bad rows, nothing was imported: {named}",
            hint="Mend the file, or import without --strict to set such rows aside.",
        )
    if not rows:
        raise ListFileError(
            f"the file has no row that can be used, so nothing was changed; {set_aside.count} rows"
            f" were bad{': ' if named else ''}{named}",
            hint="To stop matching against a list, use 'hashmatch lists remove'.",
        )
