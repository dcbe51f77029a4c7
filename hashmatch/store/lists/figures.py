"""Figures of lists: numbers that are kept with each change, since counting reads a whole list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import (
    CompoundSelect,
    Select,
    Table,
    delete,
    func,
    literal_column,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from ..engine import affected_rows, among, is_sqlite
from ..schema import Entry, HashList, ListFigure
from .entries import is_listed, is_named
from .staging_tables import WITHDRAWALS

HASHES, ENTRIES, DISABLED = "hashes", "entries", "disabled"
UNSUPPORTED, DEGENERATE = "unsupported", "degenerate"
# Numbers by (subject, name); see `ListFigure`.
Figures: TypeAlias = Counter[tuple[str, str]]
_ROWS_A_BATCH = 1_000
# Of so many the values are sorted and counted within milliseconds.
_FEW_ENTRIES = 20_000


def change_figures(session: Session, list_key: int, by: Mapping[tuple[str, str], int]) -> None:
    """Add to the figures of a list."""
    for (subject, name), number in sorted(by.items()):
        if not number:
            continue
        own = (
            ListFigure.list_key == list_key,
            ListFigure.subject == subject,
            ListFigure.name == name,
        )
        values = {"number": ListFigure.number + number}
        if not affected_rows(session, update(ListFigure).where(*own).values(values)):
            session.add(ListFigure(list_key=list_key, subject=subject, name=name, number=number))
            session.flush()


def replace_figures(session: Session, list_key: int, counts: Mapping[tuple[str, str], int]) -> None:
    """Replace the figures of a list about its entries, all but those of other hashes."""
    of_entries = (ListFigure.list_key == list_key, ListFigure.subject.in_((HASHES, ENTRIES)))
    session.execute(delete(ListFigure).where(*of_entries))
    change_figures(session, list_key, counts)


def forget_figures(session: Session, list_key: int) -> None:
    """Delete the figures of a list."""
    session.execute(delete(ListFigure).where(ListFigure.list_key == list_key))


def read_figures(session: Session, subject: str) -> dict[str, dict[str, int]]:
    """Return the figures of a subject by list name and name, without those that are zero."""
    rows = session.execute(
        select(HashList.name, ListFigure.name, ListFigure.number)
        .join(ListFigure, ListFigure.list_key == HashList.key)
        .where(HashList.removed_at.is_(None), ListFigure.subject == subject, ListFigure.number != 0)
        .order_by(HashList.name, ListFigure.name)
    )
    figures: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for list_name, name, number in rows:
        figures[list_name][name] = number
    return dict(figures)


def count_active_entries(session: Session) -> list[tuple[str, str, int]]:
    """Return (list name, algorithm, active entries), for every pair that has any."""
    return [
        (list_name, algorithm, number)
        for list_name, numbers in read_figures(session, HASHES).items()
        for algorithm, number in numbers.items()
    ]


def count_hashes(session: Session, list_keys: Collection[int]) -> dict[str, int]:
    """Return the number of active hashes of some lists together, by algorithm."""
    rows = session.execute(
        select(ListFigure.name, func.sum(ListFigure.number))
        .where(ListFigure.list_key.in_(list_keys), ListFigure.subject == HASHES)
        .group_by(ListFigure.name)
    )
    return {name: int(number) for name, number in rows}


def count_unsupported(session: Session) -> dict[str, dict[str, int]]:
    """Return the number of unsupported hashes by list name and algorithm."""
    return read_figures(session, UNSUPPORTED)


def count_degenerate(session: Session) -> dict[str, dict[str, int]]:
    """Return the number of degenerate hashes by list name and algorithm."""
    return read_figures(session, DEGENERATE)


def count_disabled(session: Session) -> dict[str, int]:
    """Return the number of disabled entries by list name, for lists that have any."""
    return {
        name: sum(numbers.values()) for name, numbers in read_figures(session, DISABLED).items()
    }


def count_entries_without(session: Session, list_key: int, algorithms: Collection[str]) -> int:
    """Return the number of active entries of a list that have no hash of any of the algorithms.

    A row without the licensor's id is an entry by itself.
    """
    of_list = (ListFigure.list_key == list_key, ListFigure.subject == ENTRIES)
    rows = session.execute(select(ListFigure.name, ListFigure.number).where(*of_list))
    wanted = set(algorithms)
    return sum(number for names, number in rows if wanted.isdisjoint(names.split(" ")))


def count_distinct_hashes(session: Session, list_key: int, algorithm: str) -> int:
    """Return the number of different active hashes of a list and algorithm.

    In a long list, of which all values would have to be sorted, each entry is counted.
    """
    row = session.get_one(HashList, list_key)
    if row.active_entries > _FEW_ENTRIES:
        return count_hashes(session, [list_key]).get(algorithm, 0)
    values = select(Entry.value).where(*is_listed(row), Entry.algorithm == algorithm)
    return session.scalar(select(func.count()).select_from(values.distinct().subquery())) or 0


def count_entries(session: Session, row: HashList) -> Figures:
    """Count the entries of a list as they are once all that was prepared is published.

    Reads all of them.
    """
    active = (Entry.list_key == row.key, Entry.withdrawn_generation.is_(None))
    is_of_list = Entry.added_generation > row.emptied
    return count_pairs(session, select(Entry.entry_id, Entry.algorithm).where(*active, is_of_list))


def count_listed(session: Session, row: HashList) -> Figures:
    """Count the entries of a list as it was published last. Reads all of them."""
    return count_pairs(session, select(Entry.entry_id, Entry.algorithm).where(*is_listed(row)))


def count_pairs(session: Session, pairs: Select[str, str] | CompoundSelect[str, str]) -> Figures:
    """Count hashes and entries in rows of (entry id, algorithm).

    The rows of one id are one entry, a row without an id is one by itself.
    """
    rows = pairs.subquery()
    entry_id, algorithm = rows.columns
    figures: Figures = Counter()
    unnamed = select(algorithm, func.count()).where(entry_id == "").group_by(algorithm)
    for name, number in session.execute(unnamed):
        figures[HASHES, name] += number
        figures[ENTRIES, name] += number
    # In one pass: the algorithms of all hashes of an entry, and how many entries have these.
    if is_sqlite(session):
        joined = func.group_concat(algorithm, " ")
    else:
        joined = func.string_agg(algorithm, literal_column("' '"))
    of_entry = select(joined.label("has")).where(entry_id != "").group_by(entry_id).subquery()
    several = select(of_entry.c.has, func.count()).group_by(of_entry.c.has)
    for has, number in session.execute(several, execution_options={"yield_per": _ROWS_A_BATCH}):
        hashes = Counter(has.split(" "))
        figures[ENTRIES, " ".join(sorted(hashes))] += number
        for name, of_one in hashes.items():
            figures[HASHES, name] += number * of_one
    return figures


def compare_figures(session: Session, row: HashList, additions: Table) -> Figures:
    """Return by how much the figures of a list change with the differences of a delivery.

    Reads the entries of the same ids alone. Nothing of the generation is written yet.
    """
    added = select(additions.c.entry_id, additions.c.algorithm)
    if not row.active_entries:
        return count_pairs(session, added)
    gone = select(WITHDRAWALS.c.entry_key)
    withdrawn = select(WITHDRAWALS.c.entry_id, WITHDRAWALS.c.algorithm)
    touched = union(
        select(additions.c.entry_id).where(additions.c.entry_id != ""),
        select(WITHDRAWALS.c.entry_id).where(WITHDRAWALS.c.entry_id != ""),
    )
    named = select(Entry.entry_id, Entry.algorithm).where(
        *is_listed(row, is_begun=True), is_named(), Entry.entry_id.in_(touched)
    )
    before = union_all(named, withdrawn.where(WITHDRAWALS.c.entry_id == ""))
    after = union_all(named.where(Entry.key.not_in(gone)), added)
    return _difference(count_pairs(session, after), count_pairs(session, before))


def follow_figures(
    session: Session, row: HashList, *, added: Sequence[int] = (), withdrawn: Sequence[int] = ()
) -> None:
    """Change the figures of a list for a few entries, by key, that were just added or withdrawn."""
    before, after = _pairs_of(session, withdrawn), _pairs_of(session, added)
    for one in sorted({entry_id for entry_id, _ in [*before, *after] if entry_id}):
        now = session.execute(
            select(Entry.entry_id, Entry.algorithm).where(
                *is_listed(row), is_named(), Entry.entry_id == one
            )
        ).all()
        others = [(entry_id, algorithm) for entry_id, algorithm in now]
        for pair in after:
            if pair[0] == one:
                others.remove(pair)
        before += others
        after += others
    change_figures(session, row.key, _difference(_figures_of(after), _figures_of(before)))


def _pairs_of(session: Session, keys: Sequence[int]) -> list[tuple[str, str]]:
    own = select(Entry.entry_id, Entry.algorithm).where(among(session, Entry.key, keys))
    return [(entry_id, algorithm) for entry_id, algorithm in session.execute(own)]


def _figures_of(pairs: Sequence[tuple[str, str]]) -> Figures:
    figures: Figures = Counter((HASHES, algorithm) for _, algorithm in pairs)
    of_entry: defaultdict[str, set[str]] = defaultdict(set)
    for entry_id, algorithm in pairs:
        if entry_id:
            of_entry[entry_id].add(algorithm)
        else:
            figures[ENTRIES, algorithm] += 1
    figures.update((ENTRIES, " ".join(sorted(names))) for names in of_entry.values())
    return figures


def _difference(after: Figures, before: Figures) -> Figures:
    after = Counter(after)
    after.subtract(before)
    return after
