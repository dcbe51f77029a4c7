"""Publication: what consumers pull of a list follows its generations, in short turns.

Every entry has one row, at the position of its newest change. Positions are given in the order in
which changes are published, under a lock, so that a consumer who has read up to one has missed
nothing before it. Publication goes on where a crash left it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from ..engine import among_named, as_table, ignoring, insert_alike, is_sqlite
from ..lists import (
    ChangedPage,
    EntryWords,
    has_changed_contents,
    read_active_words,
    read_added_page,
    read_withdrawn_page,
)
from ..schema import HashList, Publication, SharedEntry, SharedList, utc_now

# In this order: entries that were withdrawn, which is urgent; the rows of entries that went with
# the list; entries that were added since, or all where contents were changed.
_WITHDRAWN, _EMPTIED, _ADDED, _ALL = "withdrawn", "emptied", "added", "all"
_SECRET_BYTES = 32
_ENTRIES = as_table(SharedEntry)
_ADD = insert(_ENTRIES)
_OWN = ("entry_id", "entry_key", "position", "first_position", "categories", "tags")
_CHANGE = update(_ENTRIES).where(
    _ENTRIES.c.list_key == bindparam("of_list"), _ENTRIES.c.entry_id == bindparam("of_entry")
)


class _Known(NamedTuple):
    """Row of an entry as it was published last, in columns: objects cost several times as much."""

    entry_id: str
    entry_key: int | None
    categories: str
    tags: str
    earlier: str
    withdrawn: bool


# Statements are kept: to build one takes longer than to execute it, and turns are short.
_KNOWN = select(*(_ENTRIES.c[one] for one in _Known._fields)).where(
    _ENTRIES.c.list_key == bindparam("of_list")
)
_KNOWN_OF = {
    is_sqlite: _KNOWN.where(among_named(_ENTRIES.c.entry_id, "ids", is_sqlite=is_sqlite))
    for is_sqlite in (True, False)
}
_FOLLOWING = (
    _KNOWN.where(_ENTRIES.c.entry_id > bindparam("after"))
    .order_by(_ENTRIES.c.entry_id)
    .limit(bindparam("most"))
)
_LOCKED = select(SharedList).where(SharedList.list_key == bindparam("of_list")).with_for_update()
_NEWEST = (
    select(Publication.published_at)
    .where(Publication.list_key == bindparam("of_list"))
    .order_by(Publication.position.desc())
    .limit(1)
)
_PUBLISH = insert(as_table(Publication))


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
    if (found := session.scalar(_LOCKED, {"of_list": list_key})) is not None:
        return found
    first = {
        "list_key": list_key, "stage": "", "next_key": 0, "next_id": "", "position": 0,
        "secret": secrets.token_bytes(_SECRET_BYTES),
    }  # fmt: skip
    session.execute(ignoring(session.connection(), SharedList), [first])
    return session.scalars(_LOCKED, {"of_list": list_key}).one()


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
        self._added: list[tuple[str | int | None, ...]] = []
        self._changed: list[dict[str, Any]] = []

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
        self._write(page)
        self._advance(page, "")

    def withdraw(self, limit: int) -> None:
        """Publish the next entries that lost hashes, or were withdrawn."""
        before = self._shared.generation or 0
        page = read_withdrawn_page(
            self._session, self._row, before, self._shared.next_key, limit=limit
        )
        named = [own_id for own_id, key in page.entries.items() if key is None]
        still = read_active_words(self._session, self._row, named)
        known = self._known(page.entries)
        for own_id in sorted(known):
            self._mark(known[own_id], still.get(own_id))
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
        wanted = {"of_list": self._row.key, "after": self._shared.next_id, "most": limit}
        rows = [_Known(*one) for one in self._session.execute(_FOLLOWING, wanted)]
        named = [one.entry_id for one in rows if one.entry_key is None]
        keys = [one.entry_key for one in rows if one.entry_key is not None]
        still = read_active_words(self._session, self._row, named, keys)
        for one in rows:
            if one.entry_id not in still:
                self._mark(one, None)
        if len(rows) < limit:
            self._finish(self._adding())
        else:
            self._shared.next_id = rows[-1].entry_id

    def end(self) -> None:
        """Write the rows, and publish the positions that they were given."""
        if self._position == self._shared.position:
            return
        # How far the list is follows at the end, once.
        with self._session.no_autoflush:
            if self._added:
                common = {
                    "list_key": self._row.key, "published_at": self._moment,
                    "first_published_at": self._moment, "earlier": "[]", "withdrawn": False,
                }  # fmt: skip
                insert_alike(self._session, _ADD, common, _OWN, self._added)
            if self._changed:
                self._session.execute(_CHANGE, self._changed)
            new = {"position": self._position, "published_at": self._moment}
            self._session.execute(_PUBLISH, {"list_key": self._row.key, **new})
        self._shared.position = self._position

    def _next_moment(self) -> datetime:
        """Return a time later than all before, even where a clock was set back."""
        before, now = self._session.scalar(_NEWEST, {"of_list": self._row.key}), utc_now()
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

    def _known(self, ids: Collection[str]) -> dict[str, _Known]:
        if not ids:
            return {}
        query = _KNOWN_OF[is_sqlite(self._session)]
        rows = self._session.execute(query, {"of_list": self._row.key, "ids": ids})
        return {one[0]: _Known(*one) for one in rows}

    def _write(self, page: ChangedPage) -> None:
        named = [own_id for own_id, key in page.entries.items() if key is None]
        keys = [key for key in page.entries.values() if key is not None]
        words = read_active_words(self._session, self._row, named, keys)
        known = self._known(page.entries)
        for own_id, key in page.entries.items():
            # It may be withdrawn by now, and is then published as that.
            if (own := words.get(own_id)) is None:
                continue
            before = known.get(own_id)
            if before is None:
                self._add(own_id, key, own)
            elif before.withdrawn or own_id in page.new or _words_of(before) != own:
                self._change(before, own)

    def _add(self, own_id: str, key: int | None, own: EntryWords) -> None:
        position = self._next()
        self._added.append((own_id, key, position, position, own.categories, own.tags))

    def _mark(self, before: _Known, still: EntryWords | None) -> None:
        """Give an entry a new position that lost some hashes, or all, unless it had lost all."""
        if still is not None or not before.withdrawn:
            self._change(before, still)

    def _change(self, before: _Known, own: EntryWords | None) -> None:
        """Give an entry a new position, with the words that it has now, or withdrawn."""
        now = own or _words_of(before)
        self._changed.append(
            {
                "of_list": self._row.key,
                "of_entry": before.entry_id,
                "position": self._next(),
                "published_at": self._moment,
                "categories": now.categories,
                "tags": now.tags,
                "earlier": _earlier(before, now.categories),
                "withdrawn": own is None,
            }
        )

    def _next(self) -> int:
        self._position += 1
        return self._position


def _words_of(before: _Known) -> EntryWords:
    return EntryWords(before.categories, before.tags)


def _earlier(before: _Known, categories: str) -> str:
    """Return the earlier categories of an entry that now has these."""
    if before.categories == categories:
        return before.earlier
    earlier = [*json.loads(before.earlier), json.loads(before.categories)]
    return json.dumps(sorted(map(list, set(map(tuple, earlier)))))
