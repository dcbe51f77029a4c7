"""`hashmatch report export`."""

from __future__ import annotations

import csv
import io
import json
import os
import stat

import pytest
from PIL import Image

from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine
from tests.pictures import encoded, hashes_of

COLUMNS = [
    "match_id", "matched_at", "content_id", "reference", "list", "licensor", "generation",
    "entry_id", "category", "action", "algorithm", "hasher_version", "distance_bits",
    "threshold_bits", "quality", "frame", "orientation", "view", "decode", "media_format", "width",
    "height", "frames", "value", "case", "nearness", "entries", "declared",
    "evidence", "c2pa", "issuer",
]  # fmt: skip


def test_a_report_has_stable_columns_and_counts_the_rest(matched: CommandLine) -> None:
    result = matched.run("report", "export", "--format", "csv")
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert rows[0] == COLUMNS
    assert [row[2] for row in rows[1:]] == ["post/1", "'=HYPERLINK(1)"]
    assert "2 matches" in result.stderr
    assert "1 clear" in result.stderr
    assert "1 unscreened (unreadable)" in result.stderr


def test_reports_and_records_say_which_view_matched(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    framed = Image.new("RGB", (640, 800), "black")
    framed.paste(draw_picture(1), (0, 160))
    command_line.run("scan", "-", stdin=encoded(framed, "PNG"))
    (row,) = [json.loads(line) for line in command_line.run(
        "report", "export", "--format", "jsonl").stdout.splitlines()]  # fmt: skip
    assert row["view"] == "inner"
    (shown,) = command_line.json("matches", "show", row["match_id"])
    assert shown["view"] == "inner"
    views = {one["view"] for one in shown["hashes"] if one["algorithm"] == "pdq"}
    assert views == {"full", "inner"}


def test_a_json_report_has_the_same_columns_untouched(matched: CommandLine) -> None:
    result = matched.run("report", "export", "--format", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert list(rows[0]) == COLUMNS
    assert rows[1]["content_id"] == "=HYPERLINK(1)"
    assert rows[0]["value"] == ""


def test_a_report_holds_hash_values_only_when_asked_for(matched: CommandLine) -> None:
    value = hashes_of(1, "pdq")["pdq"].value.hex()
    assert value not in matched.run("report", "export").stdout
    assert value in matched.run("report", "export", "--show-hashes").stdout


def test_a_report_file_is_private_and_complete(matched: CommandLine) -> None:
    output = matched.folder / "report.csv"
    output.write_text("an older report")
    result = matched.run("report", "export", "--output", output)
    assert result.stdout == ""
    assert output.read_text().startswith("match_id,")
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert {path.name for path in matched.folder.iterdir()} >= {"report.csv"}
    assert not list(matched.folder.glob(".report*"))


def test_a_report_follows_links_and_leaves_what_is_no_file(matched: CommandLine) -> None:
    real, link = matched.folder / "real.jsonl", matched.folder / "link.jsonl"
    link.symlink_to(real)
    assert matched.run("report", "export", "-o", link).exit_code == 0
    assert link.is_symlink()
    assert real.read_text().startswith("{")  # The suffix is the format.
    pipe = matched.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert matched.run("report", "export", "-o", pipe).exit_code == 0
    assert pipe.is_fifo()
    assert os.read(reader, 9) == b"match_id,"
    os.close(reader)
    assert matched.run("report", "export", "-o", "-").stdout.startswith("match_id,")


def test_a_report_that_cannot_be_written_is_named(matched: CommandLine) -> None:
    result = matched.run("report", "export", "--output", "gone/report.csv")
    assert result.exit_code == 2
    assert "gone/report.csv" in result.stderr


@pytest.mark.parametrize(
    "command",
    [("export",), ("regulator", "ofcom", "--since", "2026-01-01", "--until", "2026-07-01")],
)
def test_an_ending_that_stands_for_no_format_is_an_error(
    matched: CommandLine, command: tuple[str, ...]
) -> None:
    result = matched.run("report", *command, "--output", "figures.docx")
    assert result.exit_code == 2
    assert "no format goes by .docx" in result.stderr
    assert not (matched.folder / "figures.docx").exists()


def test_an_ending_stands_for_its_format_in_capitals_too(matched: CommandLine) -> None:
    for name in ("figures.json", "FIGURES.HTML", "rows.csv", "rows"):
        assert matched.run("report", "export", "--output", name).exit_code == 0
    assert json.loads((matched.folder / "figures.json").read_text())
    assert (matched.folder / "FIGURES.HTML").read_text().startswith("<!")
    assert (matched.folder / "rows").read_text() == (matched.folder / "rows.csv").read_text()
