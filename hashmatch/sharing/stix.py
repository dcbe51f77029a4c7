"""STIX 2.1 objects of shared entries: an indicator, a file where a standard hash is known, marks.

An indicator's pattern has every hash, perceptual ones under their upper-case names. The extension
has what STIX has no words for: category, classification, jurisdiction, basis, and making.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from hashmatch.config import SharedListSettings, SharingSettings
from hashmatch.store.sharing import SharedItem

Object: TypeAlias = dict[str, Any]
INDICATOR, FILE = "indicator", "file"
EXTENSION = "extension-definition--f8d7a6f2-6a1e-4b8f-9a53-5d1f3b2c7e40"
_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
# The markings of TLP 2.0, as OASIS published them among its common objects.
_MARKINGS = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_MARKED_AT = "2022-10-01T00:00:00.000Z"
_EXTENDED_AT = "2026-11-28T00:00:00.000Z"
_STANDARD = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}
KINDS = frozenset({INDICATOR, FILE})
_POSITION_BYTES, _TAG_BYTES = 6, 8
_VERSION, _VARIANT = b"\x40", b"\x80"  # Of a random UUID (RFC 9562).
# Times that are written once: thousands of entries have the same.
_CACHED_MOMENTS = 1_024


class Naming:
    """Ids of the objects of one list: random to others, and led back to entries by us.

    They hold the first position of an entry, hidden by a digest that proves that they are ours.
    """

    def __init__(self, secret: bytes) -> None:
        # Keyed once: a copy of it costs a third less than a new one for each digest.
        self._keyed = hmac.new(secret, digestmod="sha256")

    def collection_id(self) -> str:
        """Return the id of the list as a collection."""
        return str(uuid.UUID(bytes=self._digest(b"collection")[:16], version=4))

    def object_id(self, kind: str, first_position: int) -> str:
        """Return the id of the object of a kind of an entry."""
        plain = first_position.to_bytes(_POSITION_BYTES)
        tag = self._digest(kind.encode() + plain)[:_TAG_BYTES]
        hidden = self._hidden(tag, plain)
        # The six bits of version and variant lie in the bytes 6 and 8, which hold nothing else.
        text = (hidden + _VERSION + tag[:1] + _VARIANT + tag[1:]).hex()
        return f"{kind}--{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def first_position(self, object_id: str) -> int | None:
        """Return the first position of the entry whose object has an id; None of other ids."""
        kind, _, text = object_id.partition("--")
        try:
            data = uuid.UUID(text).bytes
        except ValueError:
            return None
        tag = data[7:8] + data[9:]
        position = int.from_bytes(self._hidden(tag, data[:_POSITION_BYTES]))
        is_ours = kind in KINDS and self.object_id(kind, position) == object_id
        return position if is_ours else None

    def _hidden(self, tag: bytes, plain: bytes) -> bytes:
        mask = self._digest(b"mask" + tag)[:_POSITION_BYTES]
        return (int.from_bytes(plain) ^ int.from_bytes(mask)).to_bytes(_POSITION_BYTES)

    def _digest(self, data: bytes) -> bytes:
        digest = self._keyed.copy()
        digest.update(data)
        return digest.digest()


def entry_objects(
    one: SharedItem,
    naming: Naming,
    list_name: str,
    settings: SharingSettings,
    publisher: str,
) -> list[Object]:
    """Return the objects of an entry; of one that was withdrawn its indicator, revoked."""
    section = settings.lists[list_name]
    marking = marking_id(section)
    indicator: Object = {
        "type": INDICATOR,
        "spec_version": "2.1",
        "id": naming.object_id(INDICATOR, one.first_position),
        "created_by_ref": publisher,
        "created": moment(one.first_published_at),
        "modified": moment(one.published_at),
        "name": f"Entry {one.entry_id} of {list_name}",
        "pattern_type": "stix",
        "valid_from": moment(one.first_published_at),
        "object_marking_refs": [marking],
    }
    if one.is_withdrawn:
        # A pattern is required. This one is of no hash: a withdrawn value goes to nobody.
        pattern = f"[x-hashmatch-entry:entry_id = '{_quoted(one.entry_id)}']"
        return [{**indicator, "pattern": pattern, "revoked": True}]
    labels = [*([one.category] if one.category else []), *one.tags]
    indicator |= {"pattern": _pattern(one), "extensions": {EXTENSION: _facts(one, settings)}}
    if labels:
        indicator["labels"] = labels
    standard = {
        name: one.hashes[own][0].hex() for own, name in _STANDARD.items() if own in one.hashes
    }
    if not standard:
        return [indicator]
    file = {
        "type": FILE,
        "spec_version": "2.1",
        "id": naming.object_id(FILE, one.first_position),
        "hashes": standard,
        "object_marking_refs": [marking],
    }
    return [indicator, file]


def common_objects(publisher: Object, section: SharedListSettings) -> list[Object]:
    """Return what the objects of entries refer to: publisher, marking, extension."""
    marking = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": marking_id(section),
        "created": _MARKED_AT,
        "name": f"TLP:{section.tlp.upper()}",
        "extensions": {
            _TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": section.tlp}
        },
    }
    extension = {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": EXTENSION,
        "created_by_ref": publisher["id"],
        "created": _EXTENDED_AT,
        "modified": _EXTENDED_AT,
        "name": "Listed hashes",
        "description": "Category, classification, jurisdiction, basis and making of an entry.",
        "schema": "The guide to sharing of hashmatch describes the properties.",
        "version": "1.0.0",
        "extension_types": ["property-extension"],
    }
    return [publisher, marking, extension]


def publisher_object(settings: SharingSettings, store_id: str) -> Object:
    """Return the publisher as an identity."""
    digest = hmac.digest(store_id.encode(), b"publisher", "sha256")[:16]
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid.UUID(bytes=digest, version=4)}",
        "created": _EXTENDED_AT,
        "modified": _EXTENDED_AT,
        "name": settings.publisher or "hashmatch",
        "identity_class": "organization",
    }


def marking_id(section: SharedListSettings) -> str:
    """Return the id of the marking of a list."""
    return f"marking-definition--{_MARKINGS[section.tlp]}"


@lru_cache(_CACHED_MOMENTS)
def moment(when: datetime) -> str:
    """Return a time as STIX and TAXII write it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _pattern(one: SharedItem) -> str:
    parts = [
        f"file:hashes.{_hash_name(algorithm)} = '{value.hex()}'"
        for algorithm, values in sorted(one.hashes.items())
        for value in values
    ]
    return f"[{' OR '.join(parts)}]"


def _hash_name(algorithm: str) -> str:
    name = _STANDARD.get(algorithm, algorithm.upper())
    return name if name.isalnum() and name == "MD5" else f"'{_quoted(name)}'"


def _facts(one: SharedItem, settings: SharingSettings) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"extension_type": "property-extension", "category": one.category}
    codes = dict(settings.classifications.get(one.category, {}))
    if one.facts is not None:
        codes |= one.facts.classification
        facts |= {
            "jurisdiction": one.facts.jurisdiction,
            "basis": one.facts.basis,
            "generated": one.facts.generated,
        }
    return {**facts, "classification": codes}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
