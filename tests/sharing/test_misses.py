"""Nothing is missed by who pulls: between turns, after failures, and whatever ids entries have."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path

import pytest

from hashmatch.store.engine import Database
from hashmatch.store.lists import OWN, create_list, disable_entries, find_list, withdraw_entry
from hashmatch.store.lists import add_entry as add
from hashmatch.store.sharing import (
    SharedItem,
    Visibility,
    publish_some,
    read_shared,
    read_standing,
)
from tests.store.importing import import_text

from .conftest import Publisher, Share
from .consuming import PROTOCOLS, consuming


def _publish(database: Database, *, turns: int = 1_000, limit: int = 1_000) -> None:
    for _ in range(turns):
        with database.writing() as session:
            if not publish_some(session, 1, limit=limit):
                return


def _read(database: Database, since: int, visibility: Visibility | None = None) -> list[SharedItem]:
    with database.reading() as session:
        row = find_list(session, "one")
        until = read_standing(session, row.key).position
        page = read_shared(
            session,
            row,
            visibility or Visibility(),
            after=since,
            until=until,
            since=since,
            limit=1_000,
        )
    return list(page.items)


def _position(database: Database) -> int:
    with database.reading() as session:
        return read_standing(session, 1).position


@pytest.mark.parametrize("turns", range(1, 8))
def test_an_entry_that_comes_and_goes_during_a_publication_is_withdrawn(
    database: Database, turns: int
) -> None:
    with database.writing() as session:
        row = create_list(session, "one", kind=OWN)
        for number in range(4):
            add(session, row, {"md5": number.to_bytes(16)}, "")
    _publish(database, turns=turns, limit=1)
    with database.writing() as session:
        entry = add(session, find_list(session, "one"), {"md5": b"x" * 16}, "")
    _publish(database, turns=turns, limit=1)
    known = {one.entry_id for one in _read(database, 0)}
    position = _position(database)
    with database.writing() as session:
        withdraw_entry(session, find_list(session, "one"), entry)
    _publish(database, turns=turns, limit=1)
    _publish(database)
    gone = {one.entry_id for one in _read(database, position) if one.is_withdrawn}
    assert str(entry) not in known - gone
    assert len(_read(database, 0)) == 4


def test_a_pull_that_is_repeated_gives_the_same_withdrawals(database: Database) -> None:
    import_text(database, "one", f"algorithm,value,entry_id\nmd5,{1:032x},e1\n")
    _publish(database)
    position = _position(database)
    import_text(database, "one", f"algorithm,value,entry_id\nmd5,{1:032x},e1\nmd5,{2:032x},e2\n")
    _publish(database)
    # A consumer read this, and failed before it noted how far.
    assert [one.entry_id for one in _read(database, position)] == ["e2"]
    import_text(database, "one", f"algorithm,value,entry_id\nmd5,{1:032x},e1\n")
    _publish(database)
    assert [(one.entry_id, one.is_withdrawn) for one in _read(database, position)] == [("e2", True)]


def test_an_entry_of_two_categories_is_for_those_who_see_both(database: Database) -> None:
    rows = f"md5,{1:032x},e1,A1\nmd5,{2:032x},e1,B2\nmd5,{3:032x},e2,A1\n"
    import_text(database, "one", f"algorithm,value,entry_id,category\n{rows}")
    for _ in range(2):
        _publish(database, limit=1)
        seen = {
            names: {one.entry_id for one in _read(database, 0, Visibility(frozenset(names)))}
            for names in (("A1",), ("B2",), ("A1", "B2"))
        }
        assert seen == {("A1",): {"e2"}, ("B2",): set(), ("A1", "B2"): {"e1", "e2"}}
        # Another pass over all of it gives nobody a new position.
        before = _position(database)
        import_text(database, "one", f"algorithm,value,entry_id,category\n{rows}")
        _publish(database, limit=1)
        assert _position(database) == before


def test_ids_that_look_like_ours_are_others(database: Database) -> None:
    rows = f"md5,{1:032x},\nmd5,{2:032x},#1\nmd5,{3:032x},##1\n"
    import_text(database, "one", f"algorithm,value,entry_id\n{rows}")
    _publish(database)
    found = {one.entry_id: one.hashes["md5"][0][-1] for one in _read(database, 0)}
    assert sorted(found.values()) == [1, 2, 3]
    with database.writing() as session:
        disable_entries(session, "one", ["##1"])
    position = _position(database)
    _publish(database)
    (gone,) = [one.entry_id for one in _read(database, position) if one.is_withdrawn]
    assert found[gone] == 3
    assert len(_read(database, 0)) == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_consumer_that_began_with_an_empty_list_gets_what_comes(
    publisher: Publisher, tmp_path: Path, protocol: str
) -> None:
    with consuming(tmp_path, publisher.served.url, publisher.token(), protocol) as consumer:
        consumer.pull()
        publisher.add(1)
        publisher.publish()
        consumer.pull()
        assert consumer.matches(1) == [1]
        consumer.pull()
        assert consumer.matches(1) == [1]


TIMES = (
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-01-01T00:00:00",
    "soon",
)


@pytest.mark.parametrize("moment", TIMES)
def test_times_at_the_ends_of_time_are_a_clear_error(publisher: Publisher, moment: str) -> None:
    publisher.add(1)
    publisher.publish()
    with publisher.client(publisher.token()) as client:
        for path, name in (
            ("/sharing/ncmec/ours/v2/entries", "to"),
            ("/sharing/ncmec/ours/v2/entries", "from"),
            ("/taxii2/shared/collections/ours/objects/", "added_after"),
        ):
            answer = client.get(path, params={name: moment})
            assert answer.status_code == HTTPStatus.BAD_REQUEST, (path, name)
            assert answer.json()["detail"]


def test_a_list_that_is_not_shared_keeps_no_other_waiting(share: Share) -> None:
    lists: dict[str, object] = {"nowhere": {}, "theirs": {}, "ours": {}}
    with share(lists=lists) as publisher:
        import_text(publisher.database, "theirs", f"algorithm,value\nmd5,{1:032x}\n")
        publisher.add(1)
        publisher.publish()
        with publisher.client(publisher.token()) as client:
            lines = client.get("/v1/shared/ours/changes").text.splitlines()
        assert json.loads(lines[-1])["manifest"]["additions"] == 1
