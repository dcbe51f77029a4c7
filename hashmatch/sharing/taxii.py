"""TAXII 2.1: each shared list is a collection of STIX objects, in pages of so many objects.

The place in a collection is the position of an entry, and how many of its objects were given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from hashmatch.config import Settings
from hashmatch.errors import InputError, NotFoundError
from hashmatch.store.engine import Database
from hashmatch.store.lists import read_store_id
from hashmatch.store.sharing import SharedItem

from . import stix
from .pulling import Pull, SharedList, Sharing, parse_moment
from .stix import Naming, Object

MEDIA_TYPE = "application/taxii+json;version=2.1"
STIX_MEDIA_TYPE = "application/stix+json;version=2.1"
MAX_OBJECTS = 1_000
_LONGEST_LIMIT = 9
# Pulls for one page at most, where little of a list may be seen.
_MOST_PULLS = 50
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})\.(\d)")
# When the objects that entries refer to were added, as clients see it.
_EPOCH = datetime(2026, 11, 28, tzinfo=UTC)
Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects that a client asks for; the sets are empty where it takes all."""

    added_after: datetime | None = None
    limit: int = MAX_OBJECTS
    place: str = ""
    ids: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    spec_versions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Selection:
        """Return the selection of a query. Raises `InputError`."""
        added_after = query.get("added_after", "")
        limit = query.get("limit", str(MAX_OBJECTS))
        if not limit.isdecimal() or len(limit) > _LONGEST_LIMIT:
            raise InputError("limit is a number of objects")
        return cls(
            parse_moment(added_after, "added_after") if added_after else None,
            # A client asks for none after a page that had none.
            min(int(limit) or MAX_OBJECTS, MAX_OBJECTS),
            query.get("next", ""),
            *(
                frozenset(query.get(f"match[{name}]", "").split(",")) - {""}
                for name in ("id", "type", "version", "spec_version")
            ),
        )

    def takes(self, one: Object) -> bool:
        """Say whether an object is asked for; of an object there is only its newest version."""
        return (
            (not self.ids or one["id"] in self.ids)
            and (not self.types or one["type"] in self.types)
            and (not self.spec_versions or "2.1" in self.spec_versions)
            and (
                not self.versions
                or not self.versions.isdisjoint({"last", "first", "all", version_of(one)})
            )
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """Some objects of a collection, each with when it was added, and the place of the next."""

    objects: Sequence[tuple[Object, datetime]]
    following: str

    def as_document(self) -> Document:
        """Return the objects as TAXII sends them."""
        document: Document = {"objects": [one for one, _ in self.objects]} if self.objects else {}
        return document | self._more()

    def as_manifest(self) -> Document:
        """Return what is known of the objects, without themselves."""
        records = [
            {
                "id": one["id"],
                "date_added": stix.moment(added),
                "version": version_of(one),
                "media_type": STIX_MEDIA_TYPE,
            }
            for one, added in self.objects
        ]
        return ({"objects": records} if records else {}) | self._more()

    def headers(self) -> dict[str, str]:
        """Return the headers with the times of the first and the last object."""
        if not self.objects:
            return {}
        times = sorted(added for _, added in self.objects)
        return {
            "X-TAXII-Date-Added-First": stix.moment(times[0]),
            "X-TAXII-Date-Added-Last": stix.moment(times[-1]),
        }

    def _more(self) -> Document:
        return {"more": True, "next": self.following} if self.following else {"more": False}


class _Page:
    """Objects of a page as they are found, and the range that is left of the collection."""

    def __init__(self, wanted: Selection, rest: Pull) -> None:
        self.found: list[tuple[Object, datetime]] = []
        self.rest = rest
        self._wanted = wanted
        self._skipped = 0

    @property
    def room(self) -> int:
        """How many objects more fit."""
        return self._wanted.limit - len(self.found)

    def take(
        self, after: int, before: int, objects: Sequence[tuple[Object, datetime]], skipped: int
    ) -> bool:
        """Take the objects at a place, but for some; say whether all of them fitted.

        So many objects were `before` them at the same place.
        """
        for number, one in enumerate(objects):
            if number < skipped:
                continue
            if len(self.found) >= self._wanted.limit:
                self.rest = Pull(self.rest.since, after, self.rest.until)
                self._skipped = before + number
                return False
            if self._wanted.takes(one[0]):
                self.found.append(one)
        return True

    def envelope(self) -> Envelope:
        """Return the page, with the place of the next one."""
        rest = self.rest
        place = f"{rest.since}.{rest.after}.{rest.until}.{self._skipped}"
        return Envelope(self.found, place)


class Collections:
    """The shared lists of a consumer as collections."""

    def __init__(self, database: Database, settings: Settings, sharing: Sharing) -> None:
        self._sharing = sharing
        self._settings = settings
        with database.reading() as session:
            self._store_id = read_store_id(session)
        self._publisher = stix.publisher_object(settings.sharing, self._store_id)
        self._namings: dict[int, Naming] = {}

    def all(self, token_id: str) -> list[Document]:
        """Return the collections that a consumer may see."""
        return [self._described(one) for one in self._sharing.lists(token_id, gives_hashes=True)]

    def one(self, token_id: str, collection_id: str) -> Document:
        """Return a collection. Raises `NotFoundError`."""
        return self._described(self._find(token_id, collection_id))

    def objects(self, token_id: str, collection_id: str, wanted: Selection) -> Envelope:
        """Return objects of a collection in the order in which they were added.

        Raises `NotFoundError`, and `InputError` for a place that there is not.
        """
        shared = self._find(token_id, collection_id)
        if wanted.ids:
            return self._chosen(token_id, shared, wanted)
        place, skipped = self._place(token_id, shared, wanted)
        page = _Page(wanted, place)
        is_whole = not place.after and wanted.added_after is None
        common = [(one, _EPOCH) for one in self._common(shared)] if is_whole else []
        if not page.take(0, 0, common, skipped):
            return page.envelope()
        # Most entries have an object of each kind; twice as many would be read for nothing. One
        # more: the first may have been given in part.
        entries = page.room // (len(wanted.types & stix.KINDS) or len(stix.KINDS)) + 1
        for _ in range(_MOST_PULLS):
            pulled = self._sharing.pull(
                token_id, shared.name, page.rest, protocol="taxii", limit=entries
            )
            for item in pulled.items:
                own = [(one, item.published_at) for one in self._objects_of(item, shared)]
                is_same = item.position == place.after + 1
                before = len(common) if is_same else 0
                skip = max(skipped - before, 0) if is_same else 0
                if not page.take(item.position - 1, before, own, skip):
                    return page.envelope()
            page.rest = pulled.rest
            if pulled.is_complete:
                return Envelope(page.found, "")
            if not page.room:
                break
            entries = page.room
        return page.envelope()

    def object(self, token_id: str, collection_id: str, object_id: str) -> Envelope:
        """Return one object of a collection. Raises `NotFoundError`."""
        shared = self._find(token_id, collection_id)
        found = self._chosen(token_id, shared, Selection(ids=frozenset({object_id})))
        if not found.objects:
            raise NotFoundError(f"the collection has no object {object_id[:64]!r}")
        return found

    def _chosen(self, token_id: str, shared: SharedList, wanted: Selection) -> Envelope:
        found = [(one, _EPOCH) for one in self._common(shared) if wanted.takes(one)]
        naming = self._naming(shared)
        for object_id in sorted(wanted.ids)[: wanted.limit]:
            first = naming.first_position(object_id)
            if first is None:
                continue
            try:
                item = self._sharing.find_first(token_id, shared.name, first, protocol="taxii")
            except NotFoundError:
                continue
            objects = self._objects_of(item, shared)
            found += [(one, item.published_at) for one in objects if wanted.takes(one)]
        return Envelope(found, "")

    def _place(self, token_id: str, shared: SharedList, wanted: Selection) -> tuple[Pull, int]:
        if not wanted.place:
            return self._sharing.since(token_id, shared.name, wanted.added_after), 0
        found = _PLACE.fullmatch(wanted.place)
        if found is None:
            raise InputError("next is no place in the collection", hint="Begin without it.")
        since, after, until, skipped = map(int, found.groups())
        if not since <= after <= until <= shared.standing.position:
            raise InputError("next is no place in the collection", hint="Begin without it.")
        return Pull(since, after, until), skipped

    def _find(self, token_id: str, collection_id: str) -> SharedList:
        for one in self._sharing.lists(token_id, gives_hashes=True):
            if collection_id in (self._naming(one).collection_id(), one.name):
                return one
        raise NotFoundError(f"there is no collection {collection_id[:64]!r}")

    def _described(self, shared: SharedList) -> Document:
        return {
            "id": self._naming(shared).collection_id(),
            "title": shared.name,
            "alias": shared.name,
            "description": f"TLP:{shared.tlp.upper()}",
            "can_read": True,
            "can_write": False,
            "media_types": [STIX_MEDIA_TYPE],
        }

    def _common(self, shared: SharedList) -> list[Object]:
        section = self._settings.sharing.lists[shared.name]
        return stix.common_objects(self._publisher, section)

    def _objects_of(self, item: SharedItem, shared: SharedList) -> list[Object]:
        return stix.entry_objects(
            item,
            self._naming(shared),
            shared.name,
            self._settings.sharing,
            self._publisher["id"],
        )

    def _naming(self, shared: SharedList) -> Naming:
        if shared.key not in self._namings:
            self._namings[shared.key] = Naming(shared.standing.secret)
        return self._namings[shared.key]


def version_of(one: Object) -> str:
    """Return the version of an object: when it was modified, or created, or "" of neither."""
    return str(one.get("modified") or one.get("created") or stix.moment(_EPOCH))
