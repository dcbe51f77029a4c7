"""`hashmatch doctor`."""

from __future__ import annotations

import json

import pytest

from hashmatch.imaging import PoolIntake
from tests.command_line import CommandLine


def test_doctor_finds_webhooks_that_could_notify_nobody(matched: CommandLine) -> None:
    config = matched.folder / "hashmatch.toml"
    hook = '\n[webhooks.desk]\nurl = "https://desk.example/"\nsecret = { env = "NO_SECRET" }\n'
    config.write_text(config.read_text() + hook + 'lists = ["nolist"]\n')
    rows = {row["subject"]: row for row in matched.json("doctor")}
    assert rows["webhook desk"]["health"] == "bad"
    assert "nolist" in rows["configuration"]["detail"]


def test_doctor_finds_everything_in_place(matched: CommandLine) -> None:
    assert matched.run("doctor").exit_code == 0
    rows = matched.json("doctor")
    # Not every system has every protection.
    assert {row["health"] for row in rows if row["subject"] != "isolation"} == {"good"}
    assert {"program", "isolation", "hashers", "formats", "database", "list one"} <= {
        row["subject"] for row in rows
    }


@pytest.mark.parametrize(
    ("spoil", "subject", "health", "code"),
    [
        (lambda line: line.run("lists", "remove", "one", "--yes"), "lists", "bad", 2),
        (
            lambda line: line.run("lists", "licence", "one", "--end", "2020-01-01"),
            "list one",
            "bad",
            2,
        ),
        (
            lambda line: (line.folder / "data" / "hashmatch.db").write_text("x" * 99),
            "database",
            "bad",
            2,
        ),
        (lambda line: (line.folder / "data" / "hashmatch.db").unlink(), "database", "bad", 2),
        (
            lambda line: (line.folder / "data" / "hashmatch.db").chmod(0o644),
            "database",
            "warning",
            0,
        ),
        (lambda line: line.run("lists", "add", "two"), "list two", "warning", 0),
        (
            lambda line: line.write(
                "hashmatch.toml", 'data_dir = "data"\n[intake]\nisolation = "none"\n'
            ),
            "isolation",
            "warning",
            0,
        ),
        (
            lambda line: line.write("hashmatch.toml", 'data_dir = "data"\n[policy.lists.tow]\n'),
            "configuration",
            "warning",
            0,
        ),
    ],
)
def test_doctor_finds_what_is_amiss(
    matched: CommandLine, spoil: object, subject: str, health: str, code: int
) -> None:
    assert callable(spoil)
    spoil(matched)
    result = matched.run("doctor", "--json")
    assert result.exit_code == code
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    findings = [row for row in rows if row["health"] != "good"]
    assert [(row["subject"], row["health"]) for row in findings] == [(subject, health)]


def test_doctor_names_the_protections_that_are_missing(
    matched: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = {"Landlock": False, "memory limit": True, "seccomp": False}
    monkeypatch.setattr(PoolIntake, "protections", lambda _: offered)
    (finding,) = (row for row in matched.json("doctor") if row["subject"] == "isolation")
    assert finding["health"] == "warning"
    assert finding["detail"].endswith("memory limit; not available here: Landlock, seccomp")
    assert matched.run("doctor").exit_code == 0
