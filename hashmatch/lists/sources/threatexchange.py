"""Source for Meta's ThreatExchange: changes in a privacy group by time, as JSON pages.

Deletions are listed for ninety days. A list that was not synced for longer is read completely
again, since it may have missed a deletion.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode

import httpx

from hashmatch.config import MappingSettings
from hashmatch.errors import ListFileError, SourceError, SourceRefusedError

from ..delivery import DeliveredItem, Delivery, EntryUpdate
from ..formats import BadRow, Excluded, RawRow, as_text, mapped_category
from .interface import Checkpoint, Feedback, FeedbackReceiver, Fetch, ListSource, Verdict
from .web import OVERLAP, Web, open_client, parse_json

# Five days less than deletions are listed for, so that none is missed.
_DELETIONS_LISTED_FOR = timedelta(days=85)
_PAGE_SIZE = 500
_FIELDS = "id,indicator,type,last_updated,should_delete,descriptors{id,owner{id,name},status,tags}"
# The gravest first: an entry that one member calls malicious is so, against all other opinions.
_STATUSES = ("MALICIOUS", "SUSPICIOUS", "UNKNOWN", "NON_MALICIOUS")
_ANY_CATEGORY = MappingSettings()
# Codes of too many calls: of an application, a user, a page, and of any other limit.
_THROTTLED = frozenset({4, 17, 32, 613})


class ThreatExchangeSource(ListSource, FeedbackReceiver):
    """A privacy group; an entry's category is the gravest status that a member gives it."""

    def __init__(
        self,
        base: str,
        privacy_group: str,
        access_token: str,
        mapping: MappingSettings | None = None,
        *,
        timeout_s: float = 60.0,
        wait_s: float = 1.0,
    ) -> None:
        self._base = base.rstrip("/")
        self._group = privacy_group
        self._access_token = access_token
        self._mapping = mapping or _ANY_CATEGORY
        self._timeout_s = timeout_s
        self._wait_s = wait_s

    @property
    def name(self) -> str:
        """Return the address of the privacy group."""
        return f"{self._base}/{self._group}"

    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield all pages of changes since the checkpoint as one delivery."""
        with open_client(self._base, timeout_s=self._timeout_s) as client:
            web = self._open(client)
            # Read before the changes: no later deletion is then missed.
            _, now = web.read(self._address(limit=1), _parse_page)
            start: datetime | None = None
            known = checkpoint.get("until")
            fetched_at = datetime.fromtimestamp(int(checkpoint.get("fetched", known or 0)), UTC)
            if known is not None and now - fetched_at < _DELETIONS_LISTED_FOR:
                start = min(datetime.fromtimestamp(int(known), UTC), now) - OVERLAP
            # Changes appear late, so that the next fetch begins at the newest one that was seen.
            reached = {"until": int(known or 0) if start else 0, "fetched": int(now.timestamp())}
            items = self._items(self._records(web, start), reached)
            yield Fetch(Delivery(items, "record", start is None and not is_empty), reached)

    def give_feedback(self, feedback: Feedback) -> None:
        """React to every member's opinion on an entry; see `FeedbackReceiver`."""
        reaction = "HELPFUL" if feedback.verdict is Verdict.CONFIRMED else "NOT_HELPFUL"
        token = {"access_token": self._access_token}
        with open_client(self._base, timeout_s=self._timeout_s) as client:
            web = self._open(client)
            query = urlencode({"fields": "id,owner{id}", "limit": _PAGE_SIZE, **token})
            address = f"{self._base}/{quote(feedback.entry_id, safe='')}/descriptors?{query}"
            # Nobody may react to an opinion of their own.
            own = self._access_token.partition("|")[0]
            descriptors, _ = web.read(address, partial(_parse_descriptors, own=own))
            if not descriptors:
                raise SourceRefusedError(f"{self._base}: no member lists the entry any more")
            for one in descriptors:
                body = urlencode({"reactions": reaction, **token}).encode()
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                web.send("POST", f"{self._base}/{quote(one, safe='')}", body, kind)

    def _open(self, client: httpx.Client) -> Web:
        return Web(self._base, client, wait_s=self._wait_s, is_throttled=_is_throttled)

    def _address(self, *, limit: int = _PAGE_SIZE, start: datetime | None = None) -> str:
        # The address holds the token, so that it must never be logged or shown.
        query = {
            "access_token": self._access_token,
            "fields": _FIELDS,
            "limit": limit,
            "start_time": max(0, int(start.timestamp())) if start else 0,
        }
        return f"{self._base}/{self._group}/threat_updates?{urlencode(query)}"

    def _records(self, web: Web, start: datetime | None) -> Iterator[Any]:
        address = self._address(start=start)
        seen: set[str] = set()
        while address:
            if address in seen:
                raise SourceError(f"{self._base}: its pages form a loop")
            seen.add(address)
            page, _ = web.read(address, _parse_page)
            yield from page["data"]
            address = page["paging"].get("next") or ""

    def _items(self, records: Iterator[Any], reached: dict[str, int]) -> Iterator[DeliveredItem]:
        for number, record in enumerate(records, start=1):
            entry_id = as_text(record.get("id")) if isinstance(record, dict) else ""
            if not entry_id:
                yield BadRow(number, "there is no id")
                continue
            changed = record.get("last_updated")
            if not isinstance(changed, int | str) or not str(changed).isdecimal():
                yield BadRow(number, "there is no time of change", entry_id)
                continue
            reached["until"] = max(reached["until"], min(int(changed), reached["fetched"]))
            # An entry on which no member has an opinion any more counts as deleted.
            opinions = record.get("descriptors")
            has_none = not opinions or (isinstance(opinions, dict) and opinions.get("data") == [])
            if not record.get("should_delete") and not has_none:
                yield self._row(number, entry_id, int(changed), record)
            # Of fixed width, since moments are compared as text.
            yield EntryUpdate(number, entry_id, f"{int(changed):020}")

    def _row(
        self, number: int, entry_id: str, changed: int, record: dict[str, Any]
    ) -> RawRow | BadRow | Excluded:
        kind, value = as_text(record.get("type")), as_text(record.get("indicator"))
        descriptors = record["descriptors"]
        opinions = descriptors.get("data") if isinstance(descriptors, dict) else None
        if not kind or not value or not _is_objects(opinions):
            return BadRow(number, "there is no type, no indicator or no descriptor", entry_id)
        if not kind.startswith("HASH_"):
            return Excluded(number)  # Addresses and phrases are no hashes.
        statuses = [one.get("status") for one in opinions]
        status = next((one for one in _STATUSES if one in statuses), "UNKNOWN")
        category = mapped_category(self._mapping, number, status, entry_id)
        if not isinstance(category, str):
            return category
        name = self._mapping.algorithms.get(kind, kind.removeprefix("HASH_"))
        tags = sorted({tag for one in opinions for tag in _tags(one.get("tags"))})
        # Later times than in the year 3058 could overflow.
        added_at = datetime.fromtimestamp(min(changed, 1 << 35), UTC).isoformat()
        return RawRow(number, name, value, entry_id, category, tuple(tags), added_at, is_kind=True)


