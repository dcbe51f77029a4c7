"""`hashmatch prompt check`."""

from __future__ import annotations

import json

from tests.command_line import CommandLine

LIST = "term,entry_id,category\nglimmerfish,t1,A\nmoon cheese,t2,\n,t3,\n"


def _list(command_line: CommandLine) -> None:
    file = command_line.write("words.csv", LIST)
    assert command_line.run("lists", "add", "words", "--terms").exit_code == 0
    result = command_line.run("lists", "import", "words", file)
    assert result.exit_code == 2  # A row was rejected.
    assert "line 4: the term is empty; rejected" in result.stderr


def test_prompts_are_checked_and_never_printed(command_line: CommandLine) -> None:
    _list(command_line)
    clear = command_line.run("prompt", "check", "a quiet picture")
    assert (clear.exit_code, clear.stdout) == (0, "clear       prompt 1\n")
    found = command_line.run("prompt", "check", "a quiet picture", "m o o n  c h e e s e")
    assert found.exit_code == 1
    assert "list words entry t2: review" in found.stdout
    assert "moon" not in found.output + found.stderr
    rows = command_line.run("prompt", "check", "--json", "-", stdin="glimmerfish\nquiet\n")
    first, second = [json.loads(line) for line in rows.stdout.splitlines()]
    assert (first["prompt"], first["outcome"]) == ("prompt 1", "review")
    assert [one["entry_id"] for one in first["matches"]] == ["t1"]
    assert second["outcome"] == "clear"


def test_without_terms_nothing_is_clear(command_line: CommandLine) -> None:
    result = command_line.run("prompt", "check", "a quiet picture")
    assert result.exit_code == 2
    assert "no list of terms has any entry" in result.stderr
    assert "lists add NAME --terms" in result.stderr


def test_wrong_arguments_are_explained(command_line: CommandLine) -> None:
    _list(command_line)
    for arguments, problem in (
        (("--prompt-id", "p", "a", "b"), "--prompt-id is for one prompt"),
        ((), "Missing argument"),
    ):
        result = command_line.run("prompt", "check", *arguments)
        assert result.exit_code == 2
        assert problem in result.stderr
    result = command_line.run("prompt", "check", "-", stdin=b"\xff\xfe\n")
    assert (result.exit_code, "line 1 of stdin is not UTF-8" in result.stderr) == (2, True)
    empty = command_line.run("prompt", "check", "-", stdin="")
    assert empty.exit_code == 2


def test_a_list_of_terms_is_shown_with_the_others_and_is_no_other_kind(
    command_line: CommandLine,
) -> None:
    _list(command_line)
    (row,) = command_line.json("lists", "status")
    assert (row["list"], row["kind"], row["entries"]) == ("words", "terms", {"term": 2})
    result = command_line.run("lists", "add", "other", "--terms", "--own")
    assert result.exit_code == 2
    assert "neither an own list nor an allow list" in result.stderr
    result = command_line.run("scan", command_line.write("a.png", b"x"))
    assert "no list has any entry to match against" in result.stderr
