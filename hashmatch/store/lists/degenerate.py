"""Degenerate hashes that lists brought before they were recognised: withdrawn from matching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from ..schema import Entry, HashList, QuarantinedDelivery, QuarantinedRow, UnsupportedHash
from .disabled import are_disabled
from .entries import is_listed
from .figures import DISABLED, change_figures, count_listed, replace_figures
from .generations import Counts, next_number, publish_generation
from .registry import ALLOW
from .staging_tables import CONTENT
from .unsupported import degenerate_name, figure_of

# Says of an algorithm and value whether the hash is degenerate.
IsDegenerate: TypeAlias = Callable[[str, bytes], bool]
_ROWS_A_BATCH = 10_000
_KEYS_A_QUERY = 500


def withdraw_degenerate(
    session: Session, algorithms: Sequence[str], is_degenerate: IsDegenerate
) -> dict[str, int]:
    """Withdraw the degenerate hashes of all lists that are matched against, and of deliveries.

    They are stored as degenerate ones; a quarantined delivery would bring them as such. Returns
    the number of withdrawn hashes by list name, without lists that had none. Reads every hash of
    the algorithms.
    """
    # Locked, so that nobody begins or publishes a delivery of them meanwhile.
    lists = session.scalars(
        select(HashList)
        .where(HashList.removed_at.is_(None), HashList.kind != ALLOW)
        .order_by(HashList.key)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    numbers = {one.name: _withdraw(session, one, algorithms, is_degenerate) for one in lists}
    _mark_quarantined(session, algorithms, is_degenerate)
    return {name: number for name, number in numbers.items() if number}


def _withdraw(
    session: Session, row: HashList, algorithms: Sequence[str], is_degenerate: IsDegenerate
) -> int:
    active = select(Entry.key, Entry.algorithm, Entry.value).where(
        *is_listed(row), Entry.algorithm.in_(algorithms)
    )
    keys = list(_degenerate_keys(session, active, is_degenerate))
    for some in _chunks(keys):
        entries = session.scalars(select(Entry).where(Entry.key.in_(some))).all()
        # A later delivery may have brought one of them as degenerate already.
        of_list = UnsupportedHash.list_key == row.key
        same = UnsupportedHash.value.in_([one.value.hex() for one in entries])
        stored = session.execute(
            select(UnsupportedHash.value, UnsupportedHash.entry_id).where(of_list, same)
        )
        known = {(value, entry_id) for value, entry_id in stored}
        new = [
            _stored(one, next_number(row))
            for one in entries
            if (one.value.hex(), one.entry_id) not in known
        ]
        if new:
            session.execute(insert(UnsupportedHash), new)
            change_figures(session, row.key, Counter(figure_of(one["algorithm"]) for one in new))
        session.execute(
            update(Entry).where(Entry.key.in_(some)).values(withdrawn_generation=next_number(row))
        )
    _forget_disabled(session, row, algorithms, is_degenerate)
    if keys:
        counts = Counts(withdrawn=len(keys))
        publish_generation(session, row, counts, source="degenerate hashes withdrawn")
        replace_figures(session, row.key, count_listed(session, row))
    return len(keys)


def _forget_disabled(
    session: Session, row: HashList, algorithms: Sequence[str], is_degenerate: IsDegenerate
) -> None:
    """Let no degenerate hash be enabled again; no delivery brings one of its own."""
    disabled = select(Entry.key, Entry.algorithm, Entry.value).where(
        *are_disabled(row), Entry.algorithm.in_(algorithms)
    )
    for some in _chunks(list(_degenerate_keys(session, disabled, is_degenerate))):
        session.execute(update(Entry).where(Entry.key.in_(some)).values(disabled=False))
        change_figures(session, row.key, {(DISABLED, ""): -len(some)})


def _stored(entry: Entry, generation: int) -> dict[str, Any]:
    return {
        "list_key": entry.list_key,
        "added_generation": generation,
        "algorithm": degenerate_name(entry.algorithm),
        "value": entry.value.hex(),
        "entry_id": entry.entry_id,
        **{name: getattr(entry, name) for name in CONTENT},
    }


def _mark_quarantined(
    session: Session, algorithms: Sequence[str], is_degenerate: IsDegenerate
) -> None:
    """Turn the degenerate rows of quarantined deliveries into those that they are staged as now."""
    staged = (
        select(QuarantinedRow.key, QuarantinedRow.algorithm, QuarantinedRow.value)
        .join(QuarantinedDelivery, QuarantinedDelivery.key == QuarantinedRow.delivery_key)
        .join(HashList, HashList.key == QuarantinedDelivery.list_key)
        .where(HashList.kind != ALLOW)
        .where(QuarantinedRow.part == "staged", QuarantinedRow.algorithm.in_(algorithms))
    )
    for some in _chunks(list(_degenerate_keys(session, staged, is_degenerate))):
        for row in session.scalars(select(QuarantinedRow).where(QuarantinedRow.key.in_(some))):
            row.part, row.text = "unsupported", (row.value or b"").hex()
            row.algorithm, row.value = degenerate_name(row.algorithm or ""), None
    session.flush()


def _degenerate_keys(
    session: Session, query: Select[Any, Any, Any], is_degenerate: IsDegenerate
) -> Iterator[int]:
    """Yield the keys of the degenerate ones among rows of (key, algorithm, value)."""
    rows = session.execute(query, execution_options={"yield_per": _ROWS_A_BATCH})
    for key, algorithm, value in rows:
        if is_degenerate(algorithm, value):
            yield key


def _chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), _KEYS_A_QUERY):
        yield keys[start : start + _KEYS_A_QUERY]
