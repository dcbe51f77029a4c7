"""`hashmatch matches`, `report`, `db`, `doctor` and `init`."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from hashmatch.drawing import draw_picture
from hashmatch.imaging import PoolIntake
from tests.command_line import CommandLine
from tests.pictures import drawn, encoded, hashes_of

COLUMNS = [
    "match_id", "matched_at", "content_id", "reference", "list", "licensor", "generation",
    "entry_id", "category", "action", "algorithm", "hasher_version", "distance_bits",
    "threshold_bits", "quality", "frame", "orientation", "view", "decode", "media_format", "width",
    "height", "frames", "value", "case",
]  # fmt: skip


@pytest.fixture
def matched(command_line: CommandLine) -> CommandLine:
    """The command line with two recorded matches, one clear and one unscreened image."""
    command_line.import_pictures("one", 1, 2)
    for seed, content_id in ((1, "post/1"), (2, "=HYPERLINK(1)"), (9, "post/9")):
        command_line.run("scan", "-", "--content-id", content_id, stdin=drawn(seed))
    command_line.run("scan", "gone.jpg")
    return command_line


def test_matches_are_listed_newest_first(matched: CommandLine) -> None:
    rows = matched.json("matches", "list")
    assert [row["match_id"] for row in rows] == ["2", "1"]
    assert "post/1" in matched.run("matches", "list").stdout
    limited = matched.run("matches", "list", "--limit", "1")
    assert "post/1" not in limited.stdout
    assert "--limit" in limited.stderr


def test_matches_are_filtered(matched: CommandLine) -> None:
    assert matched.json("matches", "list", "--until", "2020-01-01") == []
    assert matched.json("matches", "list", "--list", "two") == []
    assert len(matched.json("matches", "list", "--since", "2020-01-01", "--list", "one")) == 2


def test_a_match_is_shown_with_its_hashes(matched: CommandLine) -> None:
    (row,) = matched.json("matches", "show", "1", "--show-hashes")
    values = {one["algorithm"]: one["value"] for one in row["hashes"]}
    assert values == {n: h.value.hex() for n, h in hashes_of(1, "pdq", "sha256").items()}
    assert "post/1" in matched.run("matches", "show", "1").stdout
    assert matched.run("matches", "show", "77").exit_code == 2


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
    assert views == {"whole", "inner"}


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


def test_a_report_file_is_private_and_whole(matched: CommandLine) -> None:
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
    assert real.read_text().startswith("{")  # The ending told the format.
    pipe = matched.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert matched.run("report", "export", "-o", pipe).exit_code == 0
    assert pipe.is_fifo()
    assert os.read(reader, 9) == b"match_id,"
    os.close(reader)
    assert matched.run("report", "export", "-o", "-").stdout.startswith("match_id,")


@pytest.mark.parametrize("command", [("matches", "list"), ("report", "export")])
def test_a_question_that_makes_no_sense_is_refused(
    matched: CommandLine, command: tuple[str, str]
) -> None:
    for arguments in (("--list", "nope"), ("--since", "2026-12-01", "--until", "2026-11-01")):
        assert matched.run(*command, *arguments).exit_code == 2


def test_a_report_that_cannot_be_written_is_named(matched: CommandLine) -> None:
    result = matched.run("report", "export", "--output", "gone/report.csv")
    assert result.exit_code == 2
    assert "gone/report.csv" in result.stderr


def test_until_a_date_includes_that_day(matched: CommandLine) -> None:
    with closing(sqlite3.connect(matched.folder / "data" / "hashmatch.db")) as connection:
        connection.execute("UPDATE matches SET matched_at = '2026-01-31 23:59:59.000000'")
        connection.commit()
    period = ("--since", "2026-01-31", "--until", "2026-01-31")
    assert len(matched.json("matches", "list", *period)) == 2
    assert matched.json("matches", "list", "--until", "2026-01-30") == []
    assert matched.json("matches", "list", "--until", "2026-01-31T23:59:59+00:00") == []
    assert matched.run("matches", "list", "--since", "yesterday").exit_code == 2


def test_init_can_be_run_again_and_keeps_what_is_there(command_line: CommandLine) -> None:
    config = (command_line.folder / "hashmatch.toml").read_text()
    command_line.import_pictures("one", 1)
    result = command_line.run("init")
    assert result.exit_code == 0
    assert result.stderr.count("kept") == 2
    assert (command_line.folder / "hashmatch.toml").read_text() == config
    assert len(command_line.json("lists", "status")) == 1


def test_init_does_not_move_the_data_silently(command_line: CommandLine) -> None:
    result = command_line.run("init", "--data-dir", "elsewhere")
    assert result.exit_code == 2
    assert "data folder is" in result.stderr


def test_init_is_not_overruled_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHMATCH_DATA_DIR", str(tmp_path / "other"))
    result = CommandLine(tmp_path).run("init", "--data-dir", "mine")
    assert result.exit_code == 2
    assert "HASHMATCH_DATA_DIR" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert CommandLine(tmp_path).run("init").exit_code == 0


def test_init_writes_where_config_says(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    config = tmp_path / "etc" / "h.toml"
    data = tmp_path / 'odd "name"'
    assert line.run("--config", config, "init", "--data-dir", data).exit_code == 0
    assert (data / "hashmatch.db").exists()
    assert line.run("--config", config, "db", "check").exit_code == 0


def test_init_that_cannot_write_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = CommandLine(tmp_path)
    for config, data in (("file/h.toml", "data"), ("h.toml", "file/data")):
        result = line.run("--config", tmp_path / config, "init", "--data-dir", tmp_path / data)
        assert result.exit_code == 2
        assert str(tmp_path / "file") in result.stderr


def test_db_check_finds_a_sound_database_and_a_damaged_one(matched: CommandLine) -> None:
    assert "sound" in matched.run("db", "check").stderr
    assert matched.run("db", "upgrade").exit_code == 0
    with closing(sqlite3.connect(matched.folder / "data" / "hashmatch.db")) as connection:
        connection.execute("DELETE FROM contents")
        connection.commit()
    result = matched.run("db", "check")
    assert result.exit_code == 2
    assert "rows refer to rows that are missing" in result.stderr


def test_doctor_finds_webhooks_that_could_tell_nobody(matched: CommandLine) -> None:
    config = matched.folder / "hashmatch.toml"
    hook = '\n[webhooks.desk]\nurl = "https://desk.example/"\nsecret = { env = "NO_SECRET" }\n'
    config.write_text(config.read_text() + hook + 'lists = ["nolist"]\n')
    rows = {row["subject"]: row for row in matched.json("doctor")}
    assert rows["webhook desk"]["health"] == "bad"
    assert "nolist" in rows["configuration"]["detail"]


def test_doctor_finds_everything_in_place(matched: CommandLine) -> None:
    assert matched.run("doctor").exit_code == 0
    rows = matched.json("doctor")
    # Not every system offers every protection.
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
    assert matched.run("doctor").exit_code == code
    findings = [row for row in matched.json("doctor") if row["health"] != "good"]
    assert [(row["subject"], row["health"]) for row in findings] == [(subject, health)]


def test_doctor_names_the_protections_that_are_missing(
    matched: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = {"Landlock": False, "memory limit": True, "seccomp": False}
    monkeypatch.setattr(PoolIntake, "protections", lambda _: offered)
    (finding,) = (row for row in matched.json("doctor") if row["subject"] == "isolation")
    assert finding["health"] == "warning"
    assert finding["detail"].endswith("memory limit; not offered here: Landlock, seccomp")
    assert matched.run("doctor").exit_code == 0


def test_a_wrong_configuration_is_one_line_for_every_command(command_line: CommandLine) -> None:
    command_line.write("hashmatch.toml", "[policy.thresholds_bits]\npqd = 31\n")
    for arguments in (("scan", "x"), ("lists", "status"), ("doctor",), ("db", "check")):
        result = command_line.run(*arguments)
        assert result.exit_code == 2
        assert "hashmatch.toml: policy.thresholds_bits.pqd: unknown algorithm" in result.stderr
