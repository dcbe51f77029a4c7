"""A list file into the store: good rows go in, bad ones are named by line and set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from sqlalchemy.orm import Session

from hashmatch.config import MappingSettings
from hashmatch.errors import ForeignAlgorithmError, InputError, ListFileError
from hashmatch.hashers import find_algorithm
from hashmatch.hashes import Algorithm
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    MATCH,
    MOST_KEPT_CHARACTERS,
    Comparison,
    KeptRow,
    StagedRow,
    Staging,
    count_kept,
    find_list,
    find_or_create_list,
    forget_checkpoint,
    has_list,
    open_staging,
    parse_terms,
    release_quarantine,
    take_over,
    take_over_kept,
)
from hashmatch.store.schema import HashList

from .delivery import DeliveredItem, Delivery, Told
from .formats import BadRow, LeftOut, ListFormat, RawRow

_MAX_NAMED_ROWS = 1000


@dataclass(slots=True)
class SetAside:
    """The rows that could not be used: how many, and the first thousand of them.

    `unit` is what the file's rows are counted in. `entry_ids` are those of damaged rows;
    `could_be_any` says that some damaged row does not show whose it is.
    """

    unit: str = "line"
    count: int = 0
    rows: list[BadRow] = field(default_factory=list)
    entry_ids: set[str] = field(default_factory=set)
    could_be_any: bool = False

    def named(self) -> str:
        """Return the first of them in words."""
        return "; ".join(f"{self.unit} {row.line}: {row.problem}" for row in self.rows[:5])

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
    """What an import did. `rows` is the number of good ones that can be matched.

    `kept` counts, by algorithm, the list's hashes that cannot be matched here. `left_out` is the
    number of entries that the mapping leaves out by their category. `objection` says why it was
    held back, in which case the comparison is of what it would have done.
    """

    list_name: str
    is_new: bool
    generation: int
    rows: int
    comparison: Comparison
    set_aside: SetAside
    unknown_columns: list[str]
    left_out: int
    kept: Mapping[str, int]
    objection: str = ""


class Oversight:
    """What goes along with taking a delivery over, in the same transaction. By itself, nothing."""

    def objection(self, session: Session, row: HashList, comparison: Comparison) -> str:
        """Return why the delivery must not be taken over after all, "" where it may."""
        return ""

    def hold_back(self, session: Session, row: HashList, held: HeldBack) -> None:
        """Lay a delivery that was objected to aside; the list is as it was."""

    def taken(self, session: Session, row: HashList) -> None:
        """Note that it was taken over."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A delivery that was objected to, and how it would have been taken over."""

    reason: str
    comparison: Comparison
    is_whole: bool
    keep_all: bool


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
    """Make the list equal to the file; the list is made if it is new.

    `mapping` says how the file is laid out. See `take_delivery` for the rest.
    """
    delivery = Delivery(list_format.read(stream, mapping), list_format.unit)
    return take_delivery(
        database,
        name,
        delivery,
        source=source,
        kind=kind,
        strict=strict,
        withdraw_missing=withdraw_missing,
        progress=progress,
        oversight=_ByHand(),
    )


class _ByHand(Oversight):
    """A person decides what the list is: what its source had to say of it is forgotten."""

    def taken(self, session: Session, row: HashList) -> None:
        """Let the next sync begin anew."""
        forget_checkpoint(session, row.key)
        release_quarantine(session, row.key)


