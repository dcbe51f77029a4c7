"""A back-fill on a cluster of Ray has the record of a local one, and gives Ray no image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.command_line import CommandLine
from tests.imagery import holds_a_piece, pieces_of
from tests.pictures import encoded, list_of, photograph

pytest.importorskip("ray")

_IMAGES, _DAMAGED = 40, 4

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    """An installation with a list, and uploads of which some are damaged."""
    line = CommandLine.initialised(tmp_path / "here")
    for number in range(_IMAGES):
        data = encoded(photograph(number, 640, 480), "JPEG", quality=85)
        line.write(f"in/{number}.jpg", data[:300] if number < _DAMAGED else data)
    line.write("one.csv", list_of(90, 91))
    for words in (("db", "upgrade"), ("lists", "import", "one", "one.csv")):
        command = [sys.executable, "-m", "hashmatch", *words]
        subprocess.run(command, cwd=line.folder, check=True, capture_output=True)
    return line


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """A folder for all that Ray writes; sockets have short names."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as name:
        yield Path(name)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hashmatch", "backfill", "in", "--json", *words]


def _counts(stdout: str) -> dict[tuple[str, str | None], int]:
    rows = map(json.loads, stdout.splitlines())
    return {(one["outcome"], one["reason"]): one["count"] for one in rows}


def test_a_cluster_does_what_one_machine_does_and_sees_no_image(
    line: CommandLine, ray_folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "RAY_TMPDIR": str(ray_folder), "HOME": str(home)}
    on_ray = subprocess.run(
        _command("--engine", "ray", "--workers", "1"),
        cwd=line.folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert on_ray.returncode == 2, on_ray.stderr
    locally = subprocess.run(
        _command(), cwd=line.folder, capture_output=True, text=True, check=False
    )
    assert _counts(on_ray.stdout) == _counts(locally.stdout)
    assert _counts(on_ray.stdout)["clear", None] == _IMAGES - _DAMAGED
    pieces = pieces_of(one.read_bytes() for one in (line.folder / "in").iterdir())
    files = [one for one in ray_folder.rglob("*") if one.is_file() and not one.is_symlink()]
    assert files
    assert [one for one in files if holds_a_piece(one.read_bytes(), pieces)] == []
    assert not (home / ".ray").exists()


def test_a_node_whose_work_is_killed_goes_on_with_it(line: CommandLine, ray_folder: Path) -> None:
    environment = {**os.environ, "RAY_TMPDIR": str(ray_folder)}
    with psutil.Popen(
        _command("--engine", "ray", "--workers", "1", "--level", "thorough"),
        cwd=line.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        until = time.monotonic() + 120
        while not (actors := _actors(process)) or not _is_begun(line):
            assert time.monotonic() < until
            time.sleep(0.2)
        actors[0].kill()
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 2, stderr
    counts = _counts(stdout)
    assert counts["clear", None] == _IMAGES - _DAMAGED
    assert sum(counts.values()) == _IMAGES
    jobs = line.run("--config", line.folder / "hashmatch.toml", "backfill", "--jobs", "--json")
    assert len(jobs.stdout.splitlines()) == 1


def test_a_cluster_that_does_not_answer_is_an_error(line: CommandLine) -> None:
    for address in ("127.0.0.1:1", "nowhere"):
        ran = subprocess.run(
            _command("--engine", "ray", "--address", address),
            cwd=line.folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 2
        assert f"{address}: nothing answers there" in ran.stderr


def _actors(process: psutil.Popen) -> list[psutil.Process]:
    """Return the processes of Ray in which a node works."""
    found = []
    for one in process.children(recursive=True):
        try:
            if any("ray::_Actor" in word for word in one.cmdline()):
                found.append(one)
        except psutil.NoSuchProcess:
            continue
    return found


def _is_begun(line: CommandLine) -> bool:
    """Say whether images are in work."""
    import sqlite3

    connection = sqlite3.connect(line.folder / "data" / "hashmatch.db")
    try:
        (leased,) = connection.execute(
            "SELECT count(*) FROM backfill_shards WHERE leased_by != ''"
        ).fetchone()
    finally:
        connection.close()
    return bool(leased)
