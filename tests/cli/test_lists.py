"""`hashmatch lists`: its output for people and programs, and its exit codes."""

from __future__ import annotations

import pytest

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
        "limited": [],
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


def test_a_list_whose_licence_has_ended_is_said_to_let_nothing_be_clear(
    command_line: CommandLine,
) -> None:
    said = command_line.run("lists", "add", "old", "--licence-end", "2020-01-01").stderr
    assert "no image can be clear" in said
    said = command_line.run("lists", "add", "new", "--licence-end", "2999-01-01").stderr
    assert "no image can be clear" not in said
