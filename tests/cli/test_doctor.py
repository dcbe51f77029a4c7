"""`hashmatch doctor`."""

from __future__ import annotations

import json

import pytest

from hashmatch.imaging import PoolIntake
from hashmatch.operations.doctor import installation
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


def test_doctor_says_what_of_a_list_is_not_matched(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, algorithms=("dhash",))
    command_line.import_pictures("two", 2, algorithms=("md5", "ahash"))
    rows = command_line.json("doctor")
    bad = [row for row in rows if row["subject"] == "list one" and row["health"] == "bad"]
    assert "nothing of it is matched" in bad[0]["detail"]
    assert "policy.lists.one.thresholds_bits.dhash" in bad[0]["hint"]
    details = [row["detail"] for row in rows if row["subject"] == "list two"]
    assert any("1 ahash; each entry has another hash" in one for one in details)


def test_doctor_warns_of_false_matches_sooner_where_they_are_blocked(
    command_line: CommandLine,
) -> None:
    command_line.import_pictures("one", 1, 2, algorithms=("dhash",))
    config = command_line.folder / "hashmatch.toml"
    before = config.read_text()
    for action, is_warned in (("block", True), ("review", False)):
        section = "\n[policy.lists.one]\nthresholds_bits = { dhash = 6 }\n"
        config.write_text(f'{before}{section}action = "{action}"\n')
        rows = [row for row in command_line.json("doctor") if row["subject"] == "list one"]
        warned = [row for row in rows if "false matches" in row["detail"]]
        assert bool(warned) is is_warned, action


def test_doctor_names_a_library_that_is_missing(
    matched: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_LIBRARIES", ("pillow", "no-such-library"))
    result = matched.run("doctor")
    assert result.exit_code == 2
    bad = [row for row in matched.json("doctor") if row["health"] == "bad"]
    assert [row["detail"] for row in bad] == ["no-such-library is not installed"]
