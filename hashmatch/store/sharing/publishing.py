"""Publication: what consumers pull of a list follows its generations, in short turns.

Every entry has one row, at the position of its newest change. Positions are given in the order in
which changes are published, under a lock, so that a consumer who has read up to one has missed
nothing before it. Publication goes on where a crash left it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..engine import as_table, ignoring
from ..lists import (
    ChangedEntry,
    ChangedPage,
    EntryWords,
    has_changed_contents,
    read_active_words,
    read_added_page,
    read_withdrawn_page,
    shared_id,
)
from ..schema import HashList, Publication, SharedEntry, SharedList, utc_now

# In this order: entries that were withdrawn, which is urgent; the rows of entries that went with
# the list; entries that were added since, or all where contents were changed.
_WITHDRAWN, _EMPTIED, _ADDED, _ALL = "withdrawn", "emptied", "added", "all"
_SECRET_BYTES = 32


def publish_some(session: Session, list_key: int, *, limit: int) -> bool:
    """Publish changes of a list, of about so many entries; say whether there are more.

    Waits for others that do the same.
    """
    row = session.get_one(HashList, list_key)
    shared = _locked(session, list_key)
    if shared.target is None and not _begin(row, shared):
        return False
    step = _Step(session, row, shared)
    if shared.stage in (_ADDED, _ALL):
        step.add(limit)
    elif shared.stage == _WITHDRAWN:
        step.withdraw(limit)
    else:
        step.sweep(limit)
    step.end()
    return True


def is_behind(session: Session, list_key: int) -> bool:
    """Say whether a list has changes that are not published yet."""
    row, shared = session.get_one(HashList, list_key), session.get(SharedList, list_key)
    if shared is None:
        return row.generation > 0
    return shared.target is not None or shared.generation != row.generation


def _locked(session: Session, list_key: int) -> SharedList:
    first = {
        "list_key": list_key, "stage": "", "next_key": 0, "next_id": "", "position": 0,
        "secret": secrets.token_bytes(_SECRET_BYTES),
    }  # fmt: skip
    session.execute(ignoring(session.connection(), SharedList), [first])
    query = select(SharedList).where(SharedList.list_key == list_key).with_for_update()
    return session.scalars(query).one()


def _begin(row: HashList, shared: SharedList) -> bool:
    if row.removed_at is not None or shared.generation == row.generation:
        return False
    shared.target, shared.next_key, shared.next_id = row.generation, 0, ""
    shared.stage = _ALL if shared.generation is None else _WITHDRAWN
    return True


class _Step:
    """One step of the publication of a list, in the transaction that publishes it."""

    def __init__(self, session: Session, row: HashList, shared: SharedList) -> None:
        self._session = session
        self._row = row
        self._shared = shared
        self._position = shared.position
        self._moment = self._next_moment()

    def add(self, limit: int) -> None:
        """Publish the next entries that were added, or whose contents were changed."""
        shared = self._shared
        page = read_added_page(
            self._session,
            self._row,
            shared.generation,
            shared.next_key,
            everything=shared.stage == _ALL,
            limit=limit,
        )
        self._write(page.entries)
        self._advance(page, "")

    def withdraw(self, limit: int) -> None:
        """Publish the next entries that lost hashes, or were withdrawn."""
        before = self._shared.generation or 0
        page = read_withdrawn_page(
            self._session, self._row, before, self._shared.next_key, limit=limit
        )
        ids = {shared_id(one.entry_id, one.key) for one in page.entries}
        named = {shared_id(one.entry_id, one.key) for one in page.entries if one.entry_id}
        self._mark(self._known(ids).values(), read_active_words(self._session, self._row, named))
        self._advance(page, _EMPTIED if before < self._row.emptied else self._adding())

    def _adding(self) -> str:
        """Return the stage in which entries are added: all are read where contents changed."""
        before = self._shared.generation or 0
        is_whole = before < self._row.emptied
        return (
            _ALL if is_whole or has_changed_contents(self._session, self._row, before) else _ADDED
        )

    def sweep(self, limit: int) -> None:
        """Withdraw rows whose entries went with the list, the next in the order of their ids."""
        query = (
            select(SharedEntry)
            .where(
                SharedEntry.list_key == self._row.key,
                SharedEntry.entry_id > self._shared.next_id,
            )
            .order_by(SharedEntry.entry_id)
            .limit(limit)
        )
        rows = list(self._session.scalars(query))
        named = {one.entry_id for one in rows if one.entry_key is None}
        keys = {one.entry_key for one in rows if one.entry_key is not None}
        still = read_active_words(self._session, self._row, named, keys)
        self._mark([one for one in rows if one.entry_id not in still], {})
        if len(rows) < limit:
            self._finish(self._adding())
        else:
            self._shared.next_id = rows[-1].entry_id

    def end(self) -> None:
        """Publish the positions that were given."""
        if self._position == self._shared.position:
            return
        self._shared.position = self._position
        self._session.add(
            Publication(list_key=self._row.key, position=self._position, published_at=self._moment)
        )

    def _next_moment(self) -> datetime:
        """Return a time later than all before, even where a clock was set back."""
        newest = (
            select(Publication.published_at)
            .where(Publication.list_key == self._row.key)
            .order_by(Publication.position.desc())
            .limit(1)
        )
        before, now = self._session.scalar(newest), utc_now()
        return now if before is None else max(now, before + timedelta(microseconds=1))

    def _advance(self, page: ChangedPage, stage: str) -> None:
        if page.until_key is None:
            self._finish(stage)
        else:
            self._shared.next_key = page.until_key

    def _finish(self, stage: str) -> None:
        shared = self._shared
        shared.stage, shared.next_key = stage, 0
        if not stage:
            # Changes that were made meanwhile are since then, and are published next.
            shared.generation, shared.target = shared.target, None

    def _known(self, ids: Collection[str]) -> dict[str, SharedEntry]:
        if not ids:
            return {}
        query = select(SharedEntry).where(
            SharedEntry.list_key == self._row.key, SharedEntry.entry_id.in_(sorted(ids))
        )
        return {one.entry_id: one for one in self._session.scalars(query)}

    def _write(self, entries: Sequence[ChangedEntry]) -> None:
        by_id = {shared_id(one.entry_id, one.key): one for one in entries}
        new = {shared_id(one.entry_id, one.key) for one in entries if one.is_new}
        named = [one for one, entry in by_id.items() if entry.entry_id]
        keys = [entry.key for entry in by_id.values() if not entry.entry_id]
        words = read_active_words(self._session, self._row, named, keys)
        known, added = self._known(by_id), []
        for own_id, one in by_id.items():
            # It may be withdrawn by now, and is then published as that.
            if (own := words.get(own_id)) is None:
                continue
            row = known.get(own_id)
            if row is None:
                added.append(self._values(own_id, one, own))
            elif self._update(row, own) or row.withdrawn or own_id in new:
                row.withdrawn = False
                row.position, row.published_at = self._next(), self._moment
        if added:
            self._session.execute(insert(as_table(SharedEntry)), added)

    def _update(self, row: SharedEntry, own: EntryWords) -> bool:
        """Let a row have the words of its entry; say whether it had others."""
        categories, tags = json.dumps(own.categories), json.dumps(own.tags)
        if (row.categories, row.tags) == (categories, tags):
            return False
        if row.categories != categories:
            earlier = [*json.loads(row.earlier), json.loads(row.categories)]
            row.earlier = json.dumps(sorted(map(list, set(map(tuple, earlier)))))
        row.categories, row.tags = categories, tags
        return True

    def _values(self, own_id: str, one: ChangedEntry, own: EntryWords) -> dict[str, object]:
        position = self._next()
        return {
            "list_key": self._row.key,
            "entry_id": own_id,
            "entry_key": None if one.entry_id else one.key,
            "position": position,
            "first_position": position,
            "published_at": self._moment,
            "first_published_at": self._moment,
            "categories": json.dumps(own.categories),
            "tags": json.dumps(own.tags),
            "earlier": "[]",
        }

    def _mark(self, rows: Iterable[SharedEntry], still: Mapping[str, EntryWords]) -> None:
        """Give rows a new position: those that lost some hashes, and those that lost all."""
        for row in rows:
            own = still.get(row.entry_id)
            if own is None and row.withdrawn:
                continue
            if own is not None:
                self._update(row, own)
            row.withdrawn = own is None
            row.position, row.published_at = self._next(), self._moment

    def _next(self) -> int:
        self._position += 1
        return self._position
