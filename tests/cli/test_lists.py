"""`hashmatch lists`: what it tells people, programs and the exit code."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from hashmatch.config import load_settings
from hashmatch.store.lists import find_list, lease_sync
from hashmatch.store.schema import utc_now
from hashmatch.wiring import open_database
from tests.command_line import CommandLine
from tests.pictures import drawn, list_of


def test_an_import_says_what_it_did(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1, 2))
    (row,) = command_line.json("lists", "import", "one", file)
    assert row == {
        "list": "one",
        "generation": 1,
        "rows": 2,
        "added": 2,
        "withdrawn": 0,
        "changed": 0,
        "unchanged": 0,
        "set_aside": 0,
        "held_by_operator": 0,
        "spared": 0,
        "left_out": 0,
        "kept": {},
        "bad_rows": [],
    }
    again = command_line.run("lists", "import", "one", file)
    assert again.exit_code == 0
    assert "nothing changed; generation 1 stays in force" in again.stderr


def test_bad_rows_are_named_and_counted_and_end_in_2(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1) + "pdq,zz,e2,A\nnope,00,e3,B\n")
    result = command_line.run("lists", "import", "one", file)
    assert result.exit_code == 2
    assert "line 3: pdq has 64 hexadecimal digits, here are 2; set aside" in result.stderr
    assert "line 4: unknown algorithm; set aside" in result.stderr
    (row,) = command_line.json("lists", "import", "one", file)
    assert (row["rows"], row["set_aside"]) == (1, 2)
    assert [bad["line"] for bad in row["bad_rows"]] == [3, 4]


def test_many_bad_rows_are_not_all_printed(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1) + "pdq,zz\n" * 50)
    result = command_line.run("lists", "import", "one", file)
    assert result.stderr.count("set aside") == 20
    assert "and 30 more" in result.stderr


def test_strict_imports_nothing(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1) + "pdq,zz\n")
    result = command_line.run("lists", "import", "one", file, "--strict")
    assert result.exit_code == 2
    assert "line 3" in result.stderr
    assert command_line.json("lists", "status") == []


def test_a_list_can_come_from_stdin(command_line: CommandLine) -> None:
    text = list_of(1)
    assert command_line.run("lists", "import", "one", "-", stdin=text).exit_code == 2
    result = command_line.run("lists", "import", "one", "-", "--format", "csv", stdin=text)
    assert result.exit_code == 0


def test_unknown_columns_are_mentioned(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", "algorithm,value,grade\nmd5," + "0" * 32 + ",x\n")
    assert (
        "passed over as unknown: column 3"
        in command_line.run("lists", "import", "one", file).stderr
    )


@pytest.mark.parametrize("name", ["gone.csv", "folder.csv"])
def test_a_file_that_cannot_be_read_is_named(command_line: CommandLine, name: str) -> None:
    (command_line.folder / "folder.csv").mkdir()
    result = command_line.run("lists", "import", "one", name)
    assert result.exit_code == 2
    assert name in result.stderr


def test_a_mapping_of_the_configuration_reads_other_layouts(command_line: CommandLine) -> None:
    config = command_line.folder / "hashmatch.toml"
    columns = 'columns = { entry_id = "Id" }\nhashes = { MD5 = "md5", PhotoDNA = "photodna" }\n'
    config.write_text(config.read_text() + f"\n[mappings.wide]\n{columns}")
    file = command_line.write("one.tsv", f"Id\tMD5\tPhotoDNA\ne1\t{'0' * 32}\tAAAA\n")
    imported = command_line.run("lists", "import", "one", file, "--mapping", "wide")
    assert (imported.exit_code, "kept, though nothing" in imported.stderr) == (0, True)
    (row,) = command_line.json("lists", "status")
    assert (row["entries"], row["kept"]) == ({"md5": 1}, {"photodna": 1})
    assert "1 photodna" in command_line.run("lists", "status").stdout
    unknown = command_line.run("lists", "import", "one", file, "--mapping", "narrow")
    assert (unknown.exit_code, "has iwf, wide" in unknown.stderr) == (2, True)


def test_status_shows_licence_generation_and_entries(command_line: CommandLine) -> None:
    command_line.run("lists", "add", "iwf", "--licensor", "IWF", "--licence-end", "2020-06-30")
    command_line.import_pictures("iwf", 1, 2, algorithms=("pdq", "md5"))
    (row,) = command_line.json("lists", "status")
    assert row.pop("changed_at")
    assert row == {
        "list": "iwf",
        "kind": "match",
        "licensor": "IWF",
        "licence_end": "2020-06-30",
        "licence_has_ended": True,
        "licence_ends_soon": True,
        "generation": 1,
        "entries": {"md5": 2, "pdq": 2},
        "kept": {},
        "withdrawn_by_operator": 0,
        "sync": None,
        "held_back": None,
    }
    table = command_line.run("lists", "status").stdout
    assert "2020-06-30 ENDED" in table
    assert "2 md5, 2 pdq" in table


def test_status_of_nothing_says_how_to_go_on(command_line: CommandLine) -> None:
    result = command_line.run("lists", "status")
    assert result.exit_code == 0
    assert "hashmatch lists import" in result.stderr


def test_withdraw_and_undo(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, 2)
    picture = command_line.write("a.jpg", drawn(1))
    assert command_line.run("scan", picture).exit_code == 1
    assert "1 hashes withdrawn" in command_line.run("lists", "withdraw", "one", "e1").stderr
    assert command_line.json("lists", "status")[0]["withdrawn_by_operator"] == 1
    assert command_line.run("scan", picture).exit_code == 0
    assert command_line.run("lists", "withdraw", "one", "e1").exit_code == 2
    assert command_line.run("lists", "withdraw", "one", "e1", "--undo").exit_code == 0
    assert command_line.run("scan", picture).exit_code == 1


def test_remove_asks_for_yes_and_keeps_the_matches(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    command_line.run("scan", command_line.write("a.jpg", drawn(1)))
    refused = command_line.run("lists", "remove", "one")
    assert refused.exit_code == 2
    assert "1 active entries" in refused.stderr
    assert command_line.run("lists", "remove", "one", "--yes").exit_code == 0
    assert command_line.json("lists", "status") == []
    (match,) = command_line.json("matches", "list")
    assert (match["list"], match["entry_id"], match["category"]) == ("one", "e1", "A")
    assert command_line.run("lists", "add", "one").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("withdraw", "nope", "e1"),
        ("remove", "nope", "--yes"),
        ("remove", "nope"),
        ("licence", "nope", "--no-end"),
        ("licence", "one"),
        ("licence", "one", "--end", "2020-01-01", "--no-end"),
        ("licence", "one", "--end", "tomorrow"),
        ("add", "Not A Name"),
        ("add", "one", "--licence-end", "2026-02-30"),
    ],
)
def test_wrong_arguments_end_in_2_with_words(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    result = command_line.run("lists", *arguments)
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_a_new_list_is_said_to_be_new(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1))
    assert "made list one" in command_line.run("lists", "import", "one", file).stderr
    assert "made list" not in command_line.run("lists", "import", "one", file).stderr


def test_an_import_that_withdraws_much_says_so(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, 2, 3)
    result = command_line.run("lists", "import", "one", command_line.write("b.csv", list_of(1)))
    assert result.exit_code == 0
    assert "the file lacked 2 entries" in result.stderr


def test_a_licence_that_has_ended_is_warned_of(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    ended = command_line.run("lists", "licence", "one", "--end", "2020-01-01")
    assert "nothing can be clear" in ended.stderr
    again = command_line.run("lists", "import", "one", command_line.folder / "one.csv")
    assert "nothing can be clear" in again.stderr


def test_a_file_without_a_good_row_names_the_first_bad_ones(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", "algorithm,value\nmd5,zz\n")
    result = command_line.run("lists", "import", "one", file)
    assert result.exit_code == 2
    assert "line 2: md5 has 32 hexadecimal digits" in result.stderr


def _with_source(command_line: CommandLine, name: str, lines: str) -> None:
    config = command_line.folder / "hashmatch.toml"
    config.write_text(f"{config.read_text()}\n[lists.{name}]\n{lines}\n")


def test_lists_are_synced_from_their_sources(command_line: CommandLine) -> None:
    command_line.write("new/one.csv", list_of(1, 2))
    _with_source(command_line, "one", 'source = "file"\npath = "new"')
    _with_source(command_line, "two", 'source = "file"\npath = "gone.csv"')
    (row,) = command_line.json("lists", "sync", "one")
    assert (row["outcome"], row["added"], row["generation"]) == ("changed", 2, 1)
    assert command_line.run("index", "status").exit_code == 0
    assert command_line.run("scan", command_line.write("a.jpg", drawn(1))).exit_code == 1
    everything = command_line.run("lists", "sync", "--all")
    assert everything.exit_code == 2
    assert "unchanged" in everything.stdout
    assert "gone.csv: no such file or directory" in everything.stderr
    status = {row["list"]: row["sync"] for row in command_line.json("lists", "status")}
    assert (status["one"]["outcome"], status["two"]["outcome"]) == ("unchanged", "failed")
    assert status["one"]["succeeded_at"]
    assert (status["two"]["succeeded_at"], "gone.csv" in status["two"]["cause"]) == (None, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one", "--all"], "name the lists, or say --all"),
        ([], "name the lists, or say --all"),
        (["nope"], "lists.nope: there is no such section"),
        (["mapped"], "there is no mapping none"),
        (["secret"], "NO_SUCH_VARIABLE holds no secret"),
    ],
)
def test_a_sync_that_cannot_begin_says_why(
    command_line: CommandLine, arguments: list[str], words: str
) -> None:
    _with_source(command_line, "mapped", 'source = "file"\npath = "x"\nmapping = "none"')
    password = 'username = "u"\npassword = { env = "NO_SUCH_VARIABLE" }'
    _with_source(command_line, "secret", f'source = "https"\nurl = "https://x"\n{password}')
    result = command_line.run("lists", "sync", *arguments)
    assert (result.exit_code, words in result.stderr) == (2, True)


def _held_back(command_line: CommandLine) -> None:
    """Let a list of three lose two, which its guards do not like."""
    guards = "guards = { least_changes = 0 }"
    _with_source(command_line, "one", f'source = "file"\npath = "one.csv"\n{guards}')
    command_line.write("one.csv", list_of(1, 2, 3))
    assert command_line.run("lists", "sync", "one").exit_code == 0
    command_line.write("one.csv", list_of(1))
    result = command_line.run("lists", "sync", "one")
    assert result.exit_code == 2
    assert "quarantined" in result.stdout
    assert "withdraws 2 of 3 entries" in result.stderr
    assert "'hashmatch lists diff one' shows it" in result.stderr


def test_what_is_held_back_can_be_looked_at_and_let_in(command_line: CommandLine) -> None:
    _held_back(command_line)
    facts, *rows = command_line.json("lists", "diff", "one")
    assert (facts["delivery"], facts["withdrawn"]) == (1, 2)
    assert [row["change"] for row in rows] == ["withdrawn", "withdrawn"]
    shown = command_line.run("lists", "diff", "one", "--limit", "1")
    assert "the first 1 of 2" in shown.stderr
    assert "hashmatch lists confirm one 1" in shown.stderr
    (status,) = command_line.json("lists", "status")
    assert status["sync"]["outcome"] == "quarantined"
    assert "is held back" in command_line.run("lists", "status").stderr
    assert "held back" in command_line.run("doctor").stdout
    assert command_line.run("lists", "confirm", "one", "2").exit_code == 2
    confirmed = command_line.run("lists", "confirm", "one", "1")
    assert (confirmed.exit_code, "2 withdrawn" in confirmed.stderr) == (0, True)
    assert command_line.run("lists", "sync", "one").exit_code == 0
    assert command_line.run("scan", command_line.write("b.jpg", drawn(2))).exit_code == 0
    nothing = command_line.run("lists", "diff", "one")
    assert (nothing.exit_code, "nothing is held back" in nothing.stderr) == (2, True)


def test_what_is_held_back_can_be_turned_down(command_line: CommandLine) -> None:
    _held_back(command_line)
    assert command_line.run("lists", "withdraw", "one", "--delivery", "1").exit_code == 0
    assert "turned down" in command_line.run("lists", "diff", "one").stderr
    assert command_line.run("lists", "confirm", "one", "1").exit_code == 2
    assert command_line.run("scan", command_line.write("b.jpg", drawn(2))).exit_code == 1
    for wrong in (["one"], ["one", "x", "--delivery", "1"], ["one", "--undo", "--delivery", "1"]):
        assert command_line.run("lists", "withdraw", *wrong).exit_code == 2


def test_a_list_whose_licence_has_ended_is_not_synced(command_line: CommandLine) -> None:
    _with_source(command_line, "one", 'source = "file"\npath = "one.csv"')
    command_line.write("one.csv", list_of(1))
    command_line.run("lists", "sync", "one")
    soon = str(utc_now().date() + timedelta(days=10))
    assert "ends on" in command_line.run("lists", "licence", "one", "--end", soon).stderr
    assert "ends on" in command_line.run("lists", "sync", "one").stderr
    assert "SOON" in command_line.run("lists", "status").stdout
    command_line.run("lists", "licence", "one", "--end", "2020-01-01")
    ended = command_line.run("lists", "sync", "--all")
    assert (ended.exit_code, "so it is not synced" in ended.stderr) == (2, True)


def test_a_list_that_another_process_syncs_is_left_to_it(command_line: CommandLine) -> None:
    _with_source(command_line, "one", 'source = "file"\npath = "one.csv"')
    command_line.write("one.csv", list_of(1))
    command_line.run("lists", "sync", "one")
    settings = load_settings(command_line.folder / "hashmatch.toml")
    with closing(open_database(settings)) as database, database.writing() as session:
        lease_sync(session, find_list(session, "one"), "somebody", 60)
    result = command_line.run("lists", "sync", "--all")
    assert (result.exit_code, "busy" in result.stdout) == (0, True)
    assert "is being synced by another process" in result.stderr


def test_without_sources_there_is_nothing_to_sync(command_line: CommandLine) -> None:
    result = command_line.run("lists", "sync", "--all")
    assert (result.exit_code, "no list has a source yet" in result.stderr) == (0, True)
