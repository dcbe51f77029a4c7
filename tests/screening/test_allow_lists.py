"""Allow lists: matches known to be harmless are not reported, and no others are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from hashmatch.errors import InputError, UnknownListError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import SEARCH_VIEWS, Hash, Orientation, View
from hashmatch.index import Neighbour
from hashmatch.outcome import Clear, Matched, Reason
from hashmatch.screening.matching import Finding, Judgement, judge
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    Allowance,
    Terms,
    allow_hash,
    create_list,
    disable_entries,
    read_lists,
    set_licence,
)
from hashmatch.store.matches import read_allowed_matches
from hashmatch.store.schema.matches import ContentHash
from tests.command_line import CommandLine
from tests.imaging.views.altered import as_file, screenshot
from tests.pictures import drawn, hashes_of, list_of, read
from tests.scanning import MakeScanner, recorded, unscreened
from tests.store.importing import import_text

JANE = Terms("Jane Doe")


def _allow(
    database: Database, algorithm: str, value: bytes, terms: Terms = JANE, name: str = "harmless"
) -> int:
    with database.writing() as session:
        return allow_hash(session, name, algorithm, value, terms, "a meme")


def _value(seed: int, algorithm: str) -> bytes:
    return hashes_of(seed)[algorithm].value


def test_allowing_the_file_itself_allows_every_match_of_it_on_record(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    assert isinstance(scanner.scan(drawn(1), content_id="before"), Matched)
    key = _allow(database, "sha256", _value(1, "sha256"))
    outcome = scanner.scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Clear)
    assert {(one.list_name, one.algorithm) for one in outcome.allowed} == {
        ("one", "pdq"),
        ("one", "sha256"),
    }
    assert {(one.allow_list, one.allow_entry_id) for one in outcome.allowed} == {
        ("harmless", f"#{key}")
    }
    scanner.scan(drawn(1), content_id="post/1")
    with database.reading() as session:
        stored = read_allowed_matches(session, limit=10)
        content = stored[0].content.key
        hashes = select(func.count()).where(ContentHash.content_key == content)
        assert session.scalar(hashes) == 0
    assert len(stored) == 2  # once each, though it was screened twice
    assert {(one.content.content_id, one.record.reason, one.record.actor) for one in stored} == {
        ("post/1", "a meme", "Jane Doe")
    }


def test_another_file_of_the_same_picture_still_matches(
    make_scanner: MakeScanner, database: Database
) -> None:
    _allow(database, "sha256", _value(1, "sha256"))
    assert isinstance(make_scanner().scan(drawn(1, "PNG"), content_id="post/2"), Matched)


def test_allowing_another_hash_allows_only_matches_of_that_very_hash(
    make_scanner: MakeScanner, database: Database
) -> None:
    value = _value(1, "pdq")
    _allow(database, "pdq", value)
    scanner = make_scanner()
    outcome = scanner.scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Matched)
    assert {match.algorithm for match in outcome.matches} == {"sha256"}
    assert {one.algorithm for one in outcome.allowed} == {"pdq"}
    near = bytes([value[0] ^ 1]) + value[1:]
    hidden = scanner.lookup([Hash(ALGORITHMS["pdq"], value)], content_id="x")
    shown = scanner.lookup([Hash(ALGORITHMS["pdq"], near)], content_id="y")
    both = scanner.lookup(
        [Hash(ALGORITHMS["pdq"], value), Hash(ALGORITHMS["pdq"], near, frame=1)], content_id="z"
    )
    assert isinstance(hidden, Clear)
    assert isinstance(shown, Matched)
    assert isinstance(both, Matched)
    assert (both.matches[0].frame, both.matches[0].distance_bits, both.allowed) == (1, 1, ())


def test_md5_of_which_files_can_be_forged_never_stands_for_the_file(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(1, algorithms=("md5",)))
    _allow(database, "md5", _value(1, "md5"))
    outcome = make_scanner().scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Matched)
    assert {match.algorithm for match in outcome.matches} == {"pdq", "sha256"}


@pytest.mark.parametrize(
    ("terms", "is_allowed"),
    [
        (
            Terms("Jane", until=date(2026, 7, 1)),
            True,
        ),  # The scanner's clock says the first of July.
        (Terms("Jane", until=date(2026, 6, 30)), False),
        (Terms("Jane", only_lists=frozenset({"one"})), True),
        (Terms("Jane", only_lists=frozenset({"other"})), False),
    ],
)
def test_an_allowance_is_valid_until_its_day_and_for_its_lists(
    make_scanner: MakeScanner, database: Database, terms: Terms, is_allowed: bool
) -> None:
    import_text(database, "other", list_of(5))
    _allow(database, "sha256", _value(1, "sha256"), terms)
    assert isinstance(make_scanner().scan(drawn(1), content_id="post/1"), Clear) is is_allowed


def test_an_allowance_that_ends_ends_at_once(make_scanner: MakeScanner, database: Database) -> None:
    scanner = make_scanner()
    key = _allow(database, "sha256", _value(1, "sha256"))
    with database.writing() as session:
        disable_entries(session, "harmless", [f"#{key}"])
    assert isinstance(scanner.scan(drawn(1), content_id="post/1"), Matched)
    _allow(database, "sha256", _value(1, "sha256"), name="harmless-2")
    assert isinstance(scanner.scan(drawn(1), content_id="post/2"), Clear)
    with database.writing() as session:
        set_licence(session, "harmless-2", licensor=None, end=date(2026, 6, 30))
    assert isinstance(scanner.scan(drawn(1), content_id="post/3"), Matched)
    assert recorded(database) == 4


def test_a_match_that_came_first_stays_on_record(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    scanner.scan(drawn(1), content_id="post/1")
    _allow(database, "sha256", _value(1, "sha256"))
    assert isinstance(scanner.scan(drawn(1), content_id="post/1"), Clear)
    assert recorded(database) == 2


def test_an_allow_list_is_nothing_to_match_against(
    make_scanner: MakeScanner, database: Database
) -> None:
    _allow(database, "pdq", _value(7, "pdq"))
    _allow(database, "ahash", _value(7, "ahash"))
    scanner = make_scanner()
    assert isinstance(scanner.scan(drawn(7), content_id="post/2"), Clear)
    hashes = [hashes_of(7)["ahash"]]
    assert unscreened(scanner.lookup(hashes, content_id="x")).reason is Reason.NO_ACTIVE_LIST
    with database.reading() as session:
        assert [one.name for one in read_lists(session)] == ["one"]
        assert [one.active_entries for one in read_lists(session, ALLOW)] == [2]


def test_an_image_that_cannot_be_clear_is_not_clear_by_being_allowed(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "ended", list_of(5))
    with database.writing() as session:
        set_licence(session, "ended", licensor=None, end=date(2026, 1, 1))
    _allow(database, "sha256", _value(1, "sha256"))
    outcome = unscreened(make_scanner().scan(drawn(1), content_id="post/1"))
    assert (outcome.reason, len(outcome.allowed)) == (Reason.LICENCE_EXPIRED, 2)


def test_lists_of_the_two_kinds_do_not_mix(database: Database) -> None:
    import_text(database, "one", list_of(1))
    with pytest.raises(InputError, match="one is already the name of a list of the kind match"):
        _allow(database, "sha256", bytes(32), name="one")
    with pytest.raises(UnknownListError):
        _allow(database, "sha256", bytes(32), Terms("Jane", only_lists=frozenset({"nope"})))
    _allow(database, "sha256", bytes(32))
    with pytest.raises(InputError, match="allows this hash already, as #"):
        _allow(database, "sha256", bytes(32))
    with pytest.raises(InputError), database.writing() as session:
        create_list(session, "harmless")


HEADER = "algorithm,value,tags,note\n"
HEX = "0" * 64


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"sha256,{HEX},by:Jane,\n", "no reason"),
        (f"sha256,{HEX},,a meme\n", "exactly one tag 'by:NAME'"),
        (f"sha256,{HEX},by:,a meme\n", "exactly one tag 'by:NAME'"),
        (f"sha256,{HEX},by:Jane;by:John,a meme\n", "exactly one tag 'by:NAME'"),
        (f"sha256,{HEX},by:Jane;until:tomorrow,a meme\n", "not followed by a date"),
        ("photodna,AAAA,by:Jane,a meme\n", "not matched here"),
    ],
)
def test_an_entry_without_reason_or_actor_is_rejected(
    database: Database, row: str, problem: str
) -> None:
    with database.writing() as session:
        create_list(session, "harmless", kind=ALLOW)
    good = f"sha256,{'1' * 64},by:Jane;until:2030-01-01;only:one,a meme\n"
    summary = import_text(database, "harmless", HEADER + good + row)
    (rejected,) = summary.rejected.rows
    assert (summary.rows, summary.rejected.count) == (1, 1)
    assert problem in rejected.problem


def _run(command_line: CommandLine, *arguments: str) -> tuple[int, str]:
    result = command_line.run("lists", "allow", "harmless", *arguments)
    return result.exit_code, result.stderr


def _decode_in_process(command_line: CommandLine) -> None:
    with (command_line.folder / "hashmatch.toml").open("a") as config:
        config.write('[intake]\nisolation = "none"\n')


def test_a_match_becomes_a_known_false_positive(command_line: CommandLine) -> None:
    _decode_in_process(command_line)
    command_line.import_pictures("one", 1)
    file = command_line.write("a.jpg", drawn(1))
    (outcome,) = command_line.json("scan", file)
    match_id = outcome["matches"][0]["match_id"]
    code, words = _run(command_line, "--match", match_id, "--by", "Jane", "--reason", "a meme")
    assert (code, "added the sha256 as #" in words) == (0, True)
    shown = command_line.run("scan", file)
    assert (shown.exit_code, "allowed: list one" in shown.stdout) == (0, True)
    (again,) = command_line.json("scan", file)
    assert (again["outcome"], again["allowed"][0]["allow_list"]) == ("clear", "harmless")
    (stored,) = command_line.json("matches", "allowed")
    assert (stored["list"], stored["actor"], stored["reason"]) == ("one", "Jane", "a meme")
    assert "harmless" in command_line.run("matches", "allowed").stdout
    status = {row["list"]: row["kind"] for row in command_line.json("lists", "status")}
    assert status == {"one": "match", "harmless": "allow"}
    assert "(allow list)" in command_line.run("lists", "status").stdout
    assert (
        command_line.run(
            "lists", "disable", "harmless", again["allowed"][0]["allow_entry_id"]
        ).exit_code
        == 0
    )
    assert command_line.run("scan", file).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give a hash, or --match ID"),
        ([f"sha256:{HEX}", "--match", "1"], "give a hash, or --match ID"),
        (["sha256"], "not written as ALGORITHM:HEX"),
        (["sha256:00"], "has 64 hexadecimal digits"),
        (["--match", "99"], "there is no match '99'"),
        ([f"sha256:{HEX}", "--only", "nope"], "no list named 'nope'"),
        ([f"sha256:{HEX}", "--until", "soon"], "soon"),
    ],
)
def test_a_hash_that_cannot_be_allowed_is_refused(
    command_line: CommandLine, arguments: Sequence[str], words: str
) -> None:
    code, said = _run(command_line, *arguments, "--by", "Jane", "--reason", "a meme")
    assert (code, words in said) == (2, True)


@pytest.mark.parametrize("missing", ["--by", "--reason"])
def test_reason_and_actor_are_required(command_line: CommandLine, missing: str) -> None:
    given = {"--by": "Jane", "--reason": "a meme"} | {missing: " "}
    arguments = [text for pair in given.items() for text in pair]
    code, said = _run(command_line, f"sha256:{HEX}", *arguments)
    words = "exactly one tag 'by:NAME'" if missing == "--by" else "there is no reason"
    assert (code, words in said) == (2, True)


def test_an_allow_list_can_have_a_source(command_line: CommandLine) -> None:
    _decode_in_process(command_line)
    command_line.import_pictures("one", 1)
    value = _value(1, "sha256").hex()
    command_line.write("harmless.csv", f"{HEADER}sha256,{value},by:Jane,a meme\n")
    with (command_line.folder / "hashmatch.toml").open("a") as config:
        config.write('[lists.harmless]\nsource = "file"\npath = "harmless.csv"\nkind = "allow"\n')
        config.write('[lists.one]\nsource = "file"\npath = "harmless.csv"\nkind = "allow"\n')
    assert command_line.run("lists", "sync", "harmless").exit_code == 0
    assert command_line.run("scan", command_line.write("a.jpg", drawn(1))).exit_code == 0
    wrong = command_line.run("lists", "sync", "one")
    assert (
        wrong.exit_code,
        "one is already the name of a list of the kind match" in wrong.stderr,
    ) == (
        2,
        True,
    )


_PDQ = ALGORITHMS["pdq"]
_WHOLE = Finding(Hash(_PDQ, bytes(31) + b"\1"), Neighbour(7, 1, 4), 31)
_AGAIN = replace(
    _WHOLE, found=Hash(_PDQ, bytes(31) + b"\3", view=View.RESIZED), neighbour=Neighbour(7, 1, 3)
)


def _judged(*findings: Finding) -> Judgement:
    allowance = Allowance(2, "harmless", 1, "#1", "pdq", _WHOLE.found.value, "a meme", JANE)
    return judge(findings, [allowance], {1: "one"}, date(2026, 7, 1))


@pytest.mark.sqlite
def test_an_allowed_picture_is_also_allowed_by_way_of_a_smaller_one() -> None:
    for findings in ((_WHOLE, _AGAIN), (_AGAIN, _WHOLE)):
        judged = _judged(*findings)
        assert (set(judged.matched), set(judged.allowed)) == (set(), {7})
    assert set(_judged(_AGAIN).matched) == {7}


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "other",
    [
        *({"view": view} for view in SEARCH_VIEWS - {View.RESIZED}),
        {"view": View.INNER},
        {"view": View.ON_BLACK},
        {"orientation": Orientation.FLIP_X},
        {"frame": 1},
        {"rendering": 1},
    ],
)
def test_what_else_an_allowed_picture_shows_is_not_allowed(other: dict[str, Any]) -> None:
    finding = replace(_AGAIN, found=replace(_AGAIN.found, **other))
    assert set(_judged(_WHOLE, finding).matched) == {7}


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "other",
    [{"view": View.INNER}, {"view": View.PART}, {"orientation": Orientation.ROTATE_90}],
)
def test_a_part_that_is_allowed_says_nothing_of_the_whole(other: dict[str, Any]) -> None:
    part = replace(_WHOLE, found=replace(_WHOLE.found, **other))
    assert set(_judged(part, _AGAIN).matched) == {7}


@pytest.mark.sqlite
def test_an_allowed_picture_that_finds_another_entry_by_way_of_a_smaller_one_matches() -> None:
    judged = _judged(_WHOLE, replace(_AGAIN, neighbour=Neighbour(8, 1, 3)))
    assert (set(judged.matched), set(judged.allowed)) == ({8}, {7})


def test_a_listed_picture_in_an_allowed_screenshot_matches(
    make_scanner: MakeScanner, database: Database
) -> None:
    screen = as_file(screenshot(1))
    (whole, *_) = read(screen, "pdq").hashes
    import_text(database, "screens", f"algorithm,value\npdq,{whole.value.hex()}\n")
    _allow(database, "pdq", whole.value)
    outcome = make_scanner().scan(screen, content_id="x")
    assert isinstance(outcome, Matched)
    assert [(one.list_name, one.view) for one in outcome.matches] == [("one", View.PART)]
    assert [one.list_name for one in outcome.allowed] == ["screens"]
