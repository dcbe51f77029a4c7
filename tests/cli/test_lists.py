"""`hashmatch lists`: its output for people and programs, and its exit codes."""

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


def test_an_own_list_has_no_licence_and_no_file(command_line: CommandLine) -> None:
    made = command_line.run("lists", "add", "mine", "--own")
    assert (made.exit_code, "scope curate" in made.stderr) == (0, True)
    (row,) = command_line.json("lists", "status")
    assert (row["list"], row["kind"]) == ("mine", "own")
    assert "mine (own list)" in command_line.run("lists", "status").stdout
    file = command_line.write("one.csv", list_of(1))
    for arguments, words in (
        (("lists", "import", "mine", file), "your own"),
        (("lists", "licence", "mine", "--end", "2030-01-01"), "no licence"),
        (("lists", "add", "other", "--own", "--allow"), "no allow list"),
        (("lists", "add", "other", "--own", "--licensor", "IWF"), "no licence"),
    ):
        refused = command_line.run(*arguments)
        assert (refused.exit_code, words in refused.stderr) == (2, True)
    doctor = command_line.run("doctor")
    assert "your own list" in doctor.stdout + doctor.stderr


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
        "rejected_rows": 0,
        "disabled": 0,
        "retained": 0,
        "excluded": 0,
        "unsupported": {},
        "degenerate": {},
        "problems": [],
    }
    again = command_line.run("lists", "import", "one", file)
    assert again.exit_code == 0
    assert "no changes; generation 1 stays in force" in again.stderr


def test_damaged_rows_are_named_and_counted_and_end_in_2(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1) + "pdq,zz,e2,A\nnope,00,e3,B\n")
    result = command_line.run("lists", "import", "one", file)
    assert result.exit_code == 2
    assert "line 3: pdq has 64 hexadecimal digits, not 2; rejected" in result.stderr
    assert "line 4: unknown algorithm; rejected" in result.stderr
    (row,) = command_line.json("lists", "import", "one", file)
    assert (row["rows"], row["rejected_rows"]) == (1, 2)
    assert [one["line"] for one in row["problems"]] == [3, 4]


def test_many_damaged_rows_are_not_all_printed(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1) + "pdq,zz\n" * 50)
    result = command_line.run("lists", "import", "one", file)
    assert result.stderr.count("; rejected") == 20
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
        "ignored unknown columns: column 3"
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
    columns = 'columns = { Id = "entry_id" }\nhashes = { MD5 = "md5", PhotoDNA = "photodna" }\n'
    config.write_text(config.read_text() + f"\n[mappings.wide]\n{columns}")
    file = command_line.write("one.tsv", f"Id\tMD5\tPhotoDNA\ne1\t{'0' * 32}\tAAAA\n")
    imported = command_line.run("lists", "import", "one", file, "--mapping", "wide")
    assert (
        imported.exit_code,
        "unsupported hashes, stored but not matched" in imported.stderr,
    ) == (0, True)
    (row,) = command_line.json("lists", "status")
    assert (row["entries"], row["unsupported"]) == ({"md5": 1}, {"photodna": 1})
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
        "not_matched": {},
        "entries_not_matched": 0,
        "forecast": {
            "pdq": {
                "threshold_bits": 31,
                "false_matches_per_million": pytest.approx(2e-11),
                "is_extrapolated": False,
                "review_bits": 40,
                "false_near_per_million": pytest.approx(1e-9),
                "is_near_extrapolated": False,
            }
        },
        "unsupported": {},
        "degenerate": {},
        "disabled": 0,
        "sync": None,
        "quarantined": None,
        "flooding": [],
    }
    table = command_line.run("lists", "status").stdout
    assert "2020-06-30 ENDED" in table
    assert "2 md5, 2 pdq" in table


def test_an_entry_that_floods_stands_first_and_is_decided_about(command_line: CommandLine) -> None:
    with (command_line.folder / "hashmatch.toml").open("a") as config:
        config.write("[guards]\nmax_contents_per_entry = 1\n")
    value = f"{0x5A:064x}"
    command_line.write("list.csv", f"algorithm,value,entry_id\npdq,{value},e1\n".encode())
    assert command_line.run("lists", "import", "one", "list.csv").exit_code == 0
    assert "no entry floods" in command_line.run("lists", "flooding").stderr
    for number in range(2):
        assert command_line.run("lookup", f"pdq:{0x5A + number:064x}").exit_code == 1
    status = command_line.run("lists", "status")
    assert status.stderr.startswith("list one: entry e1 floods: 2 content items")
    (row,) = command_line.json("lists", "flooding")
    assert (row["list"], row["entry_id"], row["cases"], row["set_to"]) == ("one", "e1", 2, "")
    assert len(command_line.json("cases", "list", "--entry", "one/e1")) == 2
    for wrong in (["one", "e1"], ["one", "e2", "--set", "review"], ["--set", "review"]):
        assert command_line.run("lists", "flooding", *wrong).exit_code == 2
    assert command_line.run("cases", "list", "--entry", "one").exit_code == 2
    assert command_line.run("lists", "flooding", "one", "e1", "--set", "disable").exit_code == 0
    assert "floods" not in command_line.run("lists", "status").stderr


