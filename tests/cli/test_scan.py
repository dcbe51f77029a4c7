"""`hashmatch scan`, `lookup` and `hash`: every path named, the exit code right, nothing lost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from hashmatch.hashes import Orientation
from hashmatch.imaging import name_as_text
from hashmatch.synthetic import draw_picture
from tests.cli.conftest import append_config
from tests.command_line import CommandLine
from tests.imaging.views.altered import as_file, screenshot
from tests.pictures import drawn, encoded, hashes_of


def test_clear_ends_in_0_and_matched_in_1(ready: CommandLine) -> None:
    known, stranger = ready.write("known.png", drawn(1, "PNG")), ready.write("new.jpg", drawn(9))
    assert ready.run("scan", stranger).exit_code == 0
    result = ready.run("scan", stranger, known)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"clear       {stranger}"
    assert result.stdout.splitlines()[1] == f"matched     {known}  block"
    assert "list demo entry e1 category A: pdq" in result.stdout.splitlines()[2]
    assert result.stderr == "1 clear, 1 matched, 0 unscreened\n"


def test_bad_paths_are_named_unscreened_and_the_others_are_still_scanned(
    ready: CommandLine,
) -> None:
    paths = {
        "gone.jpg": ("unreadable", None),
        "folder": ("unreadable", None),
        "empty.jpg": ("empty", b""),
        "notes.txt": ("unsupported", b"just some notes\n"),
        "cut.jpg": ("truncated", drawn(9)[:9000]),
    }
    (ready.folder / "folder").mkdir()
    for name, (_, content) in paths.items():
        if content is not None:
            ready.write(name, content)
    known = ready.write("known.jpg", drawn(1))
    result = ready.run("scan", *paths, known)
    assert result.exit_code == 2
    for name, (reason, _) in paths.items():
        assert f"unscreened  {name}  {reason}: " in result.stdout
    assert f"matched     {known}" in result.stdout
    assert result.stderr.endswith("0 clear, 1 matched, 5 unscreened\n")


def test_json_has_the_documented_shape(ready: CommandLine) -> None:
    known, gone = ready.write("known.jpg", drawn(1)), ready.folder / "gone.jpg"
    matched, unscreened = ready.json("scan", known, gone)
    assert matched.pop("elapsed_ms") > 0
    assert matched == {
        "content_id": str(known),
        "path": str(known),
        "outcome": "matched",
        "reason": None,
        "action": "block",
        "media": {"format": "JPEG", "width": 640, "height": 480, "frames": 1},
        "hashes": [
            {
                "algorithm": "sha256",
                "version": "1",
                "quality": None,
                "orientation": "original",
                "frame": 0,
                "view": "full",
                "decode": "full",
            },
            {
                "algorithm": "pdq",
                "version": "1",
                "quality": 100,
                "orientation": "original",
                "frame": 0,
                "view": "full",
                "decode": "full",
            },
        ],
        "matches": [
            {
                "match_id": "1",
                "nearness": "match",
                "list": "demo",
                "generation": 1,
                "entry_id": "e1",
                "entries": 1,
                "algorithm": "pdq",
                "distance_bits": 0,
                "threshold_bits": 31,
                "orientation": "original",
                "frame": 0,
                "view": "full",
                "category": "A",
            }
        ],
        "allowed": [],
        "provenance": {"declared": "none", "evidence": [], "c2pa": "none", "issuer": None},
    }
    assert unscreened["outcome"] == "unscreened"
    assert (unscreened["reason"], unscreened["action"]) == ("unreadable", "review")
    assert unscreened["media"] is None


def test_hash_values_are_shown_only_when_asked_for(ready: CommandLine) -> None:
    known = ready.write("known.jpg", drawn(1))
    value = hashes_of(1, "pdq")["pdq"].value.hex()
    for arguments in (("scan", known), ("scan", known, "--json"), ("matches", "show", "1")):
        result = ready.run(*arguments)
        assert value not in result.output
        assert value in ready.run(*arguments, "--json", "--show-hashes").stdout or (
            arguments == ("scan", known)
        )


def test_a_folder_is_scanned_completely_with_recursive(ready: CommandLine) -> None:
    for name in ("in/b.jpg", "in/a.jpg", "in/deep/c.jpg"):
        ready.write(name, drawn(9))
    paths = [row["path"] for row in ready.json("scan", "--recursive", "in")]
    assert paths == ["in/a.jpg", "in/b.jpg", "in/deep/c.jpg"]


def test_stdin_is_read_for_a_dash(ready: CommandLine) -> None:
    (row,) = ready.json("scan", "-", "--content-id", "post/7", stdin=drawn(1))
    assert (row["outcome"], row["content_id"], row["path"]) == ("matched", "post/7", "-")


def test_each_image_on_stdin_is_known_by_itself(ready: CommandLine) -> None:
    ids = {ready.json("scan", "-", stdin=drawn(1))[0]["content_id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("stdin:[0-9a-f]{16}", one) for one in ids)


def test_files_whose_names_read_alike_are_known_by_names_of_their_own(ready: CommandLine) -> None:
    for name in (b"\xff.jpg", b"\\xff.jpg", b"bytes:%FF.jpg", b"\xfe.jpg"):
        (ready.folder / "in").mkdir(exist_ok=True)
        (ready.folder / "in" / os.fsdecode(name)).write_bytes(drawn(1))
    ids = [row["content_id"] for row in ready.json("scan", "--recursive", "in")]
    assert len(set(ids)) == 4
    assert f"{ready.folder}/in/\\xff.jpg" in ids
    assert f"bytes:{ready.folder}/in/%FF.jpg" in ids
    relative = {name_as_text(one) for one in (b"\xff", b"bytes:%FF", b"bytes:%25FF", b"")}
    assert relative == {"bytes:%FF", "bytes:bytes%3A%25FF", "bytes:bytes%3A%2525FF", ""}


def test_a_lookup_of_an_unknown_algorithm_names_those_that_are_known(ready: CommandLine) -> None:
    (row,) = ready.json("lookup", "foo:00")
    assert row["outcome"] == "unscreened"
    assert "pdq, " in ready.run("lookup", "foo:00").stdout


def test_stdin_over_the_limit_is_too_large(ready: CommandLine) -> None:
    append_config(ready, "max_bytes = 1000\n")
    (row,) = ready.json("scan", "-", stdin=drawn(1))
    assert (row["outcome"], row["reason"], row["hashes"]) == ("unscreened", "too_large", [])


def test_one_content_id_names_one_image(ready: CommandLine) -> None:
    for arguments in (("a.jpg", "b.jpg", "--content-id", "x"), ("a.jpg", "--content-id", "")):
        result = ready.run("scan", *arguments)
        assert result.exit_code == 2
        assert "--content-id" in result.stderr


def test_odd_file_names_can_be_scanned_and_do_not_reach_the_terminal_raw(
    ready: CommandLine,
) -> None:
    ready.write("esc\x1b[31m.jpg", drawn(1))
    (ready.folder / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(drawn(2))
    result = ready.run("scan", "--recursive", ".")
    assert "\x1b" not in result.stdout
    assert result.stdout.count("matched") == 2
    rows = ready.json("scan", "--recursive", ".")
    assert {row["outcome"] for row in rows if row["path"].endswith("jpg")} == {"matched"}
    assert ready.run("matches", "list").exit_code == 0
    assert ready.run("report", "export").exit_code == 0


@pytest.mark.parametrize("command", ["scan", "lookup"])
def test_without_a_list_nothing_is_clear_and_the_next_step_is_named(
    command_line: CommandLine, command: str
) -> None:
    stranger = str(command_line.write("new.jpg", drawn(9)))
    argument = stranger if command == "scan" else "md5:" + "0" * 32
    for _ in range(2):
        result = command_line.run(command, argument)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "hashmatch lists import" in result.stderr
        command_line.run("lists", "add", "empty")


def test_an_expired_list_stops_the_scan(ready: CommandLine) -> None:
    ready.run("lists", "licence", "demo", "--end", "2020-01-01")
    result = ready.run("scan", ready.write("known.jpg", drawn(1)))
    assert result.exit_code == 2
    assert "the licence has ended: list demo (2020-01-01)" in result.stderr


def test_before_init_the_next_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("scan", "x"), ("lists", "status"), ("matches", "list"), ("db", "check")):
        result = CommandLine(tmp_path).run(*arguments)
        assert result.exit_code == 2
        assert "Run 'hashmatch init'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_beside_an_expired_list_the_others_are_still_screened(ready: CommandLine) -> None:
    ready.import_pictures("old", 3)
    ready.run("lists", "licence", "old", "--end", "2020-01-01")
    ready.run("lists", "add", "empty", "--licence-end", "2020-01-01")
    known, stranger = ready.write("known.jpg", drawn(1)), ready.write("new.jpg", drawn(9))
    rows = ready.json("scan", known, stranger)
    assert [(row["outcome"], row["reason"]) for row in rows] == [
        ("matched", "licence_expired"),
        ("unscreened", "licence_expired"),
    ]
    ready.run("lists", "remove", "old", "--yes")
    assert ready.run("scan", stranger).exit_code == 0


def test_nothing_to_screen_is_not_everything_clear(ready: CommandLine) -> None:
    (ready.folder / "in").mkdir()
    for result in (ready.run("scan", "-r", "in"), ready.run("lookup", "-", stdin="")):
        assert result.exit_code == 2
        assert "nothing to screen" in result.stderr
    (ready.folder / "in" / "link").symlink_to(ready.folder)
    (row,) = ready.json("scan", "-r", "in")
    assert (row["outcome"], row["reason"]) == ("unscreened", "unreadable")


def test_one_bad_line_does_not_end_a_lookup(ready: CommandLine) -> None:
    known = f"pdq:{hashes_of(1, 'pdq')['pdq'].value.hex()}".encode()
    lines = [known + b" a", known + b" \xff", known + b" z\0", b"\xff", known + b" b"]
    rows = ready.json("lookup", "-", stdin=b"\n".join(lines))
    assert [row["outcome"] for row in rows] == ["matched", *["unscreened"] * 3, "matched"]
    assert [row["content_id"] for row in rows] == ["a", "line 2", "line 3", "line 4", "b"]


def test_a_lookup_can_say_the_quality(ready: CommandLine) -> None:
    known = f"pdq:{hashes_of(1, 'pdq')['pdq'].value.hex()}"
    reasons = [row["reason"] for row in ready.json("lookup", *(
        f"{known}:{quality}" for quality in ("50", "49", "101", "x", "")
    ))]  # fmt: skip
    assert reasons == [None, "low_quality", "undecodable", "undecodable", "undecodable"]


def test_several_hashes_of_one_image_are_looked_up_together(ready: CommandLine) -> None:
    known, other = (f"pdq:{hashes_of(seed, 'pdq')['pdq'].value.hex()}" for seed in (1, 9))
    lines = f"{other} {known.upper()[:4]}{known[4:]} post/1\n{other} pdq:zz post/2\n{other} a: b\n"
    rows = ready.json("lookup", "-", stdin=lines)
    assert [(row["content_id"], row["outcome"]) for row in rows] == [
        ("post/1", "matched"), ("line 2", "unscreened"), ("a: b", "clear"),
    ]  # fmt: skip
    (row,) = ready.json("lookup", "--together", "--content-id", "post/9", other, known)
    assert (row["content_id"], row["outcome"]) == ("post/9", "matched")
    assert len(row["hashes"]) == 2
    for wrong in (["--together", "-"], ["--content-id", "x", known, other]):
        assert ready.run("lookup", *wrong).exit_code == 2


def test_a_lookup_is_not_clear_where_a_hash_was_taken_for_a_name(ready: CommandLine) -> None:
    known, other = (f"pdq:{hashes_of(seed, 'pdq')['pdq'].value.hex()}" for seed in (1, 9))
    wrong = known.replace("pdq", "pqd")
    for arguments in (
        ["--together", other, wrong],
        ["--together", "--content-id", "post/9", other, wrong],
        ["--together", f"{other} post/9", known],
        ["--content-id", "post/9", f"{other} {wrong}"],
        [f"{other} post/9 {known}"],
        [f"{other}\t{known}"],
    ):
        (row,) = ready.json("lookup", *arguments)
        assert (row["outcome"], row["reason"]) == ("unscreened", "undecodable"), arguments


def test_lookup_answers_in_order(ready: CommandLine) -> None:
    known = f"pdq:{hashes_of(1, 'pdq')['pdq'].value.hex()}"
    stranger = f"PDQ:{hashes_of(9, 'pdq')['pdq'].value.hex().upper()}"
    rows = ready.json("lookup", "-", stdin=f"{known} post/1\n{stranger}\nnonsense\n\n{known}\n")
    assert [row["outcome"] for row in rows] == [
        "matched", "clear", "unscreened", "unscreened", "matched",
    ]  # fmt: skip
    assert rows[0]["content_id"] == "post/1"
    assert rows[2]["content_id"] == "line 3"
    assert rows[2]["reason"] == "undecodable"
    assert rows[4]["content_id"] not in (rows[0]["content_id"], known)


def test_lookup_of_arguments_ends_in_the_right_code(ready: CommandLine) -> None:
    known = f"pdq:{hashes_of(1, 'pdq')['pdq'].value.hex()}"
    stranger = f"pdq:{hashes_of(9, 'pdq')['pdq'].value.hex()}"
    assert ready.run("lookup", stranger).exit_code == 0
    assert ready.run("lookup", stranger, known).exit_code == 1
    for bad in ("pdq:00", "pdq", "nope:00", f"md5:{'0' * 32}"):
        assert ready.run("lookup", known, bad).exit_code == 2


def test_many_at_a_time_come_out_in_order(ready: CommandLine) -> None:
    for number in range(20):
        ready.write(f"in/{number:02}.jpg", drawn(1 if number % 5 == 0 else 9 + number))
    ready.write("in/07.jpg", b"no picture")
    rows = ready.json("scan", "--recursive", "in", "--workers", "4")
    assert [Path(row["path"]).name for row in rows] == [f"{number:02}.jpg" for number in range(20)]
    outcomes = dict.fromkeys((0, 5, 10, 15), "matched") | {7: "unscreened"}
    assert [row["outcome"] for row in rows] == [outcomes.get(n, "clear") for n in range(20)]
    assert ready.run("scan", "in", "--workers", "0").exit_code == 2


def test_hash_prints_every_algorithm_or_those_asked_for(ready: CommandLine) -> None:
    picture = ready.write("a.jpg", drawn(1))
    rows = ready.json("hash", picture)
    assert {row["algorithm"]: row["value"] for row in rows} == {
        name: one.value.hex() for name, one in hashes_of(1).items()
    }
    (row,) = ready.json("hash", picture, "-a", "PDQ")
    columns = ["path", "algorithm", "version", "value", "quality", "orientation", "frame", "view"]
    assert list(row) == [*columns, "decode"]
    assert ready.run("hash", picture, "--algorithm", "nope").exit_code == 2


def test_turned_copies_are_found_where_they_are_looked_for(ready: CommandLine) -> None:
    plain = f'data_dir = "{ready.folder}/data"\n[intake]\nisolation = "none"\nlevel = "plain"\n'
    ready.write("hashmatch.toml", plain)
    turned = draw_picture(1).transpose(Image.Transpose.ROTATE_90)
    picture = ready.write("a.png", encoded(turned, "PNG"))
    assert ready.run("scan", picture).exit_code == 0
    (row,) = ready.json("scan", picture, "--orientations")
    assert [match["orientation"] for match in row["matches"]] == ["rotate-90"]
    hashes = ready.json("hash", picture, "-a", "pdq", "--orientations")
    assert [one["orientation"] for one in hashes] == list(Orientation)
    ready.write("hashmatch.toml", f"{plain}orientations = true\n")
    assert ready.run("scan", picture).exit_code == 1


def test_a_scan_searches_as_widely_as_it_is_told(ready: CommandLine) -> None:
    picture = ready.write("screen.jpg", as_file(screenshot(1)))
    assert ready.run("scan", picture, "--level", "plain").exit_code == 0
    for level in ([], ["--level", "standard"], ["--level", "thorough"]):
        (row,) = ready.json("scan", picture, *level)
        assert [(one["entry_id"], one["view"]) for one in row["matches"]] == [("e1", "part")]
    ready.write(
        "hashmatch.toml",
        f'data_dir = "{ready.folder}/data"\n[intake]\nisolation = "none"\nlevel = "plain"\n',
    )
    assert ready.run("scan", picture).exit_code == 0
    assert ready.run("scan", picture, "--level", "standard").exit_code == 1


def test_hash_prints_search_views_only_when_asked_for(ready: CommandLine) -> None:
    picture = ready.write("screen.jpg", as_file(screenshot(1)))
    plain = ready.json("hash", picture, "-a", "pdq")
    assert ready.json("hash", picture, "-a", "pdq", "--level", "plain") == plain
    assert {row["view"] for row in plain} <= {"full", "inner"}
    rows = ready.json("hash", picture, "-a", "pdq", "--level", "standard")
    assert rows[: len(plain)] == plain
    assert {"resized", "negative", "part"} <= {row["view"] for row in rows}
    assert "flip-x" in ready.run("hash", picture, "--level", "standard").stdout


@pytest.mark.parametrize("command", ["scan", "hash"])
@pytest.mark.parametrize("level", ["deep", "", "Standard"])
def test_an_unknown_level_is_named_with_those_that_exist(
    ready: CommandLine, command: str, level: str
) -> None:
    result = ready.run(command, ready.write("a.jpg", drawn(1)), "--level", level)
    assert result.exit_code == 2
    assert "'plain', 'standard', 'thorough'" in result.stderr


def test_an_unknown_level_of_the_configuration_is_named(ready: CommandLine) -> None:
    ready.write("hashmatch.toml", f'data_dir = "{ready.folder}/data"\n[intake]\nlevel = "deep"\n')
    result = ready.run("scan", ready.write("a.jpg", drawn(1)))
    assert result.exit_code == 2
    assert "intake.level" in result.stderr


def test_hash_names_what_it_cannot_read(ready: CommandLine) -> None:
    result = ready.run("hash", ready.write("a.jpg", drawn(1)), ready.write("b.txt", "text"), "gone")
    assert result.exit_code == 2
    assert "b.txt  unsupported" in result.stderr
    assert "gone  unreadable" in result.stderr
    assert "pdq" in result.stdout


def test_json_is_one_object_a_line(ready: CommandLine) -> None:
    ready.write("in/a.jpg", drawn(1))
    ready.write("in/b\n.jpg", drawn(9))
    result = ready.run("scan", "--recursive", "in", "--json")
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 2
