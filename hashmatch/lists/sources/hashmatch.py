"""Source for lists that another installation of hashmatch shares: its feed of changes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from hashmatch.audit import PublicKeys
from hashmatch.errors import InputError, SourceError, SourceExpiredError
from hashmatch.store.schema import require_text

from ..delivery import DeliveredItem, Delivery, EntryUpdate
from ..formats import BadRow, Excluded, Manifest, RawRow, read_feed
from .interface import Checkpoint, Fetch, ListSource
from .web import Web, open_client

_MAX_TAGS, _MAX_CHARACTERS, _MAX_HASH = 100, 1_000, 100_000
_Page: TypeAlias = tuple[Iterator[Mapping[str, Any]], Manifest]


class HashmatchSource(ListSource):
    """A shared list; every answer is checked before a line of it counts."""

    def __init__(
        self,
        url: str,
        list_name: str,
        token: str,
        keys: PublicKeys,
        *,
        ca_file: str = "",
        timeout_s: float = 60.0,
        wait_s: float = 1.0,
    ) -> None:
        self._base = url.rstrip("/")
        self._list = list_name
        self._token = token
        self._keys = keys
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._wait_s = wait_s

    @property
    def name(self) -> str:
        """Return the address of the list."""
        return f"{self._base}/v1/shared/{self._list}"

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the changes since the checkpoint, or one full delivery, as one delivery."""
        headers = {"Authorization": f"Bearer {self._token}"}
        with open_client(
            self._base, timeout_s=self._timeout_s, headers=headers, ca_file=self._ca_file
        ) as client:
            web = Web(self._base, client, wait_s=self._wait_s)
            cursor = str(checkpoint.get("cursor", ""))
            try:
                first = self._read(web, cursor)
            except SourceExpiredError:
                cursor, is_empty = "", False
                first = self._read(web, "")
            reached: dict[str, str] = {}
            items = self._items(web, first, reached, is_full=not cursor)
            # Without a cursor all of the list follows, and what it lacks is to be withdrawn.
            yield Fetch(Delivery(items, "record", is_full=not cursor and not is_empty), reached)

    def _items(
        self, web: Web, page: _Page, reached: dict[str, str], *, is_full: bool
    ) -> Iterator[DeliveredItem]:
        number, seen = 0, set[str]()
        while True:
            lines, manifest = page
            if is_full and manifest.since > 0:
                raise SourceError(f"{self._base}: the feed is not of what was asked for")
            for line in lines:
                number += 1
                yield from _rows(line, number)
            if manifest.is_complete:
                break
            if manifest.cursor in seen:
                raise SourceError(f"{self._base}: its pages form a loop")
            seen.add(manifest.cursor)
            page = self._read(web, manifest.cursor)
        reached["cursor"] = manifest.cursor

    def _read(self, web: Web, cursor: str) -> _Page:
        query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
        address = f"{self._base}/v1/shared/{quote(self._list, safe='')}/changes{query}"
        parse = partial(read_feed, name=self._list, keys=self._keys)
        page, _ = web.read(address, parse)
        return page


def _rows(line: Mapping[str, Any], number: int) -> Iterator[DeliveredItem]:
    """Yield the rows of one line of a feed; an update without any withdraws its entry."""
    if "withdraw" in line:
        if _is_text(line["withdraw"], _MAX_CHARACTERS):
            yield EntryUpdate(number, line["withdraw"], "")
        else:
            yield BadRow(number, "the id of the withdrawn entry is none")
        return
    if "add" not in line:
        # A kind of line that there was not when this was written: counted, and the rest counts.
        yield Excluded(number)
        return
    entry_id, hashes, tags = line["add"], line.get("hashes"), line.get("tags", [])
    category, added_at = line.get("category", ""), line.get("added_at", "")
    if not _is_text(entry_id, _MAX_CHARACTERS) or not isinstance(hashes, dict):
        yield BadRow(number, "the line has no entry id, or no hashes")
        return
    words = [category, added_at, *(tags if isinstance(tags, list) else [None])]
    are_texts = all(one == "" or _is_text(one, _MAX_CHARACTERS) for one in words)
    if len(words) > _MAX_TAGS or not are_texts:
        yield BadRow(number, "its category, its tags or its time are no short texts", entry_id)
        return
    found = [
        RawRow(number, name, value, entry_id, category, _tags(line), added_at, is_kind=True)
        for name, values in hashes.items()
        for value in (values if isinstance(values, list) else ())
        if _is_text(name, _MAX_CHARACTERS) and _is_text(value, _MAX_HASH)
    ]
    yield from found
    if not found:
        yield BadRow(number, "the entry has no hashes", entry_id)
        return
    yield EntryUpdate(number, entry_id, "")


def _tags(line: Mapping[str, Any]) -> tuple[str, ...]:
    own = tuple(line.get("tags", ()))
    is_generated = line.get("generated") in ("generated", "partly")
    return (*own, "ai-generated") if is_generated and "ai-generated" not in own else own


def _is_text(value: object, most: int) -> bool:
    """Say whether a value is a text that a database can hold, and not too long."""
    if not isinstance(value, str) or not 0 < len(value) <= most:
        return False
    try:
        require_text(value)
    except InputError:
        return False
    return True
