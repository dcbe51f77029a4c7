"""`hashmatch index`, and what damage to the index means to a scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import append_config
from tests.command_line import CommandLine
from tests.pictures import drawn, hashes_of


def _segments(command_line: CommandLine) -> list[Path]:
    return sorted((command_line.folder / "data" / "index").glob("*.arrays"))


def test_the_index_is_built_shown_and_compacted(command_line: CommandLine) -> None:
    before = command_line.run("index", "status")
    assert (before.exit_code, "there is no index yet" in before.stderr) == (2, True)
    command_line.import_pictures("one", 1, 2, algorithms=("pdq", "sha256"))
    assert command_line.run("index", "status").exit_code == 0
    assert "4 entries in 2 segments" in command_line.run("index", "build").stderr
    (pdq, sha256) = command_line.json("index", "status")
    assert (pdq["algorithm"], pdq["entries"], pdq["segments"]) == ("pdq", 2, 1)
    assert (sha256["algorithm"], sha256["withdrawn"]) == ("sha256", 0)
    command_line.run("lists", "disable", "one", "e1")
    assert command_line.run("index", "status").exit_code == 0
    assert "2 entries in 2 segments" in command_line.run("index", "compact").stderr
    assert [row["withdrawn"] for row in command_line.json("index", "status")] == [0, 0]
    assert command_line.run("index", "status").exit_code == 0


def test_a_change_is_committed_even_where_the_index_cannot_follow(
    command_line: CommandLine,
) -> None:
    command_line.import_pictures("one", 1, 2, algorithms=("pdq", "sha256"))
    manifest = command_line.folder / "data" / "index" / "manifest.json"
    manifest.chmod(0o666)  # It is refused where others may write it.
    disabled = command_line.run("lists", "disable", "one", "e1")
    assert (disabled.exit_code, "warning: the index is behind" in disabled.stderr) == (0, True)
    manifest.chmod(0o600)
    behind = command_line.run("index", "status")
    assert (behind.exit_code, "behind list one" in behind.stderr) == (2, True)
    assert "2 entries in 2 segments" in command_line.run("index", "build").stderr


def test_the_values_of_a_removed_list_leave_the_index(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, algorithms=("sha256",))
    command_line.import_pictures("two", 2, algorithms=("sha256",))
    command_line.run("index", "build")
    values = [hashes_of(seed, "sha256")["sha256"].value for seed in (1, 2)]
    assert [_is_on_disk(command_line, value) for value in values] == [True, True]
    assert command_line.run("lists", "remove", "one", "--yes").exit_code == 0
    assert [_is_on_disk(command_line, value) for value in values] == [False, True]


def _is_on_disk(command_line: CommandLine, value: bytes) -> bool:
    rest = value[8:]  # The bytes before are stored as a number.
    return any(rest in path.read_bytes() for path in _segments(command_line))


def test_a_damaged_index_is_named_and_rebuilt(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1)
    command_line.run("index", "build")
    for path in _segments(command_line):
        path.write_bytes(path.read_bytes()[:-64])
    status = command_line.run("index", "status")
    assert (status.exit_code, "its size has changed" in status.stderr) == (2, True)
    assert "index build" in status.stderr
    assert "its size has changed" in command_line.run("doctor").stdout
    assert command_line.run("index", "build").exit_code == 0
    assert command_line.run("index", "status").exit_code == 0


def test_an_index_can_be_rebuilt_from_the_database_alone(command_line: CommandLine) -> None:
    command_line.import_pictures("one", 1, 2)
    command_line.run("lists", "disable", "one", "e1")
    command_line.run("index", "build")
    before = {path.name: path.stat().st_mtime_ns for path in _segments(command_line)}
    assert "1 entries" in command_line.run("index", "build").stderr
    assert {path.name: path.stat().st_mtime_ns for path in _segments(command_line)} == before
    rebuilt = command_line.run("index", "build", "--rebuild")
    assert (rebuilt.exit_code, "1 entries in 1 segments" in rebuilt.stderr) == (0, True)
    assert not before.keys() & {path.name for path in _segments(command_line)}
    (pdq,) = command_line.json("index", "status")
    assert (pdq["entries"], pdq["withdrawn"]) == (1, 0)
    assert command_line.run("scan", "-", "--content-id", "x", stdin=drawn(2)).exit_code == 1


def test_an_index_that_may_not_be_rebuilt_leaves_images_unscreened(
    command_line: CommandLine,
) -> None:
    command_line.import_pictures("one", 1)
    append_config(command_line, "[index]\nrebuild = false\n")
    assert command_line.run("scan", "-", "--content-id", "x", stdin=drawn(1)).exit_code == 1
    for path in _segments(command_line):
        path.write_bytes(b"damaged")
    result = command_line.run("scan", "-", "--content-id", "x", stdin=drawn(1))
    assert result.exit_code == 2
    assert "hashmatch index build" in result.stderr
    command_line.run("index", "build")
    assert command_line.run("scan", "-", "--content-id", "x", stdin=drawn(1)).exit_code == 1


@pytest.mark.parametrize("arguments", [("status", "x"), ("build", "--all"), ("merge",)])
def test_wrong_arguments_are_refused(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    assert command_line.run("index", *arguments).exit_code == 2