def take_delivery(
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
    """Take a delivery over into the list, which is made if it is new.

    What a whole delivery lacks is withdrawn. An entry stays all the same when a damaged row names
    it, and of a whole delivery every entry stays when a damaged row does not show which one it
    was, unless `withdraw_missing` is set. `source` says in the list's history where the delivery
    came from; `kind` what the list is for if it is new; `progress` is told the number of rows read
    so far; `oversight` may object.

    Raises `ListFileError`, and changes nothing, when `strict` is set and any row is bad, or when a
    whole delivery has no good row.
    """
    with database.reading() as session:
        kind = find_list(session, name).kind if has_list(session, name) else kind
    sorting = _Sorting(SetAside(delivery.unit), is_allow_list=kind == ALLOW)
    set_aside, is_whole = sorting.set_aside, delivery.is_whole
    with open_staging(database) as staging:
        rows = _stage(staging, delivery, sorting, progress)
        if strict and set_aside.count:
            raise ListFileError(
                f"{set_aside.count} bad rows, nothing was imported: {set_aside.named()}",
                hint="Mend the file, or import without --strict to set such rows aside.",
            )
        if is_whole and not rows and not sorting.kept:
            raise _no_usable_row(set_aside)
        with staging.taking_over() as session:
            row, is_new = find_or_create_list(session, name, kind)
            if is_whole and not rows and row.active_entries:
                raise _no_usable_row(set_aside)
            keep_all = is_whole and set_aside.could_be_any and not withdraw_missing
            terms = _Terms(source, is_whole, keep_all)
            comparison, objection = _take_over(session, row, terms, oversight)
            kept = count_kept(session).get(name, {})
            generation = row.generation
    set_aside.rows.sort(key=lambda row: row.line)
    return ImportSummary(
        name,
        is_new,
        generation,
        rows,
        comparison,
        set_aside,
        sorting.unknown_columns,
        sorting.left_out,
        kept,
        objection,
    )


@dataclass(frozen=True, slots=True)
class _Terms:
    source: str
    is_whole: bool
    keep_all: bool


def _stage(
    staging: Staging, delivery: Delivery, sorting: _Sorting, progress: Callable[[int], None]
) -> int:
    """Lay a delivery beside the store; returns the number of rows that can be matched."""
    rows = 0
    for rows in staging.add(sorting.good(delivery.items, staging)):
        progress(rows)
    rows -= staging.drop_outdated()
    for line in staging.set_duplicates_aside():
        sorting.set_aside.add(BadRow(line, "a duplicate of an earlier row", is_damage=False))
        rows -= 1
    staging.spare(sorting.set_aside.entry_ids)
    return rows


def _take_over(
    session: Session, row: HashList, terms: _Terms, oversight: Oversight
) -> tuple[Comparison, str]:
    """Take over what was staged, or where that meets an objection, undo it and hold it back."""
    only_told = not terms.is_whole
    attempt = session.begin_nested()
    comparison = take_over(
        session, row, source=terms.source, keep_all=terms.keep_all, only_told=only_told
    )
    objection = oversight.objection(session, row, comparison)
    if objection:
        attempt.rollback()
        held = HeldBack(objection, comparison, terms.is_whole, terms.keep_all)
        oversight.hold_back(session, row, held)
        return comparison, objection
    attempt.commit()
    take_over_kept(session, row, keep_all=terms.keep_all, only_told=only_told)
    oversight.taken(session, row)
    return comparison, ""


@dataclass(slots=True)
class _Sorting:
    """What a file's rows turn out to be, as they come."""

    set_aside: SetAside
    is_allow_list: bool
    unknown_columns: list[str] = field(default_factory=list)
    left_out: int = 0
    kept: int = 0

    def good(self, items: Iterable[DeliveredItem], staging: Staging) -> Iterator[StagedRow]:
        """Yield the rows that can be matched; `staging` is given what else it has to know."""
        algorithms: dict[str, Algorithm] = {}
        for item in items:
            if isinstance(item, RawRow):
                checked = _check(item, algorithms)
                if self.is_allow_list:
                    checked = _check_allowance(item, checked)
                if isinstance(checked, BadRow):
                    self.set_aside.add(checked)
                elif isinstance(checked, KeptRow):
                    self.kept += 1
                    staging.keep(checked)
                else:
                    yield checked
            elif isinstance(item, BadRow):
                self.set_aside.add(item)
            elif isinstance(item, LeftOut):
                self.left_out += 1
            elif isinstance(item, Told):
                staging.tell(*item)
            else:
                self.unknown_columns.append(item.place)


def _check(row: RawRow, algorithms: dict[str, Algorithm]) -> StagedRow | KeptRow | BadRow:
    """Return the row ready for the store, to be matched or only to be kept, or what is wrong.

    `algorithms` remembers those already found, under the names that the file gives them.
    """
    line, name, text, entry_id, category, tags, added_at, note = row
    if "\0" in f"{entry_id}{category}{added_at}{note}":
        return BadRow(line, "a zero character, which no database takes", entry_id)
    try:
        if (algorithm := algorithms.get(name)) is None:
            algorithm = algorithms[name] = find_algorithm(name)
        value = algorithm.parse(text.strip())
    except ForeignAlgorithmError as error:
        text = text.strip()
        if not 0 < len(text) <= MOST_KEPT_CHARACTERS:
            return BadRow(line, f"the {error.algorithm} value is empty or too long", entry_id)
        shown = _write_tags(tags)
        return KeptRow(line, error.algorithm, text, entry_id, category, shown, added_at, note)
    except InputError as error:
        return BadRow(line, error.message, entry_id)
    return line, algorithm.name, value, entry_id, category, _write_tags(tags), added_at, note


def _check_allowance(
    row: RawRow, checked: StagedRow | KeptRow | BadRow
) -> StagedRow | KeptRow | BadRow:
    """Return a checked row of an allow list, or what is wrong with it as such."""
    if isinstance(checked, BadRow):
        return checked
    if isinstance(checked, KeptRow):
        return BadRow(row.line, "hashes of that kind are not matched here", row.entry_id)
    try:
        parse_terms(row.tags, row.note)
    except InputError as error:
        return BadRow(row.line, error.message, row.entry_id)
    return checked


@lru_cache(maxsize=4096)
def _write_tags(tags: tuple[str, ...]) -> str:
    return json.dumps(tags, ensure_ascii=False)


def _no_usable_row(set_aside: SetAside) -> ListFileError:
    named = set_aside.named()
    return ListFileError(
        f"the file has no row that can be matched, so nothing was changed; {set_aside.count} rows"
        f" were bad{': ' if named else ''}{named}",
        hint="To stop matching against a list, use 'hashmatch lists remove'.",
    )
