"""Hashes of past uploads: kept where asked for, compared with later entries, and removed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hashmatch.errors import StoreError
from hashmatch.hashes import Hash, Orientation, View
from hashmatch.retained import Keeper, RetainedFolder, Row
from tests.command_line import CommandLine
from tests.imagery import holds_a_piece, pieces_of
from tests.pictures import drawn, encoded, hashes_of, list_of, photograph

_ENABLED = "[retained_hashes]\nenabled = true\n"


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    """An installation that retains hashes, and has a list of other pictures."""
    config = command_line.folder / "hashmatch.toml"
    config.write_text(config.read_text() + _ENABLED)
    return command_line


def _uploads(line: CommandLine, *seeds: int) -> None:
    for seed in seeds:
        line.write(f"uploads/{seed}.jpg", drawn(seed))


def _rows(folder: RetainedFolder, *algorithms: str) -> list[Row]:
    return [row for part in folder.parts(algorithms) for row in part.rows(range(len(part.values)))]


def test_an_upload_that_was_clear_matches_an_entry_that_comes_later(line: CommandLine) -> None:
    _uploads(line, *range(6))
    for name, seeds in (("one", (90,)), ("two", (2, 3)), ("three", (2, 5))):
        line.write(f"{name}.csv", list_of(*seeds, algorithms=("pdq", "sha256")))
    assert line.run("lists", "import", "one", "one.csv").exit_code == 0
    assert line.run("scan", "--recursive", "uploads").exit_code == 0
    assert "no list has new entries" not in line.run("backfill", "--hashes").stderr
    assert line.run("lists", "import", "two", "two.csv").exit_code == 0
    again = line.run("backfill", "--hashes", "--json")
    assert again.exit_code == 1, again.stderr
    matched = [json.loads(one) for one in again.stdout.splitlines()]
    here = {str(line.folder / "uploads" / f"{seed}.jpg") for seed in (2, 3)}
    assert {one["content_id"] for one in matched} == here
    # And once it is on record, nothing more is recorded of it.
    count = len(line.run("matches", "list", "--json").stdout.splitlines())
    assert line.run("backfill", "--hashes", "--restart").exit_code == 1
    assert len(line.run("matches", "list", "--json").stdout.splitlines()) == count
    assert line.run("lists", "import", "three", "three.csv").exit_code == 0
    last = line.run("backfill", "--hashes", "--json")
    found = {one["content_id"] for one in map(json.loads, last.stdout.splitlines())}
    assert str(line.folder / "uploads" / "5.jpg") in found


def test_only_entries_that_are_new_are_compared_again(line: CommandLine) -> None:
    """Those of the last hour are new for once more: processes may have had an older index."""
    _uploads(line, 0)
    line.write("one.csv", list_of(90, 91))
    line.write("two.csv", list_of(92))
    assert line.run("lists", "import", "one", "one.csv").exit_code == 0
    assert line.run("scan", "--recursive", "uploads").exit_code == 0
    _age_generations(line)
    assert "with 2 new entries" in line.run("backfill", "--hashes").stderr
    assert "no list has new entries" in line.run("backfill", "--hashes").stderr
    assert line.run("lists", "import", "two", "two.csv").exit_code == 0
    for _ in range(2):
        assert "with 1 new entries" in line.run("backfill", "--hashes").stderr
    _age_generations(line)
    assert "with 1 new entries" in line.run("backfill", "--hashes").stderr
    assert "no list has new entries" in line.run("backfill", "--hashes").stderr
    assert "with 3 new entries" in line.run("backfill", "--hashes", "--restart").stderr


def _age_generations(line: CommandLine) -> None:
    import sqlite3

    before = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
    connection = sqlite3.connect(line.folder / "data" / "hashmatch.db")
    connection.execute("UPDATE generations SET created_at = ?", (before,))
    connection.commit()
    connection.close()


def test_nothing_is_retained_unless_that_is_asked_for(command_line: CommandLine) -> None:
    line = command_line
    _uploads(line, 0)
    line.write("one.csv", list_of(90))
    assert line.run("lists", "import", "one", "one.csv").exit_code == 0
    assert line.run("scan", "--recursive", "uploads").exit_code == 0
    assert not (line.folder / "data" / "retained").exists()
    assert "retained_hashes.enabled is false" in line.run("retained", "status").stderr


def test_what_is_retained_is_for_its_owner_and_holds_no_image(line: CommandLine) -> None:
    photographs = [encoded(photograph(seed, 800, 600), "JPEG") for seed in range(2)]
    for number, data in enumerate(photographs):
        line.write(f"uploads/{number}.jpg", data)
    line.write("one.csv", list_of(90))
    assert line.run("lists", "import", "one", "one.csv").exit_code == 0
    assert line.run("scan", "--recursive", "uploads").exit_code == 0
    assert line.run("backfill", "--hashes").exit_code == 0
    folder = line.folder / "data" / "retained"
    files = [one for one in folder.rglob("*") if one.is_file()]
    pieces = pieces_of(photographs)
    assert [one for one in files if holds_a_piece(one.read_bytes(), pieces)] == []
    assert {stat.S_IMODE(one.stat().st_mode) for one in files if one.suffix == ".parquet"} == {
        0o600
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(_rows(RetainedFolder(folder), "sha256")) == 2


def _hashes(seed: int) -> Sequence[Hash]:
    return list(hashes_of(seed, "pdq", "md5").values())


class _Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def test_rows_are_the_same_in_a_spool_and_in_a_file(tmp_path: Path) -> None:
    clock = _Clock()
    folder = RetainedFolder(tmp_path / "retained", clock)
    keeper = Keeper(folder.spools, ("pdq", "md5"), clock)
    for seed in range(3):
        keeper.keep(f"post/{seed}", _hashes(seed))
    folder.settle(90)
    spooled = _rows(folder, "pdq", "md5")  # The keeper is writing it.
    assert [row.as_hash() for row in spooled if row.algorithm == "md5"] == [
        hashes_of(seed, "md5")["md5"] for seed in range(3)
    ]
    keeper.close()
    folder.settle(90)
    assert list(folder.spools.iterdir()) == []
    assert sorted(_rows(folder, "pdq", "md5")) == sorted(spooled)
    assert {one.name for one in folder.path.glob("????-*")} == {"2026-05-04"}
    assert folder.summary().hashes == {"pdq": 3, "md5": 3}


def test_an_upload_that_is_screened_again_and_again_is_retained_once(tmp_path: Path) -> None:
    """As one is while a list or the store is waited for."""
    clock = _Clock()
    folder = RetainedFolder(tmp_path, clock)
    keeper = Keeper(folder.spools, ("pdq",), clock)
    for _ in range(100):
        keeper.keep("post/1", _hashes(1))
    keeper.keep("post/1", _hashes(2))
    keeper.keep("post/2", _hashes(1))
    clock.now += 3_600
    keeper.keep("post/1", _hashes(1))
    keeper.close()
    names = [row.content_id for row in _rows(folder, "pdq")]
    assert names == ["post/1", "post/1", "post/2", "post/1"]


def test_views_that_no_viewer_shows_are_not_retained(tmp_path: Path) -> None:
    folder = RetainedFolder(tmp_path)
    keeper = Keeper(folder.spools, ("pdq",))
    (one,) = hashes_of(0, "pdq").values()
    turned = Hash(one.algorithm, one.value, orientation=Orientation.FLIP_X)
    panel = Hash(one.algorithm, one.value, view=View.PANEL)
    inner = Hash(one.algorithm, one.value, view=View.INNER)
    keeper.keep("post/1", [one, turned, panel, inner, *hashes_of(0, "md5").values()])
    keeper.close()
    assert [(row.algorithm, row.view) for row in _rows(folder, "pdq", "md5")] == [
        ("pdq", "full"), ("pdq", "inner"),
    ]  # fmt: skip


def test_an_upload_is_removed_by_its_content_id_wherever_its_hashes_are(tmp_path: Path) -> None:
    clock = _Clock()
    folder = RetainedFolder(tmp_path, clock)
    for name in ("settled", "spooled", "live"):
        keeper = Keeper(folder.spools, ("pdq", "md5"), clock)
        for seed in range(2):
            keeper.keep(f"{name}/{seed}", _hashes(seed))
        if name != "live":
            keeper.close()
        if name == "settled":
            folder.settle(90)
    assert folder.remove(["settled/0", "spooled/1", "live/0", "nobody"]) == 6
    left = {"settled/1", "spooled/0", "live/1"}
    assert {row.content_id for row in _rows(folder, "pdq", "md5")} == left
    clock.now += 1
    keeper.keep("live/0", _hashes(5))  # Uploaded again.
    keeper.close()
    folder.settle(90)
    assert {row.content_id for row in _rows(folder, "pdq", "md5")} == {*left, "live/0"}
    assert all(
        "live/0" not in pq.read_table(one)["content_id"].to_pylist()[:1]
        for one in folder.path.rglob("*.parquet")
    )
    assert folder.remove(["settled/0"]) == 0


def test_what_is_too_old_is_removed(tmp_path: Path) -> None:
    clock = _Clock()
    folder = RetainedFolder(tmp_path, clock)
    for day in range(4):
        keeper = Keeper(folder.spools, ("pdq",), clock)
        keeper.keep(f"day/{day}", _hashes(day))
        keeper.close()
        folder.settle(2)
        clock.now += 86_400
    assert {row.content_id for row in _rows(folder, "pdq")} == {"day/1", "day/2", "day/3"}
    clock.now += 30 * 86_400
    folder.settle(2)
    assert _rows(folder, "pdq") == []


def test_a_spool_whose_process_was_killed_is_settled_but_for_half_a_line(tmp_path: Path) -> None:
    folder = RetainedFolder(tmp_path)
    keeper = Keeper(folder.spools, ("pdq",))
    keeper.keep("post/1", _hashes(1))
    keeper.keep("post/2", _hashes(2))
    keeper.close()
    (spool,) = folder.spools.iterdir()
    spool.write_bytes(spool.read_bytes()[:-5] + b"")
    folder.settle(90)
    assert [row.content_id for row in _rows(folder, "pdq")] == ["post/1"]


def test_hashes_that_cannot_be_written_are_an_error_and_no_verdict(line: CommandLine) -> None:
    _uploads(line, 0)
    line.write("one.csv", list_of(90))
    assert line.run("lists", "import", "one", "one.csv").exit_code == 0
    (line.folder / "data" / "retained").mkdir()
    (line.folder / "data" / "retained" / "spools").write_text("no folder")
    ran = line.run("scan", "--recursive", "uploads")
    assert ran.exit_code == 2
    assert "retained" in ran.stderr + ran.stdout
    with pytest.raises(StoreError, match="cannot be used"):
        RetainedFolder(line.folder / "data" / "retained")


def test_a_full_disk_ends_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RetainedFolder(tmp_path)
    keeper = Keeper(folder.spools, ("pdq",))
    keeper.keep("post/1", _hashes(1))
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: write(file, data[:7]))
        with pytest.raises(StoreError, match="cannot be retained"):
            keeper.keep("post/2", _hashes(2))
    keeper.keep("post/3", _hashes(3))
    keeper.close()
    assert [row.content_id for row in _rows(folder, "pdq")] == ["post/1", "post/3"]