def test_status_of_nothing_says_how_to_go_on(command_line: CommandLine) -> None:
    result = command_line.run("lists", "status")
    assert result.exit_code == 0
    assert "hashmatch lists import" in result.stderr


def test_entries_are_disabled_and_enabled(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, 2)
    picture = command_line.write("a.jpg", drawn(1))
    assert command_line.run("scan", picture).exit_code == 1
    assert "hashes disabled: 1;" in command_line.run("lists", "disable", "one", "e1").stderr
    assert command_line.json("lists", "status")[0]["disabled"] == 1
    assert command_line.run("scan", picture).exit_code == 0
    assert command_line.run("lists", "disable", "one", "e1").exit_code == 2
    command_line.import_pictures("one", 1, 2)  # A later delivery leaves it disabled.
    assert command_line.run("scan", picture).exit_code == 0
    assert "hashes enabled: 1;" in command_line.run("lists", "enable", "one", "e1").stderr
    assert command_line.json("lists", "status")[0]["disabled"] == 0
    assert command_line.run("scan", picture).exit_code == 1


def test_remove_needs_yes_and_leaves_the_matches(command_line: CommandLine) -> None:
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
        ("disable", "nope", "e1"),
        ("disable", "one"),
        ("enable", "nope", "e1"),
        ("accept", "one", "x"),
        ("reject", "nope", "1"),
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


def test_a_new_list_is_named(command_line: CommandLine) -> None:
    file = command_line.write("one.csv", list_of(1))
    assert "created list one" in command_line.run("lists", "import", "one", file).stderr
    assert "created list" not in command_line.run("lists", "import", "one", file).stderr


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


def test_a_file_without_a_good_row_names_the_first_damaged_ones(command_line: CommandLine) -> None:
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


def test_a_list_that_is_not_compared_with_harmless_pictures_is_mentioned(
    command_line: CommandLine,
) -> None:
    command_line.write("one.csv", list_of(1, 2))
    _with_source(command_line, "one", 'source = "file"\npath = "one.csv"')
    synced = command_line.run("lists", "sync", "one")
    assert (synced.exit_code, "there is no benign sample" in synced.stderr) == (0, True)
    assert "benign sample" not in command_line.run("lists", "sync", "one").stderr
    (guards,) = [row for row in command_line.json("doctor") if row["subject"] == "guards"]
    assert guards["health"] == "warning"
    hashes = command_line.run("hash", command_line.write("a.jpg", drawn(9)), "--json").stdout
    command_line.write("sample.jsonl", hashes)
    _with_source(command_line, "two", 'source = "file"\npath = "one.csv"')
    config = command_line.folder / "hashmatch.toml"
    config.write_text(config.read_text() + '[guards]\nbenign_sample = "sample.jsonl"\n')
    assert "benign sample" not in command_line.run("lists", "sync", "two").stderr
    assert "guards" not in {row["subject"] for row in command_line.json("doctor")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one", "--all"], "name the lists, or give --all"),
        ([], "name the lists, or give --all"),
        (["nope"], "lists.nope: the configuration has no such section"),
        (["mapped"], "there is no mapping none"),
        (["secret"], "NO_SUCH_VARIABLE is not set"),
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


def _quarantine(command_line: CommandLine) -> None:
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


def test_a_quarantined_delivery_is_shown_and_accepted(command_line: CommandLine) -> None:
    _quarantine(command_line)
    facts, *rows = command_line.json("lists", "diff", "one")
    assert (facts["delivery"], facts["withdrawn"]) == (1, 2)
    assert [row["change"] for row in rows] == ["withdrawn", "withdrawn"]
    shown = command_line.run("lists", "diff", "one", "--limit", "1")
    assert "1 of 2 changes; --limit shows more" in shown.stderr
    assert "hashmatch lists accept one 1" in shown.stderr
    (status,) = command_line.json("lists", "status")
    assert status["sync"]["outcome"] == "quarantined"
    assert "a delivery is quarantined" in command_line.run("lists", "status").stderr
    assert "quarantined" in command_line.run("doctor").stdout
    assert command_line.run("lists", "accept", "one", "2").exit_code == 2
    accepted = command_line.run("lists", "accept", "one", "1")
    assert (accepted.exit_code, "2 withdrawn" in accepted.stderr) == (0, True)
    assert command_line.run("lists", "sync", "one").exit_code == 0
    assert command_line.run("scan", command_line.write("b.jpg", drawn(2))).exit_code == 0
    nothing = command_line.run("lists", "diff", "one")
    assert (nothing.exit_code, "has no quarantined delivery" in nothing.stderr) == (2, True)


def test_a_quarantined_delivery_is_rejected(command_line: CommandLine) -> None:
    _quarantine(command_line)
    assert command_line.run("lists", "reject", "one", "2").exit_code == 2
    rejected = command_line.run("lists", "reject", "one", "1")
    assert (rejected.exit_code, "rejected delivery 1" in rejected.stderr) == (0, True)
    assert "was rejected" in command_line.run("lists", "diff", "one").stderr
    assert command_line.run("lists", "accept", "one", "1").exit_code == 2
    assert command_line.run("scan", command_line.write("b.jpg", drawn(2))).exit_code == 1
    assert command_line.run("lists", "reject", "one", "1").exit_code == 2


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
