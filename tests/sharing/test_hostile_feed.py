"""A publisher that is broken or hostile harms nothing that a consumer has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hashmatch.config import GuardSettings, Settings
from hashmatch.errors import HashmatchError
from hashmatch.lists import HashmatchSource, sync_list
from hashmatch.store.engine import Database
from hashmatch.store.lists import find_list
from tests.lists.loopback import Answer, Request, Service, serving

GOOD = {"add": "e1", "hashes": {"md5": [f"{1:032x}"]}, "category": "A1", "tags": []}


class FeedServer(Service):
    """Answers pulls with lines as they are set, each under a manifest that fits."""

    lines: list[Any] = [GOOD]  # noqa: RUF012
    manifest: dict[str, Any] = {}  # noqa: RUF012
    pulls = 0

    def answer(self, request: Request, fault: str) -> Answer:
        """Answer a pull."""
        del fault
        self.pulls += 1
        body = b"".join(
            one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n"
            for one in self.lines
        )
        manifest = {
            "format": "hashmatch-feed/1",
            "publisher": "x",
            "list": "ours",
            "since": 1 if "cursor" in request.query else 0,
            "complete": True,
            "cursor": f"1.1.1.1.{self.pulls}",
            "sha256": hashlib.sha256(body).hexdigest(),
            **self.manifest,
        }
        text = json.dumps(manifest).encode()
        return Answer(200, body + b'{"manifest":' + text + b',"key_id":"","signature":""}\n')


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A publisher that can be made to lie."""
    with serving(FeedServer()) as running:
        yield running


def _sync(database: Database, server: FeedServer) -> None:
    source = HashmatchSource(server.url, "ours", "token", {}, wait_s=0.001)
    sync_list(database, "theirs", source, Settings(guards=GuardSettings(least_changes=1_000)))


def _entries(database: Database) -> int:
    with database.reading() as session:
        return find_list(session, "theirs").active_entries


MANIFESTS: dict[str, dict[str, Any]] = {
    "a cursor that is no text": {"cursor": "\ud800x"},
    "a cursor with blanks": {"cursor": "a b"},
    "a long cursor": {"cursor": "1" * 201},
    "an endless number": {"since": float("inf")},
    "no number": {"since": "x"},
    "another list": {"list": "others"},
    "another form": {"format": "hashmatch-feed/2"},
    "pages without end": {"complete": False, "cursor": "1.1.1.1.7"},
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_lies_is_refused(
    database: Database, server: FeedServer, manifest: dict[str, Any]
) -> None:
    _sync(database, server)
    server.manifest = manifest
    with pytest.raises(HashmatchError):
        _sync(database, server)
    assert _entries(database) == 1
    server.manifest = {}
    _sync(database, server)
    assert _entries(database) == 1
    assert server.pulls < 30


LINES: dict[str, Any] = {
    "a long id": {**GOOD, "add": "e" * 1_001},
    "an id that is no text": {**GOOD, "add": "e\ud800"},
    "a number for an id": {**GOOD, "add": 7},
    "a long category": {**GOOD, "add": "e2", "category": "c" * 1_001},
    "a category that is none": {**GOOD, "add": "e2", "category": {}},
    "many tags": {**GOOD, "add": "e2", "tags": ["t"] * 200},
    "tags that are none": {**GOOD, "add": "e2", "tags": "t"},
    "hashes that are none": {**GOOD, "add": "e2", "hashes": [1, 2]},
    "values that are none": {**GOOD, "add": "e2", "hashes": {"md5": {"a": 1}}},
    "damaged hashes": {**GOOD, "add": "e2", "hashes": {"md5": ["zz"]}},
    "nobody withdrawn": {"withdraw": None},
    "an unknown kind of line": {"rename": "e1", "to": "e2"},
    "an unknown kind of hash": {**GOOD, "add": "e2", "hashes": {"newhash": ["AAAA"]}},
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_that_cannot_be_used_harms_no_other(
    database: Database, server: FeedServer, line: Any
) -> None:
    _sync(database, server)
    server.lines = [line, {**GOOD, "add": "e9", "hashes": {"md5": [f"{9:032x}"]}}]
    _sync(database, server)
    assert _entries(database) == 2


@pytest.mark.parametrize("line", [b"[" * 100_000 + b"\n", b"not json\n", b"[1]\n", b"\xff\n"])
def test_what_is_no_feed_is_refused(database: Database, server: FeedServer, line: bytes) -> None:
    _sync(database, server)
    server.lines = [line]
    with pytest.raises(HashmatchError):
        _sync(database, server)
    assert _entries(database) == 1
