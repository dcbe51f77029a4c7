"""The feed of a shared list: JSON Lines whose last line is a signed manifest.

Written from docs/guides/sharing.md of hashmatch, without its code.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_TIMEOUT_S = 60
_BEGIN, _MIDDLE = b'{"manifest":', b',"key_id":'


class FeedError(Exception):
    """The answer is not what a feed has to be; nothing of it counts."""


class ExpiredError(Exception):
    """The list has to be pulled from the beginning."""


@dataclass(frozen=True)
class Page:
    """Lines of one answer, the cursor of the next, and whether there is more at the moment."""

    lines: list[dict[str, Any]]
    cursor: str
    is_complete: bool


class Feed:
    """One list of one publisher."""

    def __init__(self, url: str, list_name: str, token: str, public_key: str = "") -> None:
        self._address = f"{url.rstrip('/')}/v1/shared/{list_name}/changes"
        self._list_name = list_name
        self._token = token
        data = base64.b64decode(public_key) if public_key else None
        self._key = None if data is None else Ed25519PublicKey.from_public_bytes(data)

    def read(self, cursor: str) -> Page:
        """Return the answer after a cursor, the first of all without one.

        Raises `FeedError`, `ExpiredError` and `requests.RequestException`.
        """
        answer = requests.get(
            self._address,
            params={"cursor": cursor} if cursor else {},
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=_TIMEOUT_S,
            # A token goes to no other host.
            allow_redirects=False,
        )
        if answer.status_code == requests.codes.gone:
            raise ExpiredError
        answer.raise_for_status()
        if answer.status_code != requests.codes.ok:
            raise FeedError(f"the publisher answered with status {answer.status_code}")
        return self._checked(answer.content)

    def _checked(self, body: bytes) -> Page:
        begin = body.rfind(b"\n", 0, -1) + 1
        last = body[begin:]
        if not last.startswith(_BEGIN) or _MIDDLE not in last or not last.endswith(b"}\n"):
            raise FeedError("the answer has no manifest at its end")
        text = last[len(_BEGIN) : last.rindex(_MIDDLE)]
        try:
            manifest, signature = json.loads(text), json.loads(last)["signature"]
            lines = [json.loads(one) for one in body[:begin].splitlines()]
            facts = manifest["format"], manifest["list"], manifest["sha256"]
            page = Page(lines, manifest["cursor"], manifest["complete"] is True)
        except (ValueError, KeyError, TypeError) as error:
            raise FeedError("the answer cannot be understood") from error
        digest = hashlib.sha256(body[:begin]).hexdigest()
        if facts != ("hashmatch-feed/1", self._list_name, digest):
            raise FeedError("the answer is not whole, or is of another list")
        if self._key is not None:
            try:
                self._key.verify(base64.b64decode(signature), text)
            except (InvalidSignature, ValueError) as error:
                raise FeedError("the answer is not signed by the publisher") from error
        return page
