"""`hashmatch tokens`."""

from __future__ import annotations

import re

from tests.command_line import CommandLine


def test_a_token_is_shown_once_and_then_listed_without_its_secret(
    command_line: CommandLine,
) -> None:
    made = command_line.run("tokens", "create", "uploads", "--scope", "scan", "--days", "30")
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert re.fullmatch(r"hm_[0-9a-f]{12}_[\w-]{43}", token)
    (row,) = command_line.json("tokens", "list")
    assert (row["name"], row["scopes"], row["state"]) == ("uploads", "scan", "active")
    assert token.split("_", 2)[2] not in command_line.run("tokens", "list").stdout
    assert command_line.run("tokens", "revoke", row["token"]).exit_code == 0
    assert command_line.json("tokens", "list")[0]["state"] == "revoked"


def test_another_active_token_of_the_same_name_is_named(command_line: CommandLine) -> None:
    words = ("tokens", "create", "uploads", "--scope", "scan")
    assert "another" not in command_line.run(*words).stderr
    (first,) = command_line.json("tokens", "list")
    assert f"uploads has another active token: {first['token']}" in command_line.run(*words).stderr
    for one in command_line.json("tokens", "list"):
        command_line.run("tokens", "revoke", one["token"])
    assert "another" not in command_line.run(*words).stderr


def test_wrong_words_make_no_token(command_line: CommandLine) -> None:
    for words in (["x"], ["x", "--scope", "root"], ["x", "--scope", "scan", "--days", "0"], [""]):
        assert command_line.run("tokens", "create", *words).exit_code == 2
    assert command_line.run("tokens", "revoke", "nothing").exit_code == 2
    assert command_line.json("tokens", "list") == []
