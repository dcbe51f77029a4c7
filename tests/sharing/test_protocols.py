"""Shared lists as independent clients read them: python-threatexchange, taxii2-client, stix2."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeAlias
from unittest import mock

import pytest
import stix2
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages
from threatexchange.exchanges.clients.ncmec.hash_api import (
    FeedbackType,
    FingerprintType,
    NCMECEntryUpdate,
    NCMECHashAPI,
)

from hashmatch.store.sharing import read_feedback
from tests.pictures import hashes_of

from .conftest import PUBLISHER, Publisher

Connect: TypeAlias = Callable[[str], Any]
TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP_AMBER_STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"


def _ncmec(publisher: Publisher, token: str) -> NCMECHashAPI:
    base = mock.Mock(value=f"{publisher.served.url}/sharing/ncmec/ours")
    return NCMECHashAPI("consumer", token, base)


def _entries(client: NCMECHashAPI, start: int = 0) -> list[NCMECEntryUpdate]:
    pages = client.get_entries_iter(start_timestamp=start, end_timestamp=int(time.time()) + 5)
    return [one for page in pages for one in page.updates]


def test_ncmecs_independent_client_reads_entries_and_tombstones(publisher: Publisher) -> None:
    entry = publisher.add(1, category="A1")
    publisher.publish()
    client = _ncmec(publisher, publisher.token())
    assert client.status().esp_name == PUBLISHER
    assert [one.esp_id for one in client.members()] == [1]
    (found,) = _entries(client)
    own = {name: one.value.hex() for name, one in hashes_of(1, "pdq", "md5", "sha256").items()}
    assert (found.id, found.member_id, found.deleted) == (str(entry), 1, False)
    assert (found.classification, found.fingerprints) == ("A1", own)
    publisher.withdraw(entry)
    publisher.publish()
    (gone,) = _entries(client)
    assert (gone.id, gone.deleted, gone.fingerprints) == (str(entry), True, {})


def test_ncmecs_independent_client_reads_pages(publisher: Publisher) -> None:
    entries = {str(publisher.add(one)) for one in range(1, 8)}
    publisher.publish()
    client = _ncmec(publisher, publisher.token())
    first = client.get_entries(end_timestamp=int(time.time()) + 5)
    assert not first.next
    # As if there were more than a thousand: a page says where the next one begins.
    found: list[NCMECEntryUpdate] = []
    following = "/v2/entries?from=2000-01-01T00%3A00%3A00Z&to=2100-01-01T00%3A00%3A00Z&size=3"
    while following:
        page = client.get_entries(next_=following)
        assert len(page.updates) <= 3
        found += page.updates
        following = page.next
    assert {one.id for one in found} == entries
    assert len(found) == len(entries)


def test_feedback_of_an_independent_client_is_a_suggestion(publisher: Publisher) -> None:
    entry = publisher.add(1)
    publisher.publish()
    client = _ncmec(publisher, publisher.token("hotline"))
    client.submit_upvote(1, str(entry), FingerprintType.pdq)
    reasons = client.feedback_reasons(FingerprintType.md5)
    guid = next(guid for guid, name in reasons.items() if "other pictures" in name)
    client.submit_feedback(
        1, str(entry), FingerprintType.md5, FeedbackType.downvote, negative_reason_guid=guid
    )
    with publisher.database.reading() as session:
        found = [
            (one.consumer, one.entry_id, one.algorithm, one.is_affirmative, one.reason)
            for one in read_feedback(session, limit=10)
        ]
    assert found == [
        ("hotline", str(entry), "pdq", True, ""),
        ("hotline", str(entry), "md5", False, reasons[guid]),
    ]
    # The entry itself is as it was, and its feedback is shown, without names.
    (shown,) = _entries(client)
    assert not shown.deleted
    assert set(shown.feedback) == {"PDQ", "MD5"}


@pytest.fixture
def taxii(publisher: Publisher) -> Connect:
    """A TAXII client of one consumer."""
    url = f"{publisher.served.url}/taxii2/"
    return lambda token: Server(url, user="consumer", password=token)


def test_a_taxii_client_finds_the_list_as_a_collection(
    publisher: Publisher, taxii: Connect
) -> None:
    publisher.publish()
    server = taxii(publisher.token())
    assert server.title == PUBLISHER
    (root,) = server.api_roots
    assert isinstance(root, ApiRoot)
    (collection,) = root.collections
    assert (collection.title, collection.can_read, collection.can_write) == ("ours", True, False)


def test_stix_reads_every_object_strictly(publisher: Publisher, taxii: Connect) -> None:
    entry = publisher.add(1, category="A1")
    publisher.publish()
    objects = _objects(taxii(publisher.token()))
    parsed = [
        stix2.parse(one, version="2.1") for one in objects if one["type"] != "marking-definition"
    ]
    # The library's own strictness about marking definitions knows TLP 1 alone.
    (marking,) = (one for one in objects if one["type"] == "marking-definition")
    assert marking["extensions"][TLP_EXTENSION]["tlp_2_0"] == "amber+strict"
    assert marking["id"] == TLP_AMBER_STRICT
    indicator = next(one for one in parsed if one["type"] == "indicator")
    own = {name: one.value.hex() for name, one in hashes_of(1, "pdq", "md5", "sha256").items()}
    assert indicator["pattern"] == (
        f"[file:hashes.MD5 = '{own['md5']}' OR file:hashes.'PDQ' = '{own['pdq']}'"
        f" OR file:hashes.'SHA-256' = '{own['sha256']}']"
    )
    assert indicator["name"] == f"Entry {entry} of ours"
    assert list(indicator["object_marking_refs"]) == [TLP_AMBER_STRICT]
    file = next(one for one in parsed if one["type"] == "file")
    assert dict(file["hashes"]) == {"MD5": own["md5"], "SHA-256": own["sha256"]}


def test_taxii_pages_give_each_object_once(publisher: Publisher, taxii: Connect) -> None:
    for one in range(1, 8):
        # Without a standard hash an entry has no file.
        publisher.add(one, algorithms=("pdq",) if one in (2, 5) else ("pdq", "sha256"))
    publisher.publish()
    server = taxii(publisher.token())
    whole = [one["id"] for one in _objects(server)]
    assert len(whole) == len(set(whole)) == 3 + 2 * 7 - 2
    collection = server.api_roots[0].collections[0]
    for limit in range(1, 9):
        pages = list(as_pages(collection.get_objects, per_request=limit))
        assert all(len(one.get("objects", [])) <= limit for one in pages), limit
        assert [one["id"] for page in pages for one in page.get("objects", [])] == whole


def test_a_taxii_page_is_one_pull_where_each_entry_has_an_object_of_each_kind(
    publisher: Publisher, taxii: Connect
) -> None:
    for one in range(1, 8):
        publisher.add(one)
    publisher.publish()
    collection = taxii(publisher.token()).api_roots[0].collections[0]
    pages = [len(one["objects"]) for one in as_pages(collection.get_objects, per_request=6)]
    assert pages == [6, 6, 5]
    assert publisher.pulls() == len(pages)


def test_a_taxii_client_learns_of_a_withdrawal(publisher: Publisher, taxii: Connect) -> None:
    entry = publisher.add(1)
    publisher.publish()
    collection = taxii(publisher.token()).api_roots[0].collections[0]
    before = collection.get_objects()["objects"]
    last = max(one.get("modified", "") for one in before if one["type"] == "indicator")
    publisher.withdraw(entry)
    publisher.publish()
    (gone,) = collection.get_objects(added_after=last)["objects"]
    (known,) = (one for one in before if one["type"] == "indicator")
    assert (gone["id"], gone["created"]) == (known["id"], known["created"])
    assert gone["modified"] > known["modified"]
    assert stix2.parse(gone, version="2.1")["revoked"]
    # A consumer that never had it is not given its value.
    assert hashes_of(1, "md5")["md5"].value.hex() not in json.dumps(gone)
    assert not [one for one in collection.get_objects()["objects"] if one["type"] == "indicator"]


def test_an_object_is_found_by_its_id_and_by_no_other(publisher: Publisher, taxii: Connect) -> None:
    publisher.add(1)
    publisher.publish()
    collection: Collection = taxii(publisher.token()).api_roots[0].collections[0]
    for one in collection.get_objects()["objects"]:
        assert collection.get_object(one["id"])["objects"] == [one]
    wrong = "indicator--11111111-1111-4111-8111-111111111111"
    for object_id in (wrong, "indicator--x", "file--", "../../v1/lists"):
        with pytest.raises(Exception, match=r"404|400"):
            collection.get_object(object_id)


def test_a_client_that_takes_no_taxii_is_refused(publisher: Publisher) -> None:
    with publisher.client(publisher.token()) as client:
        for accept, status in (
            ("application/taxii+json;version=2.1", 200),
            ("application/taxii+json; version=2.1", 200),
            ("application/taxii+json", 200),
            ("*/*", 200),
            ("application/json", 406),
            ("application/taxii+json;version=2.0", 406),
        ):
            answer = client.get("/taxii2/", headers={"Accept": accept})
            assert answer.status_code == status, accept


def _objects(server: Any) -> list[dict[str, Any]]:
    collection = server.api_roots[0].collections[0]
    found: list[dict[str, Any]] = collection.get_objects()["objects"]
    return found
