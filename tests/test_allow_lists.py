"""Allow lists: what is known to be harmless is not told, and nothing beside it is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy import func, select

from hashmatch.errors import InputError, UnknownListError
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Hash
from hashmatch.outcome import Clear, Matched, Reason
from hashmatch.store.engine import Database
from hashmatch.store.lists import (
    ALLOW,
    Terms,
    allow_hash,
    create_list,
    read_lists,
    set_licence,
    withdraw_entries,
)
from hashmatch.store.matches import read_suppressions
from hashmatch.store.schema.matches import ContentHash
from tests.command_line import CommandLine
from tests.pictures import drawn, hashes_of, list_of
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


def test_what_allows_the_very_file_hides_every_match_of_it_and_is_on_record(
    make_scanner: MakeScanner, database: Database
) -> None:
    scanner = make_scanner()
    assert isinstance(scanner.scan(drawn(1), content_id="before"), Matched)
    key = _allow(database, "sha256", _value(1, "sha256"))
    outcome = scanner.scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Clear)
    assert {(one.list_name, one.algorithm) for one in outcome.suppressed} == {
        ("one", "pdq"),
        ("one", "sha256"),
    }
    assert {(one.allow_list, one.allow_entry_id) for one in outcome.suppressed} == {
        ("harmless", f"#{key}")
    }
    scanner.scan(drawn(1), content_id="post/1")
    with database.reading() as session:
        stored = read_suppressions(session, limit=10)
        content = stored[0].content.key
        hashes = select(func.count()).where(ContentHash.content_key == content)
        assert session.scalar(hashes) == 0
    assert len(stored) == 2  # once each, though it was screened twice
    assert {(one.content.content_id, one.record.reason, one.record.person) for one in stored} == {
        ("post/1", "a meme", "Jane Doe")
    }


def test_another_file_of_the_same_picture_still_matches(
    make_scanner: MakeScanner, database: Database
) -> None:
    _allow(database, "sha256", _value(1, "sha256"))
    assert isinstance(make_scanner().scan(drawn(1, "PNG"), content_id="post/2"), Matched)


def test_what_allows_another_hash_hides_only_matches_of_that_very_hash(
    make_scanner: MakeScanner, database: Database
) -> None:
    value = _value(1, "pdq")
    _allow(database, "pdq", value)
    scanner = make_scanner()
    outcome = scanner.scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Matched)
    assert {match.algorithm for match in outcome.matches} == {"sha256"}
    assert {one.algorithm for one in outcome.suppressed} == {"pdq"}
    near = bytes([value[0] ^ 1]) + value[1:]
    hidden = scanner.lookup([Hash(ALGORITHMS["pdq"], value)], content_id="x")
    shown = scanner.lookup([Hash(ALGORITHMS["pdq"], near)], content_id="y")
    both = scanner.lookup(
        [Hash(ALGORITHMS["pdq"], value), Hash(ALGORITHMS["pdq"], near, frame=1)], content_id="z"
    )
    assert isinstance(hidden, Clear)
    assert isinstance(shown, Matched)
    assert isinstance(both, Matched)
    assert (both.matches[0].frame, both.matches[0].distance_bits, both.suppressed) == (1, 1, ())


def test_md5_of_which_files_can_be_forged_never_stands_for_the_file(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "two", list_of(1, algorithms=("md5",)))
    _allow(database, "md5", _value(1, "md5"))
    outcome = make_scanner().scan(drawn(1), content_id="post/1")
    assert isinstance(outcome, Matched)
    assert {match.algorithm for match in outcome.matches} == {"pdq", "sha256"}


@pytest.mark.parametrize(
    ("terms", "is_hidden"),
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
def test_it_holds_until_its_day_and_for_its_lists(
    make_scanner: MakeScanner, database: Database, terms: Terms, is_hidden: bool
) -> None:
    import_text(database, "other", list_of(5))
    _allow(database, "sha256", _value(1, "sha256"), terms)
    assert isinstance(make_scanner().scan(drawn(1), content_id="post/1"), Clear) is is_hidden


def test_whatever_ends_it_ends_it_at_once(make_scanner: MakeScanner, database: Database) -> None:
    scanner = make_scanner()
    key = _allow(database, "sha256", _value(1, "sha256"))
    with database.writing() as session:
        withdraw_entries(session, "harmless", [f"#{key}"])
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


def test_an_image_that_cannot_be_clear_is_not_for_being_allowed(
    make_scanner: MakeScanner, database: Database
) -> None:
    import_text(database, "ended", list_of(5))
    with database.writing() as session:
        set_licence(session, "ended", licensor=None, end=date(2026, 1, 1))
    _allow(database, "sha256", _value(1, "sha256"))
    outcome = unscreened(make_scanner().scan(drawn(1), content_id="post/1"))
    assert (outcome.reason, len(outcome.suppressed)) == (Reason.LICENCE_EXPIRED, 2)


def test_lists_of_the_two_kinds_do_not_mix(database: Database) -> None:
    import_text(database, "one", list_of(1))
    with pytest.raises(InputError, match="one is the name of a list to match"):
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
        (f"sha256,{HEX},,a meme\n", "no one person"),
        (f"sha256,{HEX},by:,a meme\n", "no one person"),
        (f"sha256,{HEX},by:Jane;by:John,a meme\n", "no one person"),
        (f"sha256,{HEX},by:Jane;until:tomorrow,a meme\n", "no date"),
        ("photodna,AAAA,by:Jane,a meme\n", "not matched here"),
    ],
)
def test_an_entry_without_reason_or_person_is_set_aside(
    database: Database, row: str, problem: str
) -> None:
    with database.writing() as session:
        create_list(session, "harmless", kind=ALLOW)
    good = f"sha256,{'1' * 64},by:Jane;until:2030-01-01;only:one,a meme\n"
    summary = import_text(database, "harmless", HEADER + good + row)
    assert (summary.rows, [bad.problem for bad in summary.set_aside.rows]) == (
        1,
        [bad.problem for bad in summary.set_aside.rows if problem in bad.problem],
    )
    assert summary.set_aside.count == 1


def _run(command_line: CommandLine, *arguments: str) -> tuple[int, str]:
    result = command_line.run("lists", "allow", "harmless", *arguments)
    return result.exit_code, result.stderr


def test_a_match_becomes_a_known_false_positive(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    file = command_line.write("a.jpg", drawn(1))
    (outcome,) = command_line.json("scan", file)
    match_id = outcome["matches"][0]["match_id"]
    code, words = _run(command_line, "--match", match_id, "--by", "Jane", "--reason", "a meme")
    assert (code, "allowed by its sha256 as #" in words) == (0, True)
    shown = command_line.run("scan", file)
    assert (shown.exit_code, "known to be harmless: list one" in shown.stdout) == (0, True)
    (again,) = command_line.json("scan", file)
    assert (again["outcome"], again["suppressed"][0]["allow_list"]) == ("clear", "harmless")
    (stored,) = command_line.json("matches", "suppressed")
    assert (stored["list"], stored["by"], stored["reason"]) == ("one", "Jane", "a meme")
    assert "harmless" in command_line.run("matches", "suppressed").stdout
    status = {row["list"]: row["kind"] for row in command_line.json("lists", "status")}
    assert status == {"one": "match", "harmless": "allow"}
    assert "(allow list)" in command_line.run("lists", "status").stdout
    assert (
        command_line.run(
            "lists", "withdraw", "harmless", again["suppressed"][0]["allow_entry_id"]
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
def test_what_cannot_be_allowed_is_told(
    command_line: CommandLine, arguments: Sequence[str], words: str
) -> None:
    code, said = _run(command_line, *arguments, "--by", "Jane", "--reason", "a meme")
    assert (code, words in said) == (2, True)


@pytest.mark.parametrize("missing", ["--by", "--reason"])
def test_reason_and_person_are_asked_for(command_line: CommandLine, missing: str) -> None:
    given = {"--by": "Jane", "--reason": "a meme"} | {missing: " "}
    arguments = [text for pair in given.items() for text in pair]
    code, said = _run(command_line, f"sha256:{HEX}", *arguments)
    assert (code, "there is no" in said) == (2, True)


def test_an_allow_list_can_have_a_source(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    value = _value(1, "sha256").hex()
    command_line.write("harmless.csv", f"{HEADER}sha256,{value},by:Jane,a meme\n")
    with (command_line.folder / "hashmatch.toml").open("a") as config:
        config.write('[lists.harmless]\nsource = "file"\npath = "harmless.csv"\nkind = "allow"\n')
        config.write('[lists.one]\nsource = "file"\npath = "harmless.csv"\nkind = "allow"\n')
    assert command_line.run("lists", "sync", "harmless").exit_code == 0
    assert command_line.run("scan", command_line.write("a.jpg", drawn(1))).exit_code == 0
    wrong = command_line.run("lists", "sync", "one")
    assert (wrong.exit_code, "one is the name of a list to match" in wrong.stderr) == (2, True)
