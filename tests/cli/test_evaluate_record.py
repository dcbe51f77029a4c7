"""`hashmatch evaluate review` and `evaluate what-if`."""

from __future__ import annotations

import pytest

from tests.command_line import CommandLine


def test_precision_is_shown_of_decided_cases(matched: CommandLine) -> None:
    matched.run("cases", "decide", "1", "--as", "confirm")
    rows = matched.json("evaluate", "review")
    assert (rows[0]["matches"], rows[0]["confirmed"], rows[0]["open"]) == (2, 1, 1)
    assert (rows[0]["precision"], rows[0]["precision_high"]) == (1.0, 1.0)
    table = matched.run("evaluate", "review")
    assert table.exit_code == 0
    assert "Results of review" in table.stdout
    assert matched.json("evaluate", "review", "--until", "2020-01-01") == []


def test_a_sample_is_drawn_followed_and_listed(matched: CommandLine) -> None:
    result = matched.run("evaluate", "review", "--sample", "1", "--seed", "s", "--by", "alice")
    assert result.exit_code == 0
    assert "sample 1 is drawn" in result.stderr
    assert "1 of 1 are not decided" in result.stderr
    (sample,) = matched.json("evaluate", "review", "--id", "1")
    (drawn,) = sample["matches"]
    assert (sample["drawn_by"], sample["seed"], sample["population"]) == ("alice", "s", 2)
    matched.run("cases", "decide", str(drawn["case"]), "--as", "dismiss", "--note", "a logo")
    (line,) = matched.json("evaluate", "review", "--list-all")
    assert (line["false_positives"], line["open"], line["precision"]) == (1, 0, 0.0)
    assert "not decided" not in matched.run("evaluate", "review", "--id", "1").stderr


def test_tables_can_be_pasted_into_a_report(matched: CommandLine) -> None:
    lines = matched.run("evaluate", "review", "--markdown").stdout.splitlines()
    assert lines[0] == "## Results of review"
    assert lines[2].startswith("| list | algorithm | distance |")
    assert {line.count(" | ") for line in lines[2:] if line} == {lines[2].count(" | ")}
    assert "|  |" in lines[4]
    matched.run("evaluate", "review", "--sample", "2")
    assert "## Matches" in matched.run("evaluate", "review", "--id", "1", "--markdown").stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--sample", "0"),
        ("--sample", "1", "--id", "1"),
        ("--id", "1", "--list-all"),
        ("--seed", "x"),
        ("--near",),
        ("--json", "--markdown"),
        ("--id", "7"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    matched: CommandLine, options: tuple[str, ...]
) -> None:
    result = matched.run("evaluate", "review", *options)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_another_threshold_is_tried_on_the_record(matched: CommandLine) -> None:
    rows = matched.json("evaluate", "what-if", "--threshold", "pdq=24")
    assert (rows[0]["list"], rows[0]["remain"], rows[0]["is_complete"]) == ("one", 2, True)
    assert rows[-1]["result"] == "false_positive"
    higher = matched.run("evaluate", "what-if", "--threshold", "pdq=40")
    assert "not on record" in higher.stderr
    assert matched.run("evaluate", "what-if").exit_code == 2
    assert "no such matches" in matched.run(
        "evaluate", "what-if", "--threshold", "phash=4").stderr  # fmt: skip
