"""`hashmatch policy`, and the commands that start under a policy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.pictures import drawn

_IN_PROCESS = '[intake]\nisolation = "none"\n'
_NARROW = "[policy.thresholds_bits]\npdq = 20\n"
_STRICT = "[policy]\nrequire_reason = true\n"


@pytest.fixture
def started(command_line: CommandLine) -> CommandLine:
    """A store with a list, in which a scan has recorded the first policy."""
    command_line.import_pictures("known", 1)
    command_line.write("a.png", drawn(2))
    assert command_line.run("scan", command_line.folder / "a.png").exit_code == 0
    return command_line


def _configure(line: CommandLine, more: str) -> None:
    line.write("hashmatch.toml", f'data_dir = "{line.folder}/data"\n{_IN_PROCESS}{more}')


def test_a_policy_is_shown_beside_the_one_in_force(started: CommandLine) -> None:
    (first,) = started.json("policy", "show")
    assert first["is_in_force"]
    assert first["changes"] == {}
    assert first["facts"]["policy.thresholds_bits.pdq"] == 31
    _configure(started, _NARROW)
    (changed,) = started.json("policy", "show")
    assert not changed["is_in_force"]
    assert changed["in_force"] == first["policy"]
    assert changed["changes"] == {"policy.thresholds_bits.pdq": [31, 20]}
    result = started.run("policy", "show")
    assert "policy.thresholds_bits.pdq: 31 -> 20" in result.stdout
    assert "hashmatch policy adopt" in result.stderr


def test_a_change_is_warned_of_until_its_reason_is_on_record(started: CommandLine) -> None:
    _configure(started, _NARROW)
    (row,) = [one for one in started.json("doctor") if one["subject"] == "policy"]
    assert (row["health"], "policy.thresholds_bits.pdq" in row["detail"]) == ("good", True)
    assert "hashmatch policy adopt" in row["hint"]
    assert started.run("scan", started.folder / "a.png").exit_code == 0
    (row,) = [one for one in started.json("doctor") if one["subject"] == "policy"]
    assert (row["health"], "hashmatch policy explain" in row["hint"]) == ("warning", True)
    newest, first = started.json("policy", "history")
    assert newest["is_unexplained"]
    assert not first["is_unexplained"]
    assert started.run("policy", "explain", "--reason", "fewer false matches").exit_code == 0
    newest, _ = started.json("policy", "history")
    assert (newest["reason"], newest["is_unexplained"]) == ("fewer false matches", False)
    (row,) = [one for one in started.json("doctor") if one["subject"] == "policy"]
    assert row["health"] == "good"
    text = started.run("policy", "history").stdout
    assert "first recorded" in text
    assert "pdq: 31 -> 20" in text


def test_nothing_starts_under_an_unexplained_change_where_a_reason_is_required(
    started: CommandLine,
) -> None:
    _configure(started, _STRICT)
    for command in (("scan", started.folder / "a.png"), ("serve",), ("worker",)):
        more = '[worker]\nbroker = "redis://127.0.0.1:1"\n'
        _configure(started, f"{_STRICT}{more}")
        result = started.run(*command)
        assert result.exit_code == 2, command
        assert "policy.require_reason" in result.stderr, command
        assert "hashmatch policy adopt --reason" in result.stderr
    assert len(started.json("policy", "history")) == 1
    (row,) = [one for one in started.json("doctor") if one["subject"] == "policy"]
    assert row["health"] == "bad"
    assert started.run("policy", "adopt", "--reason", "as the board decided").exit_code == 0
    assert started.run("scan", started.folder / "a.png").exit_code == 0
    newest, _ = started.json("policy", "history")
    assert newest["reason"] == "as the board decided"


def test_an_evaluation_is_cited_with_its_figures(started: CommandLine, tmp_path: Path) -> None:
    for seed in range(2):
        started.write(f"pictures/{seed}.png", drawn(seed))
    results = tmp_path / "recall.jsonl"
    measured = started.run(
        "evaluate", "recall", started.folder / "pictures", "--level", "plain", "--results", results,
        "--workers", "1", "--group", "resizing",
    )  # fmt: skip
    assert measured.exit_code == 0, measured.output
    _configure(started, _NARROW)
    result = started.run("policy", "adopt", "--reason", "measured", "--evaluation", results)
    assert result.exit_code == 0, result.output
    assert started.run("scan", started.folder / "a.png").exit_code == 0
    newest, _ = started.json("policy", "history")
    evaluation = newest["evaluation"]
    assert evaluation["kind"] == "recall"
    assert re.fullmatch("[0-9a-f]{64}", evaluation["sha256"])
    assert evaluation["pictures"] == 2
    assert evaluation["recall"]
    assert "0.png" not in json.dumps(evaluation)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        (b"", "not a file of results"),
        (b"\xff\xfe", "not a line of results"),
        (b'{"kind": "recall"}\n', "not a whole file"),
        (b'{"kind": "false-matches", "pictures": "many"}\n', "not a whole file"),
        (b'{"kind": "else"}\n', "not a file of results"),
        (b'["recall"]\n', "not a line of results"),
    ],
)
def test_other_files_are_no_evaluations(
    content: bytes | None, problem: str, command_line: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "results.jsonl"
    if content is not None:
        path.write_bytes(content)
    result = command_line.run("policy", "adopt", "--reason", "r", "--evaluation", path)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert command_line.json("policy", "history") == []


def test_a_sample_is_cited_once_some_of_it_is_decided(started: CommandLine) -> None:
    result = started.run("policy", "adopt", "--reason", "r", "--evaluation", "7")
    assert "there is no sample 7" in result.stderr
    started.write("b.png", drawn(1))
    assert started.run("scan", started.folder / "b.png").exit_code == 1
    assert started.run("evaluate", "review", "--sample", "1").exit_code == 0
    undecided = started.run("policy", "explain", "--reason", "r", "--evaluation", "1")
    assert "none of its matches is decided" in undecided.stderr
    assert started.run("cases", "decide", "1", "--as", "confirm").exit_code == 0
    result = started.run("policy", "explain", "--reason", "r", "--evaluation", "1")
    assert result.exit_code == 0, result.output
    (row,) = started.json("policy", "history")
    assert (row["evaluation"]["kind"], row["evaluation"]["confirmed"]) == ("review", 1)
