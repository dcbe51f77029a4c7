"""`hashmatch lists sync`, and quarantined deliveries on the command line."""

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
