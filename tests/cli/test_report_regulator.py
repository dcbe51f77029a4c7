"""`hashmatch report regulator`."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from hashmatch.synthetic import draw_picture
from tests.command_line import CommandLine
from tests.pictures import encoded

PERIOD = (
    "--since", f"{datetime.now(UTC) - timedelta(days=90):%Y-%m-%d}",
    "--until", f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}",
)  # fmt: skip
PARTS = [
    "1_report_identification.csv", "2_categories_names.csv", "5_own_initiative_illegal.csv",
    "6_own_initiative_TC.csv", "7_appeals_and_recidivism.csv", "8_automated_means.csv",
    "11_qualitative.csv", "definitions.csv", "definitions.html",
]  # fmt: skip


def test_the_parts_of_the_dsa_are_written_into_a_folder_and_recorded(matched: CommandLine) -> None:
    result = matched.run("report", "regulator", "dsa", *PERIOD, "-o", "dsa")
    assert "9 files written to dsa" in result.stderr
    folder = matched.folder / "dsa"
    assert sorted(path.name for path in folder.iterdir()) == sorted(PARTS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    text = (folder / PARTS[3]).read_bytes().decode("utf-8")
    assert text.count("\r\n") == text.count("\n") > 90
    matched.run("report", "regulator", "dsa", *PERIOD, "-o", "dsa.zip")
    with zipfile.ZipFile(matched.folder / "dsa.zip") as archive:
        assert archive.namelist() == PARTS
        assert archive.read(PARTS[3]).decode() == text
    exported = [
        one
        for line in matched.run("audit", "export").stdout.splitlines()
        if (one := json.loads(line)).get("action") == "report.exported"
    ]
    assert [json.loads(one["facts"])["regulator"] for one in exported] == ["dsa", "dsa"]


@pytest.mark.parametrize("regulator", ["interim", "ofcom", "australia"])
def test_the_others_are_of_any_form(matched: CommandLine, regulator: str) -> None:
    shown = json.loads(matched.run("report", "regulator", regulator, *PERIOD).stdout)
    assert shown["name"] == regulator
    assert shown["before"] is None
    detected = [
        one["now"]["value"]
        for section in shown["sections"]
        for one in section["answer"]["figures"]
        if one["name"] == "content items detected"
    ]
    assert detected == [2]
    for suffix, begin in (("html", b"<!doctype html>"), ("pdf", b"%PDF-"), ("csv", b"point,")):
        matched.run("report", "regulator", regulator, *PERIOD, "-o", f"report.{suffix}")
        assert (matched.folder / f"report.{suffix}").read_bytes().startswith(begin)


def test_what_does_not_go_together_is_refused(matched: CommandLine) -> None:
    for arguments, words in (
        (("dsa", "-o", "x"), "--since and --until are needed"),
        (("ofcom", *PERIOD, "--format", "zip", "-o", "x"), "is of dsa alone"),
        (("dsa", *PERIOD, "--format", "folder"), "files of their own"),
        (("dsa", "--since", "2026-02-01", "--until", "2026-01-01"), "ends before it begins"),
        (("ofcom", *PERIOD, "--recall", "hashmatch.toml"), "not a line of results"),
    ):
        result = matched.run("report", "regulator", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
    assert not (matched.folder / "x").exists()


def test_recall_comes_from_a_file_of_results(matched: CommandLine) -> None:
    for seed in (1, 2):
        matched.write(f"pictures/{seed}.png", encoded(draw_picture(seed), "PNG"))
    measured = matched.run(
        *("evaluate", "recall", "pictures", "--results", "recall.jsonl"),
        *("--group", "resizing", "--level", "plain", "--workers", "1"),
    )
    assert measured.exit_code == 0, measured.output
    report = ("report", "regulator", "ofcom", *PERIOD)
    shown = json.loads(matched.run(*report, "--recall", "recall.jsonl").stdout)
    (section,) = [one for one in shown["sections"] if one["code"] == "recall"]
    (table,) = section["answer"]["tables"]
    assert {row[2] for row in table["rows"]} == {"resizing"}
    assert "pdq" in {row[0] for row in table["rows"]}
