"""Questions to a publisher: whether one has files that its list has, without saying which.

The partner's side of private membership; `hashmatch.sharing.membership` has the function itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import httpx

from hashmatch.audit import PublicKeys
from hashmatch.errors import SourceError
from hashmatch.lists import TAGS, read_feed
from hashmatch.sharing import MAX_ASKED, Question

_ALGORITHMS = ("md5", "sha1", "sha256")
_BLOCK_BYTES = 1 << 20


def exact_hashes(path: Path) -> list[tuple[str, bytes]]:
    """Return the exact hashes of a file, each an algorithm and a value. Raises `OSError`."""
    digests = [hashlib.new(one, usedforsecurity=False) for one in _ALGORITHMS]
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            for one in digests:
                one.update(block)
    return [(name, one.digest()) for name, one in zip(_ALGORITHMS, digests, strict=True)]


class Publisher:
    """A list of a publisher, to ask about; its answers are verified before they count."""

    def __init__(self, client: httpx.Client, list_name: str, keys: PublicKeys) -> None:
        self._client = client
        self._list = list_name
        self._keys = keys
        self._tags: dict[str, list[str]] = {}
        self._membership_key = ""

    def read_tags(self) -> int:
        """Read the tags of the whole list, and return how many entries it has.

        Raises `SourceError` and `ListFileError`.
        """
        cursor, is_complete = "", False
        while not is_complete:
            query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
            body = self._asked("GET", f"/v1/shared/{self._list}/tags{query}").content
            lines, manifest = read_feed(body, self._list, self._keys, TAGS)
            for line in lines:
                self._note(line)
            cursor, is_complete = manifest.cursor, manifest.is_complete
            self._membership_key = manifest.membership_key
        return len(self._tags)

    def has(self, hashes: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Return for each hash whether it is listed; the publisher does not learn which they are.

        Raises `SourceError`, and `InputError` for an answer that is not one.
        """
        known = {tag for tags in self._tags.values() for tag in tags}
        found: list[bool] = []
        for some in _batches(hashes):
            question = Question.about(some)
            path = f"/v1/shared/{self._list}/evaluate"
            answer = self._asked("POST", path, {"blinded": list(question.blinded)}).json()
            evaluated = [str(one) for one in answer.get("evaluated", ())]
            found += question.answers(evaluated, self._membership_key, known)
        return found

    def _note(self, line: Mapping[str, object]) -> None:
        entry, tags = line.get("add"), line.get("tags")
        if isinstance(entry, str) and isinstance(tags, list):
            self._tags[entry] = [one for one in tags if isinstance(one, str)]
        elif isinstance(gone := line.get("withdraw"), str):
            self._tags.pop(gone, None)

    def _asked(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise SourceError("the publisher does not answer") from error
        if answer.status_code != httpx.codes.OK:
            raise SourceError(
                f"the publisher answered with status {answer.status_code}",
                hint="Check the address, the list's name and the token.",
            )
        return answer


def _batches(hashes: Sequence[tuple[str, bytes]]) -> Iterator[Sequence[tuple[str, bytes]]]:
    for first in range(0, len(hashes), MAX_ASKED):
        yield hashes[first : first + MAX_ASKED]
