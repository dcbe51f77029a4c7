"""Import of deliveries: good rows are applied, damaged ones are rejected and reported by line."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from sqlalchemy.orm import Session

from hashmatch.config import MappingSettings
from hashmatch.errors import InputError, ListFileError, UnsupportedAlgorithmError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    MATCH,
    MAX_UNSUPPORTED_CHARACTERS,
    OWN,
    Comparison,
    StagedRow,
    Staging,
    UnsupportedRow,
    apply_staged,
    apply_unsupported,
    count_unsupported,
    discard_quarantined,
    find_list,
    find_or_create_list,
    forget_checkpoint,
    has_list,
    open_staging,
    parse_terms,
)
from hashmatch.store.schema import HashList

from .delivery import DeliveredItem, Delivery, EntryUpdate
from .formats import BadRow, Excluded, ListFormat, RawRow

# A file in which every row is bad must not fill the memory with their problems.
_MAX_NAMED_ROWS = 1000
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
        if len(self.rows) < _MAX_NAMED_ROWS:
            # Without the id, of which nobody is informed, and which may be a mebibyte long.
            self.rows.append(row._replace(entry_id=""))
        self.could_be_any |= row.is_damage and not row.entry_id

    def add_duplicates(self, count: int, first_lines: Iterable[int]) -> None:
        """Add rows that repeat earlier ones, the first of them by line."""
        for line in first_lines:
            self.add(BadRow(line, "a duplicate of an earlier row", is_damage=False))
            count -= 1
        self.count += count


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Result of an import. `rows` is the number of good rows with supported hashes.

    `unsupported` counts the list's other hashes by algorithm. `excluded` is the number of entries
    that the mapping excludes by category. `objection` is the reason for a quarantine, in which case
    the comparison is of the changes that the delivery would have made.
    """

    list_name: str
    is_new: bool
    generation: int
    rows: int
    comparison: Comparison
    rejected: RejectedRows
    unknown_columns: list[str]
    excluded: int
    unsupported: Mapping[str, int]
    objection: str = ""


class Oversight:
    """Hooks before and in the transaction that applies a delivery; by default they do nothing."""

    def examine(self, staging: Staging, renew: Callable[[], None]) -> None:
        """Look at what was staged before it is applied; `renew` is to be called all the while."""

    def objection(self, session: Session, row: HashList, comparison: Comparison) -> str:
        """Return why the delivery must not be applied, "" where it may."""
        return ""

    def quarantine(self, session: Session, row: HashList, blocked: BlockedDelivery) -> None:
        """Quarantine a delivery that met an objection; the list is unchanged."""

    def applied(self, session: Session, row: HashList) -> None:
        """React to a delivery that was applied."""


@dataclass(frozen=True, slots=True)
class BlockedDelivery:
    """Delivery that met an objection, and how it would have been applied."""

    reason: str
    comparison: Comparison
    is_full: bool
    retain_all: bool


