"""Sorting of the rows of a delivery: supported, unsupported, degenerate and rejected ones."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from hashmatch.errors import InputError, UnsupportedAlgorithmError
from hashmatch.hashers import find_algorithm, is_degenerate
from hashmatch.hashes import Algorithm
from hashmatch.store.lists import (
    ALLOW,
    MAX_UNSUPPORTED_CHARACTERS,
    TERMS,
    StagedRow,
    Staging,
    UnsupportedRow,
    degenerate_name,
    parse_terms,
)
from hashmatch.terms import TERM, parse_term

from .delivery import DeliveredItem, EntryUpdate, PromotedHash
from .formats import BadRow, Excluded, RawRow, UnknownColumn

# A file in which every row is bad must not fill the memory with their problems.
MAX_NAMED_ROWS = 1000
# What may be the name of a kind of hash, and is not a hash itself.
_KIND = re.compile(r"(?![0-9A-Fa-f]{16})[A-Za-z][A-Za-z0-9_.-]{0,31}")


@dataclass(slots=True)
class RejectedRows:
    """Rejected rows of a delivery: their number, and the first thousand of them.

    `unit` is the unit in which rows are counted, such as "line"; `could_be_any` says that some
    damaged row does not show its entry.
    """

    unit: str = "line"
    count: int = 0
    rows: list[BadRow] = field(default_factory=list)
    could_be_any: bool = False

    def named(self) -> str:
        """Return the first five of them in words."""
        return "; ".join(f"{self.unit} {row.line}: {row.problem}" for row in self.rows[:5])

    def add(self, row: BadRow) -> None:
        """Add a rejected row."""
        self.count += 1
        if len(self.rows) < MAX_NAMED_ROWS:
            # Without the id, of which nobody is informed, and which may be a mebibyte long.
            self.rows.append(row._replace(entry_id=""))
        self.could_be_any |= row.is_damage and not row.entry_id

    def add_duplicates(self, count: int, first_lines: Iterable[int]) -> None:
        """Add rows that repeat earlier ones, the first of them by line."""
        for line in first_lines:
            self.add(BadRow(line, "a duplicate of an earlier row", is_damage=False))
            count -= 1
        self.count += count


@dataclass(slots=True)
class RowSorter:
    """Sorts the items of a delivery by kind, as they come.

    An allow list has no degenerate hashes: it matches nothing, and may explain such a match. Terms
    are in lists of terms alone, and as phrases in allow lists.
    """

    rejected: RejectedRows
    kind: str
    unknown_columns: list[str] = field(default_factory=list)
    excluded: int = 0
    unsupported: int = 0

    def supported(self, items: Iterable[DeliveredItem], staging: Staging) -> Iterator[StagedRow]:
        """Yield the rows with supported hashes; all others go to `staging`."""
        # Cached by name: a list has millions of rows and a handful of algorithms.
        algorithms: dict[str, Algorithm] = {}
        for item in items:
            if not isinstance(item, RawRow):
                self._sort_other(item, staging)
                continue
            checked = self._check(item, algorithms)
            if isinstance(checked, BadRow):
                self._reject(checked, staging)
            elif isinstance(checked, UnsupportedRow):
                self.unsupported += 1
                staging.add_unsupported(checked)
            else:
                yield checked

    def _check(
        self, row: RawRow, algorithms: dict[str, Algorithm]
    ) -> StagedRow | UnsupportedRow | BadRow:
        is_term = row.algorithm.strip().casefold() == TERM
        if is_term is not (self.kind == TERMS) and not (is_term and self.kind == ALLOW):
            problem = (
                "a hash in a list of terms" if self.kind == TERMS else "a term in a list of hashes"
            )
            return BadRow(row.line, problem, row.entry_id)
        if is_term:
            checked = _check_term(row)
        else:
            checked = _check(row, algorithms, may_be_degenerate=self.kind == ALLOW)
        # An allow list also needs a reason and an actor for each entry.
        return _check_allowance(row, checked) if self.kind == ALLOW else checked

    def _sort_other(self, item: DeliveredItem, staging: Staging) -> None:
        if isinstance(item, BadRow):
            self._reject(item, staging)
        elif isinstance(item, Excluded):
            self.excluded += 1
        elif isinstance(item, EntryUpdate):
            staging.note_update(*item)
        elif isinstance(item, PromotedHash):
            staging.withdraw_unsupported(*item)
        elif isinstance(item, UnknownColumn):
            self.unknown_columns.append(item.place)

    def _reject(self, row: BadRow, staging: Staging) -> None:
        self.rejected.add(row)
        if row.is_damage and row.entry_id:
            staging.retain(row.entry_id)


def _check(
    row: RawRow, algorithms: dict[str, Algorithm], *, may_be_degenerate: bool
) -> StagedRow | UnsupportedRow | BadRow:
    """Return the row as a supported or an unsupported one, or why it is rejected.

    Degenerate hashes are unsupported unless there may be some. `algorithms` caches the algorithms
    found so far, under the names that the file gives them.
    """
    line, name, text, entry_id, category, tags, added_at, note, is_kind = row
    # PostgreSQL refuses such text, and a list has to be the same in every database.
    if "\0" in entry_id or "\0" in category or "\0" in added_at or "\0" in note:
        return BadRow(line, "a null character, which cannot be stored", entry_id)
    try:
        if (algorithm := algorithms.get(name)) is None:
            algorithm = algorithms[name] = find_algorithm(name)
        value = algorithm.parse(text.strip())
    except InputError as error:
        foreign = error.algorithm if isinstance(error, UnsupportedAlgorithmError) else ""
        # What a protocol calls a kind of hash is one, though nobody here knows it yet.
        if not foreign and is_kind and name not in algorithms:
            foreign = name.lower() if _KIND.fullmatch(name) else "unknown"
        if not foreign:
            return BadRow(line, error.message, entry_id)
        # Stored as its licensor wrote it, until an installed package supports the algorithm.
        text = text.strip()
        if is_kind and len(text) > MAX_UNSUPPORTED_CHARACTERS:
            # Nobody could match it here; a digest tells it from others.
            text = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        if not 0 < len(text) <= MAX_UNSUPPORTED_CHARACTERS:
            return BadRow(line, f"the {foreign} value is empty or too long", entry_id)
        shown = _write_tags(tags)
        return UnsupportedRow(line, foreign, text, entry_id, category, shown, added_at, note)
    own = (entry_id, category, _write_tags(tags), added_at, note)
    if not may_be_degenerate and is_degenerate(algorithm, value):
        return UnsupportedRow(line, degenerate_name(algorithm.name), value.hex(), *own)
    return (line, algorithm.name, value, *own)


def _check_term(row: RawRow) -> StagedRow | UnsupportedRow | BadRow:
    """Return the row of a term, or why it is rejected, which never quotes it."""
    if any("\0" in one for one in (row.entry_id, row.category, row.added_at, row.note)):
        return BadRow(row.line, "a null character, which cannot be stored", row.entry_id)
    try:
        value = parse_term(row.value).encoded()
    except InputError as error:
        return BadRow(row.line, error.message, row.entry_id)
    shown = _write_tags(row.tags)
    return (row.line, TERM, value, row.entry_id, row.category, shown, row.added_at, row.note)


def _check_allowance(
    row: RawRow, checked: StagedRow | UnsupportedRow | BadRow
) -> StagedRow | UnsupportedRow | BadRow:
    """Return a checked row of an allow list, or why an allow list rejects it."""
    if isinstance(checked, BadRow):
        return checked
    if isinstance(checked, UnsupportedRow):
        return BadRow(row.line, "hashes of this algorithm are not matched here", row.entry_id)
    try:
        parse_terms(row.tags, row.note)
    except InputError as error:
        return BadRow(row.line, error.message, row.entry_id)
    return checked


# Few combinations of tags occur in a list, each of them often.
@lru_cache(maxsize=4096)
def _write_tags(tags: tuple[str, ...]) -> str:
    return json.dumps(tags, ensure_ascii=False)
