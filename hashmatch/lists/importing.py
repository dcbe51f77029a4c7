"""Import of deliveries: good rows are applied, damaged ones are rejected and reported by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from sqlalchemy.orm import Session

from hashmatch.config import MappingSettings
from hashmatch.errors import InputError, ListFileError
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    MATCH,
    OWN,
    Comparison,
    Staging,
    count_degenerate,
    count_unsupported,
    find_list,
    forget_checkpoint,
    has_list,
    hide_quarantined,
    open_staging,
)
from hashmatch.store.schema import HashList

from .applying import Oversight, Terms, apply_staged
from .delivery import Delivery
from .formats import ListFormat
from .sorting import MAX_NAMED_ROWS, RejectedRows, RowSorter


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """Result of an import. `rows` is the number of good rows with supported hashes.

    `unsupported` and `degenerate` count the list's other hashes by algorithm. `excluded` is the
    number of entries that the mapping excludes by category. `objection` is the reason for a
    quarantine, in which case the comparison is of the changes that the delivery would have made.
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
    degenerate: Mapping[str, int]
    objection: str = ""


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

    def applied(self, session: Session, row: HashList, comparison: Comparison) -> None:
        """Delete the checkpoint and the quarantined delivery, which are of the replaced list."""
        forget_checkpoint(session, row.key)
        hide_quarantined(session, row.key)


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
    rejected, or when a full delivery has no row with a hash that can be matched; then nothing is
    changed.
    """
    kind = _kind_of(database, name, kind)
    sorter = RowSorter(RejectedRows(delivery.unit), kind)
    rejected, is_full = sorter.rejected, delivery.is_full
    with open_staging(database) as staging:
        rows = _stage(staging, delivery, sorter, progress)
        if strict and rejected.count:
            raise _rejected_strictly(rejected)
        # A truncated or wrong file must not empty a list, which would then match nothing. Only a
        # list without active entries may consist of unsupported hashes alone.
        if is_full and not rows and not sorter.unsupported:
            raise _no_usable_row(rejected)
        # A damaged row that does not show its entry could be any entry that is missing.
        retain_all = is_full and rejected.could_be_any and not withdraw_missing
        would_empty = _no_usable_row(rejected) if is_full and not rows else None
        terms = Terms(source, is_full, retain_all, would_empty)
        renew = partial(progress, rows)
        applied = apply_staged(database, staging, name, kind, terms, oversight, renew=renew)
    with database.reading() as session:
        unsupported = count_unsupported(session).get(name, {})
        degenerate = count_degenerate(session).get(name, {})
    # Duplicates are only found after all other rows have been read.
    rejected.rows.sort(key=lambda row: row.line)
    return ImportSummary(
        name,
        applied.is_new,
        applied.generation,
        rows,
        applied.comparison,
        rejected,
        sorter.unknown_columns,
        sorter.excluded,
        unsupported,
        degenerate,
        applied.objection,
    )


def _rejected_strictly(rejected: RejectedRows) -> ListFileError:
    return ListFileError(
        f"{rejected.count} rejected rows, nothing was imported: {rejected.named()}",
        hint="Repair the file, or import without --strict to reject only such rows.",
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


def _stage(
    staging: Staging, delivery: Delivery, sorter: RowSorter, progress: Callable[[int], None]
) -> int:
    """Stage a delivery; returns the number of rows with supported hashes."""
    rows = 0
    for rows in staging.add(sorter.supported(delivery.items, staging)):
        progress(rows)
    # Outdated rows go first: they are no duplicates of the rows that replace them.
    rows -= staging.drop_outdated()
    duplicates, first_lines = staging.sort(rows, MAX_NAMED_ROWS)
    sorter.rejected.add_duplicates(duplicates, first_lines)
    return rows - duplicates


def _no_usable_row(rejected: RejectedRows) -> ListFileError:
    named = rejected.named()
    return ListFileError(
        f"the file has no row with a supported hash, so nothing was changed; {rejected.count} rows"
        f" were rejected{': ' if named else ''}{named}",
        hint="To stop matching against a list, use 'hashmatch lists remove'.",
    )
