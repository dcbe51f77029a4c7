"""A report of misuse is one command: an own list that gates follow, a case, what was earlier."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.gate import open_gate
from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine
from tests.pictures import drawn, encoded

_BY = ("--by", "jane")


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    command_line.import_pictures("one", 1)
    return command_line


def test_a_reported_picture_is_withheld_from_then_on(line: CommandLine) -> None:
    picture = line.write("reported.png", drawn(9, "PNG"))
    with open_gate(line.folder / "hashmatch.toml", budget_s=60) as gate:
        assert gate.check(draw_picture(9)).are_all_shown
        (found,) = line.json("gate", "misuse", picture, "--list", "reported", *_BY)
        while gate.check(draw_picture(9)).are_all_shown:
            pass  # The index follows the lists within a second.
    assert found["content_id"].startswith("misuse:")
    cases = line.json("cases", "list")
    assert found["content_id"] in {one["content_id"] for one in cases}


def test_content_on_record_that_it_matches_is_named(line: CommandLine) -> None:
    copy = line.write("copy.jpg", encoded(draw_picture(1).resize((320, 240)), "JPEG"))
    line.run("scan", copy)
    other = line.write("other.png", drawn(9, "PNG"))
    line.run("scan", other)
    (found,) = line.json(
        "gate", "misuse", line.write("a.png", drawn(1, "PNG")), "--list", "reported", *_BY
    )
    assert found["earlier"] == [str(copy)]
    shown = line.run("gate", "misuse", other, "--list", "reported", "--note", "mail 7", *_BY)
    assert "none" in shown.stdout
    assert "to undo: hashmatch lists disable reported" in shown.output


def test_what_cannot_be_hashed_adds_nothing(line: CommandLine, tmp_path: Path) -> None:
    good = line.write("good.png", drawn(9, "PNG"))
    bad = line.write("bad.png", b"no picture")
    plain = line.write("plain.png", encoded(draw_picture(9).resize((2, 2)).resize((64, 64)), "PNG"))
    for one in (bad, plain, tmp_path / "missing.png"):
        result = line.run("gate", "misuse", good, one, "--list", "reported", *_BY)
        assert (result.exit_code, str(one) in result.output) == (2, True), result.output
    assert "reported" not in line.run("lists", "status").output


def test_a_list_of_others_is_not_added_to(line: CommandLine) -> None:
    picture = line.write("good.png", drawn(9, "PNG"))
    result = line.run("gate", "misuse", picture, "--list", "one", *_BY)
    assert (result.exit_code, "is not an own list" in result.output) == (2, True)
