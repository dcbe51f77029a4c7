"""Answers of another installation's feed: JSON Lines with a signed manifest at the end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hashmatch.audit import PublicKeys, is_signed
from hashmatch.errors import ListFileError

HASHES, TAGS = "hashmatch-feed/1", "hashmatch-tags/1"
_CURSOR = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_MANIFEST = re.compile(rb'\{"manifest":(\{.*\}),"key_id":"([0-9a-f]*)","signature":"([^"]*)"\}\n')


@dataclass(frozen=True, slots=True)
class Manifest:
    """Last line of an answer, which says what it is of; `since` 0 begins a full delivery."""

    list: str
    publisher: str
    since: int
    is_complete: bool
    cursor: str
    membership_key: str = ""


def read_feed(
    body: bytes, name: str, keys: PublicKeys, form: str = HASHES
) -> tuple[Iterator[Mapping[str, Any]], Manifest]:
    """Return the lines of an answer and its manifest, once it is whole and signed as it has to be.

    Without keys signatures are not asked for. Raises `ListFileError`.
    """
    begin = body.rfind(b"\n", 0, -1) + 1
    found = _MANIFEST.fullmatch(body[begin:])
    if found is None:
        raise ListFileError("the answer has no manifest at its end: it is truncated, or no feed")
    text, key_id, signature = found.groups()
    if keys:
        _require_signature(keys, key_id.decode(), signature, text)
    try:
        facts = json.loads(text)
        manifest = Manifest(
            str(facts["list"]),
            str(facts["publisher"]),
            int(facts["since"]),
            facts["complete"] is True,
            str(facts["cursor"]),
            str(facts.get("membership_key", "")),
        )
        is_known = facts["format"] == form
        is_whole = facts["sha256"] == hashlib.sha256(body[:begin]).hexdigest()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ListFileError("the manifest of the feed cannot be understood") from error
    if not _CURSOR.fullmatch(manifest.cursor):
        raise ListFileError("the cursor of the feed is none")
    if not is_known or manifest.list != name:
        raise ListFileError(f"the answer is no feed of list {name} in the form {form}")
    if not is_whole:
        raise ListFileError("the lines of the feed are not those that its manifest was written for")
    return _lines(body[:begin]), manifest


def _require_signature(keys: PublicKeys, key_id: str, signature: bytes, text: bytes) -> None:
    try:
        decoded = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not is_signed(keys, key_id, decoded, text):
        raise ListFileError(
            "the feed is not signed with a key that is trusted",
            hint="public_keys has the keys of its publisher, in base64.",
        )


def _lines(body: bytes) -> Iterator[Mapping[str, Any]]:
    for line in body.split(b"\n")[:-1]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ListFileError("a line of the feed is not JSON") from error
        if not isinstance(value, dict):
            raise ListFileError("a line of the feed is no object")
        yield value
