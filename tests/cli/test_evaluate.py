"""`hashmatch evaluate`, over folders of drawn pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.command_line import CommandLine
from tests.pictures import drawn, encoded

QUICK = ("--workers", "1", "--level", "plain")
FEW = ("--group", "encoding", "--group", "right angles, flips, inverted")


@pytest.fixture
def pictures(command_line: CommandLine) -> Path:
    """A folder of three drawn pictures."""
    for seed in (1, 2, 3):
        command_line.write(f"pictures/{seed}.png", drawn(seed))
    return command_line.folder / "pictures"


def _rows(rows: list[Any], **wanted: object) -> list[Any]:
    return [row for row in rows if all(row.get(key) == one for key, one in wanted.items())]


def test_recall_says_which_copies_are_found(command_line: CommandLine, pictures: Path) -> None:
    rows = command_line.json("evaluate", "recall", pictures, *QUICK, *FEW)
    (encoding,) = _rows(rows, group="encoding", review_bits=None)
    assert (encoding["copies"], encoding["pictures"]) == (27, 3)
    assert encoding["share"] > 0.9
    assert encoding["low"] < encoding["share"] <= encoding["high"]
    (inverted,) = _rows(rows, alteration="inverted", review_bits=40)
    assert inverted["share"] < 1


def test_orientations_find_turned_copies(command_line: CommandLine, pictures: Path) -> None:
    rows = command_line.json("evaluate", "recall", pictures, *QUICK, *FEW, "--orientations")
    (turned,) = _rows(rows, alteration="turned by 90°", review_bits=None)
    assert (turned["share"], turned["upright_share"]) == (1, 0)


def test_the_same_seed_gives_the_same_figures_in_any_number_of_processes(
    command_line: CommandLine, pictures: Path
) -> None:
    options = ("--level", "plain", "--group", "picture in picture", "--seed", "5")
    one = command_line.json("evaluate", "recall", pictures, *options, "--workers", "1")
    two = command_line.json("evaluate", "recall", pictures, *options, "--workers", "2")
    assert one == two


def test_recall_continues_where_it_stopped(command_line: CommandLine, pictures: Path) -> None:
    results = command_line.folder / "results.jsonl"
    arguments = ("evaluate", "recall", pictures, *QUICK, *FEW, "--results", results)
    complete = command_line.json(*arguments)
    header, first, *_ = results.read_bytes().splitlines(keepends=True)
    # As if it had been interrupted in the second picture. A result that is there is believed.
    record = json.loads(first)
    record["copies"]["JPEG 90"]["plain"]["pdq"]["any"]["bits"] = 200
    results.write_bytes(header + json.dumps(record).encode() + b'\n{"picture": "2.p')
    continued = command_line.json(*arguments)
    assert _rows(complete, alteration="JPEG 90", review_bits=None)[0]["found"] == 3
    assert _rows(continued, alteration="JPEG 90", review_bits=None)[0]["found"] == 2
    assert len(results.read_bytes().splitlines()) == 4


def test_results_of_another_seed_are_refused(command_line: CommandLine, pictures: Path) -> None:
    results = command_line.folder / "results.jsonl"
    arguments = ("evaluate", "recall", pictures, *QUICK, "--group", "resizing")
    assert command_line.run(*arguments, "--results", results).exit_code == 0
    refused = command_line.run(*arguments, "--results", results, "--seed", "2")
    assert refused.exit_code == 2
    assert "seed 1, not 2" in refused.stderr


def test_results_hold_no_hash_value(command_line: CommandLine, pictures: Path) -> None:
    results = command_line.folder / "results.jsonl"
    command_line.run(
        "evaluate", "recall", pictures, *QUICK, "--group", "resizing", "--results", results
    )
    false_matches = command_line.folder / "false-matches.jsonl"
    command_line.run("evaluate", "false-matches", pictures, *QUICK, "--results", false_matches)
    values = [row["value"] for row in command_line.json("hash", *sorted(pictures.iterdir()))]
    assert values
    written = results.read_text() + false_matches.read_text()
    assert not [one for one in values if one in written]


def test_files_that_are_no_pictures_are_named_and_left_out(
    command_line: CommandLine, pictures: Path
) -> None:
    command_line.write("pictures/sub/notes.txt", "hello")
    command_line.write("pictures/cut.png", drawn(4)[:200])
    for command in (("recall", "--group", "resizing"), ("false-matches",)):
        rows = command_line.json("evaluate", command[0], pictures, *QUICK, *command[1:])
        assert {row["left_out"] for row in rows if "left_out" in row} == {
            "cut.png", "sub/notes.txt",
        }  # fmt: skip


def test_pictures_of_low_quality_are_counted_and_left_out(
    command_line: CommandLine, pictures: Path
) -> None:
    command_line.write("pictures/plain.png", encoded(Image.new("RGB", (200, 150), (90, 120, 60))))
    rows = command_line.json("evaluate", "recall", pictures, *QUICK, "--group", "resizing")
    assert _rows(rows, left_out="plain.png")[0]["reason"].startswith("low quality")
    assert _rows(rows, group="resizing", review_bits=None)[0]["pictures"] == 3
    rows = command_line.json("evaluate", "false-matches", pictures, *QUICK)
    assert _rows(rows, left_out="plain.png", reason="low quality")


@pytest.mark.parametrize("command", ["recall", "false-matches", "thresholds"])
def test_a_folder_without_pictures_is_an_error(command_line: CommandLine, command: str) -> None:
    (command_line.folder / "empty").mkdir()
    command_line.write("texts/a.txt", "hello")
    for folder, words in (
        ("gone", "there is no such folder"),
        ("empty", "the folder is empty"),
        ("texts", "can be measured"),
        ("texts/a.txt", "there is no such folder"),
    ):
        result = command_line.run("evaluate", command, command_line.folder / folder, *QUICK)
        assert (result.exit_code, words in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    "arguments",
    [("--algorithm", "sha256"), ("--algorithm", "nothing"), ("--group", "nothing"),
     ("--json", "--markdown"), ("--level", "deep")],
)  # fmt: skip
def test_options_that_mean_nothing_are_errors(
    command_line: CommandLine, pictures: Path, arguments: tuple[str, ...]
) -> None:
    assert command_line.run("evaluate", "recall", pictures, *arguments).exit_code == 2


def test_an_algorithm_that_is_off_is_measured_at_a_threshold_that_is_given(
    command_line: CommandLine, pictures: Path
) -> None:
    for command in ("recall", "false-matches"):
        arguments = ("evaluate", command, pictures, *QUICK, "--algorithm", "dhash")
        refused = command_line.run(*arguments)
        assert refused.exit_code == 2
        assert "dhash is off" in refused.stderr
        assert "--threshold dhash=BITS" in refused.stderr
        assert "policy.thresholds_bits.dhash" in refused.stderr
    rows = command_line.json(
        "evaluate", "recall", pictures, *QUICK, "--group", "resizing", "--algorithm", "dhash",
        "--threshold", "dhash=6",
    )  # fmt: skip
    (resizing,) = _rows(rows, group="resizing")
    assert (resizing["threshold_bits"], resizing["review_bits"]) == (6, None)


@pytest.mark.parametrize(
    ("threshold", "words"),
    [("dhash=6", "--algorithm dhash"), ("pdq=200", "matches everything"), ("pdq", "ALGORITHM=BITS"),
     ("sha256=0", "no threshold")],
)  # fmt: skip
def test_thresholds_that_mean_nothing_are_errors(
    command_line: CommandLine, pictures: Path, threshold: str, words: str
) -> None:
    refused = command_line.run("evaluate", "recall", pictures, "--threshold", threshold)
    assert refused.exit_code == 2
    assert words in refused.stderr


def test_false_matches_are_counted_by_kind_and_copies_named(
    command_line: CommandLine, pictures: Path
) -> None:
    for seed in (11, 12, 13):
        command_line.write(f"pictures/drawings/{seed}.png", drawn(seed))
    command_line.write("pictures/drawings/again.png", drawn(11))
    rows = command_line.json("evaluate", "false-matches", pictures, *QUICK, "--seed", "3")
    assert _rows(rows, copies=["drawings/11.png", "drawings/again.png"])
    (every,) = _rows(rows, kind="all", threshold_bits=31)
    assert every["pairs"] == 7 * 6 - 2
    assert every["smallest_bits"] > 40
    assert every["basis"] == "at most"
    (drawings,) = _rows(rows, kind="drawings", threshold_bits=31)
    assert drawings["pairs"] == 4 * 3 - 2


def test_thresholds_come_from_a_folder_or_from_both_results(
    command_line: CommandLine, pictures: Path
) -> None:
    recall, false_matches = (command_line.folder / one for one in ("r.jsonl", "f.jsonl"))
    command_line.run("evaluate", "recall", pictures, *QUICK, "--group", "chat", "--results", recall)
    command_line.run("evaluate", "false-matches", pictures, *QUICK, "--results", false_matches)
    both = ("--recall", recall, "--false-matches", false_matches)
    rows = command_line.json("evaluate", "thresholds", *both, "--level", "plain")
    assert [row["threshold_bits"] for row in rows] == list(range(97))
    shares = [row["promised_share"] for row in rows]
    assert shares == sorted(shares)
    measured = command_line.json("evaluate", "thresholds", pictures, *QUICK, "--recall", recall)
    assert measured == rows
    for missing in ((), both[:2], (*both, "--level", "standard"), (*both, "--algorithm", "phash")):
        assert command_line.run("evaluate", "thresholds", *missing).exit_code == 2


def test_a_configuration_to_paste_comes_with_enough_false_matches_allowed(
    command_line: CommandLine, pictures: Path
) -> None:
    recall, false_matches = (command_line.folder / one for one in ("r.jsonl", "f.jsonl"))
    command_line.run("evaluate", "recall", pictures, *QUICK, "--group", "chat", "--results", recall)
    command_line.run("evaluate", "false-matches", pictures, *QUICK, "--results", false_matches)
    result = command_line.run(
        "evaluate", "thresholds", "--recall", recall, "--false-matches", false_matches,
        "--entries", "1", "--images-per-day", "1", "--level", "plain",
    )  # fmt: skip
    assert "[policy.thresholds_bits]\npdq = 96\n" in result.stdout


def test_figures_are_shown_as_table_markdown_page_and_plots(
    command_line: CommandLine, pictures: Path
) -> None:
    page, plots = command_line.folder / "page.html", command_line.folder / "plots"
    arguments = ("evaluate", "recall", pictures, *QUICK, "--group", "resizing")
    result = command_line.run(*arguments, "--page", page, "--plots", plots)
    assert result.exit_code == 0, result.output
    assert "Level plain, pdq, by group" in result.stdout
    assert "width × 0.8" in page.read_text()
    assert [one.name for one in plots.iterdir()] == ["recall-pdq.png"]
    assert "| resizing |" in command_line.run(*arguments, "--markdown").stdout