def import_list(
    database: Database,
    name: str,
    stream: BinaryIO,
    list_format: ListFormat,
    *,
    source: str,
    kind: str = MATCH,
    mapping: MappingSettings | None = None,
    strict: bool = False,
    withdraw_missing: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> ImportSummary:
    """Replace a list from a file, which `unpacked` opens; the list is created if it is new.

    `mapping` describes the layout of the file. See `apply_delivery` for the other parameters and
    the errors.
    """
    delivery = Delivery(list_format.read_to_end(stream, mapping), list_format.unit)
    return apply_delivery(
        database,
        name,
        delivery,
        source=source,
        kind=kind,
        strict=strict,
        withdraw_missing=withdraw_missing,
        progress=progress,
        oversight=_OperatorOversight(),
    )


class _OperatorOversight(Oversight):
    """Oversight of an import by the operator, which no guard stops."""

    def applied(self, session: Session, row: HashList) -> None:
        """Delete the checkpoint and the quarantined delivery, which are of the replaced list."""
        forget_checkpoint(session, row.key)
        discard_quarantined(session, row.key)


def apply_delivery(
    database: Database,
    name: str,
    delivery: Delivery,
    *,
    source: str,
    kind: str = MATCH,
    strict: bool = False,
    withdraw_missing: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    oversight: Oversight,
) -> ImportSummary:
    """Apply a delivery to its list, which is created if it is new.

    Entries that a full delivery lacks are withdrawn. An entry is retained when a damaged row names
    it, and every entry of a full delivery when a damaged row does not show its entry, unless
    `withdraw_missing` is set. `source` names the origin of the delivery in the list's history;
    `kind` is the kind of a new list; `progress` receives the number of rows read so far;
    `oversight` may object.

    Raises `InputError` for an own list, and `ListFileError` when `strict` is set and any row is
    rejected, or when a full delivery has no row with a supported hash; then nothing is changed.
    """
    kind = _kind_of(database, name, kind)
    sorter = _RowSorter(RejectedRows(delivery.unit), is_allow_list=kind == ALLOW)
    rejected, is_full = sorter.rejected, delivery.is_full
    with open_staging(database) as staging:
        rows = _stage(staging, delivery, sorter, progress)
        if strict and rejected.count:
            raise ListFileError(
                f"{rejected.count} rejected rows, nothing was imported: {rejected.named()}",
                hint="Repair the file, or import without --strict to reject only such rows.",
            )
        # A truncated or wrong file must not empty a list, which would then match nothing. Only a
        # list without active entries may consist of unsupported hashes alone.
        if is_full and not rows and not sorter.unsupported:
            raise _no_usable_row(rejected)
        oversight.examine(staging, lambda: progress(rows))
        with staging.applying() as session:
            row, is_new = find_or_create_list(session, name, kind)
            if is_full and not rows and row.active_entries:
                raise _no_usable_row(rejected)
            # A damaged row that does not show its entry could be any entry that is missing.
            retain_all = is_full and rejected.could_be_any and not withdraw_missing
            terms = _Terms(source, is_full, retain_all)
            comparison, objection = _apply(session, row, terms, oversight)
            unsupported = count_unsupported(session).get(name, {})
            generation = row.generation
    # Duplicates are only found after all other rows have been read.
    rejected.rows.sort(key=lambda row: row.line)
    return ImportSummary(
        name,
        is_new,
        generation,
        rows,
        comparison,
        rejected,
        sorter.unknown_columns,
        sorter.excluded,
        unsupported,
        objection,
    )


def _kind_of(database: Database, name: str, kind: str) -> str:
    """Return the kind of a list, which decides how its rows are checked; `kind` for a new one.

    Raises `InputError` for an own list.
    """
    with database.reading() as session:
        kind = find_list(session, name).kind if has_list(session, name) else kind
    if kind == OWN:
        raise InputError(
            f"list {name} is your own, and holds what was added to it entry by entry",
            hint="Import the file into another list.",
        )
    return kind


@dataclass(frozen=True, slots=True)
class _Terms:
    """Terms on which a delivery is applied."""

    source: str
    is_full: bool
    retain_all: bool


def _stage(
    staging: Staging, delivery: Delivery, sorter: _RowSorter, progress: Callable[[int], None]
) -> int:
    """Stage a delivery; returns the number of rows with supported hashes."""
    rows = 0
    for rows in staging.add(sorter.supported(delivery.items, staging)):
        progress(rows)
    # Outdated rows go first: they are no duplicates of the rows that replace them.
    rows -= staging.drop_outdated()
    duplicates, first_lines = staging.reject_duplicates(_MAX_NAMED_ROWS)
    sorter.rejected.add_duplicates(duplicates, first_lines)
    return rows - duplicates


def _apply(
    session: Session, row: HashList, terms: _Terms, oversight: Oversight
) -> tuple[Comparison, str]:
    """Apply the staged rows; where that meets an objection, undo it and quarantine them."""
    only_updated = not terms.is_full
    # Guards judge by the result, so that the delivery is applied first, up to a savepoint.
    attempt = session.begin_nested()
    comparison = apply_staged(
        session, row, source=terms.source, retain_all=terms.retain_all, only_updated=only_updated
    )
    objection = oversight.objection(session, row, comparison)
    if objection:
        attempt.rollback()
        blocked = BlockedDelivery(objection, comparison, terms.is_full, terms.retain_all)
        oversight.quarantine(session, row, blocked)
        return comparison, objection
    attempt.commit()
    apply_unsupported(session, row, retain_all=terms.retain_all, only_updated=only_updated)
    oversight.applied(session, row)
    return comparison, ""


@dataclass(slots=True)
class _RowSorter:
    """Sorts the items of a delivery by kind, as they come."""

    rejected: RejectedRows
    is_allow_list: bool
    unknown_columns: list[str] = field(default_factory=list)
    excluded: int = 0
    unsupported: int = 0

    def supported(self, items: Iterable[DeliveredItem], staging: Staging) -> Iterator[StagedRow]:
        """Yield the rows with supported hashes; all others go to `staging`."""
        # Cached by name: a list has millions of rows and a handful of algorithms.
        algorithms: dict[str, Algorithm] = {}
        for item in items:
            if isinstance(item, RawRow):
                checked = _check(item, algorithms)
                # An allow list also needs a reason and an actor for each entry.
                if self.is_allow_list:
                    checked = _check_allowance(item, checked)
                if isinstance(checked, BadRow):
                    self._reject(checked, staging)
                elif isinstance(checked, UnsupportedRow):
                    self.unsupported += 1
                    staging.add_unsupported(checked)
                else:
                    yield checked
            elif isinstance(item, BadRow):
                self._reject(item, staging)
            elif isinstance(item, Excluded):
                self.excluded += 1
            elif isinstance(item, EntryUpdate):
                staging.note_update(*item)
            else:
                self.unknown_columns.append(item.place)

    def _reject(self, row: BadRow, staging: Staging) -> None:
        self.rejected.add(row)
        if row.is_damage and row.entry_id:
            staging.retain(row.entry_id)


def _check(row: RawRow, algorithms: dict[str, Algorithm]) -> StagedRow | UnsupportedRow | BadRow:
    """Return the row as a supported or an unsupported one, or why it is rejected.

    `algorithms` caches the algorithms found so far, under the names that the file gives them.
    """
    line, name, text, entry_id, category, tags, added_at, note, is_kind = row
    # PostgreSQL refuses such text, and a list has to be the same in every database.
    if "\0" in f"{entry_id}{category}{added_at}{note}":
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
    return line, algorithm.name, value, entry_id, category, _write_tags(tags), added_at, note


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


def _no_usable_row(rejected: RejectedRows) -> ListFileError:
    named = rejected.named()
    return ListFileError(
        f"the file has no row with a supported hash, so nothing was changed; {rejected.count} rows"
        f" were rejected{': ' if named else ''}{named}",
        hint="To stop matching against a list, use 'hashmatch lists remove'.",
    )
