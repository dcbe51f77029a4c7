"""`hashmatch matches`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.command_line import CommandLine
from tests.imaging.views.altered import as_file, screenshot
from tests.pictures import drawn, hashes_of


def test_matches_are_listed_newest_first(matched: CommandLine) -> None:
    rows = matched.json("matches", "list")
    assert [row["match_id"] for row in rows] == ["2", "1"]
    assert "post/1" in matched.run("matches", "list").stdout
    limited = matched.run("matches", "list", "--limit", "1")
    assert "post/1" not in limited.stdout
    assert "--limit" in limited.stderr


def test_matches_are_filtered(matched: CommandLine) -> None:
    assert matched.json("matches", "list", "--until", "2020-01-01") == []
    assert matched.json("matches", "list", "--list", "two") == []
    assert len(matched.json("matches", "list", "--since", "2020-01-01", "--list", "one")) == 2


def test_a_match_is_shown_with_its_hashes(matched: CommandLine) -> None:
    (row,) = matched.json("matches", "show", "1", "--show-hashes")
    values = {one["algorithm"]: one["value"] for one in row["hashes"]}
    assert values == {n: h.value.hex() for n, h in hashes_of(1, "pdq", "sha256").items()}
    assert "post/1" in matched.run("matches", "show", "1").stdout
    assert matched.run("matches", "show", "77").exit_code == 2


def test_a_match_by_a_part_is_shown_with_the_hash_of_that_part(ready: CommandLine) -> None:
    data = as_file(screenshot(1))
    assert ready.run("scan", "-", "--content-id", "post/1", stdin=data).exit_code == 1
    (row,) = ready.json("matches", "show", "1", "--show-hashes")
    views = [(one["algorithm"], one["view"]) for one in row["hashes"]]
    assert views == [("pdq", "full"), ("pdq", "inner"), ("sha256", "full"), ("pdq", "part")]
    report = ready.run("report", "export", "--format", "jsonl", "--show-hashes").stdout
    exported = json.loads(report)
    assert row["hashes"][-1]["value"] == exported["value"]
    assert (exported["view"], exported["distance_bits"]) == ("part", row["distance_bits"])
    assert exported["value"] not in ready.run("matches", "show", "1").stdout
    assert ready.run("audit", "verify").exit_code == 0


@pytest.mark.parametrize("command", [("matches", "list"), ("report", "export")])
def test_a_question_that_makes_no_sense_is_refused(
    matched: CommandLine, command: tuple[str, str]
) -> None:
    for arguments in (("--list", "nope"), ("--since", "2026-12-01", "--until", "2026-11-01")):
        assert matched.run(*command, *arguments).exit_code == 2


def test_until_a_date_includes_that_day(matched: CommandLine) -> None:
    with closing(sqlite3.connect(matched.folder / "data" / "hashmatch.db")) as connection:
        connection.execute("UPDATE matches SET matched_at = '2026-01-31 23:59:59.000000'")
        connection.commit()
    period = ("--since", "2026-01-31", "--until", "2026-01-31")
    assert len(matched.json("matches", "list", *period)) == 2
    assert matched.json("matches", "list", "--until", "2026-01-30") == []
    assert matched.json("matches", "list", "--until", "2026-01-31T23:59:59+00:00") == []
    assert matched.run("matches", "list", "--since", "yesterday").exit_code == 2


def test_allowed_matches_are_shown(ready: CommandLine) -> None:
    assert "there are no allowed matches" in ready.run("matches", "allowed").stderr
    scan = ("scan", "-", "--content-id")
    assert ready.run(*scan, "post/1", stdin=drawn(1)).exit_code == 1
    allow = ("lists", "allow", "known", "--match", "1", "--reason", "a logo", "--by", "alice")
    assert ready.run(*allow).exit_code == 0
    (row,) = ready.json(*scan, "post/2", stdin=drawn(1))
    assert (row["outcome"], [one["allow_list"] for one in row["allowed"]]) == ("clear", ["known"])
    (allowed,) = ready.json("matches", "allowed")
    assert allowed.pop("allowed_at")
    names = ("content_id", "list", "entry_id", "allow_list", "reason", "actor")
    assert [allowed[name] for name in names] == ["post/2", "demo", "e1", "known", "a logo", "alice"]
    assert "a logo" in ready.run("matches", "allowed").stdout
    assert ready.run("lists", "disable", "known", allowed["allow_entry_id"]).exit_code == 0
    assert ready.run(*scan, "post/3", stdin=drawn(1)).exit_code == 1