def _is_throttled(body: bytes) -> bool:
    """Say whether a refusal asks to wait, which the server says in its body alone."""
    try:
        error = json.loads(body)["error"]
        return error.get("code") in _THROTTLED or error.get("is_transient") is True
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _parse_page(body: bytes) -> dict[str, Any]:
    page = parse_json(body)
    if isinstance(page, dict) and isinstance(page.get("data"), list):
        page.setdefault("paging", {})
        if isinstance(page["paging"], dict) and isinstance(page["paging"].get("next", ""), str):
            return page
    raise ListFileError("the response is not a page of ThreatExchange", hint="Nothing was changed.")


def _parse_descriptors(body: bytes, own: str) -> list[str]:
    """Return the ids of others' descriptors of an indicator. Raises `ListFileError`."""
    page = parse_json(body)
    try:
        opinions = [(str(one["id"]), one.get("owner") or {}) for one in page["data"]]
        return [named for named, owner in opinions if str(owner.get("id")) != own]
    except (AttributeError, KeyError, TypeError) as error:
        raise ListFileError("the response is not the opinions on an indicator") from error


def _is_objects(items: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(items, list) and all(isinstance(one, dict) for one in items)


def _tags(given: object) -> list[str]:
    """Return tags by name; the response has names, or objects with a text."""
    items = given.get("data") if isinstance(given, dict) else given
    if not isinstance(items, list):
        return []
    named = [one.get("text") if isinstance(one, dict) else one for one in items]
    return [text for one in named if isinstance(one, str) and (text := as_text(one))]
