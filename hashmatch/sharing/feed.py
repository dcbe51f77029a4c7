"""Feed of a shared list in JSON Lines: additions, withdrawals, and a signed manifest at the end.

A line says `add` or `withdraw` with the entry's id. The last line is the manifest: what the answer
is of, the SHA-256 of all bytes before it, and the cursor to go on from; with an Ed25519 signature
(RFC 8032) over its JSON as it stands between the braces of `manifest`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from hashmatch.audit import Signer
from hashmatch.errors import InputError
from hashmatch.store.schema import utc_now
from hashmatch.store.sharing import SharedItem

from .membership import Evaluator, exact_only
from .pulling import Pull, Pulled, Resumed

_HASHES, _TAGS = "hashmatch-feed/1", "hashmatch-tags/1"
MEDIA_TYPE = "application/jsonl"
_CURSOR = re.compile(r"(\d{1,9})" + r"\.(\d{1,18})" * 4)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def parse_cursor(text: str) -> tuple[Pull, Resumed]:
    """Return what a cursor goes on with. Raises `InputError`."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InputError(
            "that is no cursor", hint="Take it from the manifest of the last answer, or omit it."
        )
    revision, since, after, until, published_us = map(int, found.groups())
    if not since <= after <= until:
        raise InputError("that is no cursor: its positions are out of order")
    return Pull(since, after, until), Resumed(revision, published_us)


def feed_digest(pulled: Pulled) -> str:
    """Return a digest of what an answer says, whenever it is written."""
    return hashlib.sha256(_cursor(pulled).encode() + _body(pulled, None)).hexdigest()


def write_feed(
    pulled: Pulled, signer: Signer | None, publisher: str, evaluator: Evaluator | None = None
) -> bytes:
    """Return the answer to a pull, with its manifest; with an evaluator it has tags for hashes."""
    body = _body(pulled, evaluator)
    withdrawn = sum(one.is_withdrawn for one in pulled.items)
    rest, shared = pulled.rest, pulled.shared
    manifest = {
        "format": _HASHES if evaluator is None else _TAGS,
        "publisher": publisher,
        "list": shared.name,
        "consumer": pulled.consumer.name,
        "tlp": shared.tlp,
        "generation": shared.standing.generation,
        "since": rest.since,
        "complete": pulled.is_complete,
        "cursor": _cursor(pulled),
        "additions": len(pulled.items) - withdrawn,
        "withdrawals": withdrawn,
        "sha256": hashlib.sha256(body).hexdigest(),
        "written_at": utc_now().isoformat(timespec="seconds"),
    }
    if evaluator is not None:
        manifest["membership_key"] = evaluator.public_key
    text = _encode(manifest).encode()
    key_id = signature = ""
    if signer is not None:
        key_id, signature = signer.key_id, base64.b64encode(signer.sign(text)).decode()
    last = b'{"manifest":%b,"key_id":"%b","signature":"%b"}\n'
    return body + last % (text, key_id.encode(), signature.encode())


def _body(pulled: Pulled, evaluator: Evaluator | None) -> bytes:
    lines = (_line(one) if evaluator is None else _tagged(one, evaluator) for one in pulled.items)
    return b"".join(_encode(one).encode() + b"\n" for one in lines)


def _tagged(one: SharedItem, evaluator: Evaluator) -> dict[str, Any]:
    own_id = evaluator.opaque(one.entry_id)
    if one.is_withdrawn:
        return {"withdraw": own_id}
    return {"add": own_id, "tags": sorted(evaluator.tags(exact_only(one.hashes)))}


def _cursor(pulled: Pulled) -> str:
    rest = pulled.rest
    # After a complete answer the next one is of what is published from there on.
    since = rest.until if pulled.is_complete else rest.since
    revision, published_us = pulled.resumed.revision, pulled.resumed.published_us
    return f"{revision}.{since}.{rest.after}.{rest.until}.{published_us}"


def _line(one: SharedItem) -> dict[str, Any]:
    if one.is_withdrawn:
        return {"withdraw": one.entry_id}
    line: dict[str, Any] = {
        "add": one.entry_id,
        "hashes": {name: [value.hex() for value in values] for name, values in one.hashes.items()},
        "category": one.category,
        "tags": list(one.tags),
        "added_at": one.added_at,
    }
    if (facts := one.facts) is not None:
        line |= {
            "classification": dict(facts.classification),
            "jurisdiction": facts.jurisdiction,
            "basis": facts.basis,
            "generated": facts.generated,
        }
    return line
