"""Files on their way in: found in order, read whole or refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hashmatch.imaging import find_files, read_file
from hashmatch.outcome import Failure, Reason


def _refused(path: Path, max_bytes: int = 100) -> Failure:
    data = read_file(path, max_bytes)
    assert isinstance(data, Failure)
    return data


def test_a_file_is_read_whole_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    assert read_file(tmp_path / "a", 100) == b"x" * 100
    assert _refused(tmp_path / "a", 99).reason is Reason.TOO_LARGE


def test_an_empty_file_is_read_as_such(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert read_file(tmp_path / "a", 100) == b""


def test_what_is_no_file_is_unreadable(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in (".", "gone", "pipe", "loop", "zero\0byte"):
        assert _refused(tmp_path / name).reason is Reason.UNREADABLE
    assert "--recursive" in _refused(tmp_path).detail
    assert _refused(Path("/dev/zero")).detail == "not a regular file"


def test_a_file_that_grows_while_it_is_read_is_refused() -> None:
    """Files of /proc say that they are empty and then are not, like a file being written."""
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc here")
    assert _refused(Path("/proc/self/status"), 10**6).detail == "the file changed while it was read"


def test_folders_are_walked_in_order_without_following_links(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/x/deep", "c"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "b" / "link").symlink_to(tmp_path)
    (tmp_path / "d").symlink_to(tmp_path / "c")
    found = [str(path.relative_to(tmp_path)) for path in find_files(tmp_path)]
    assert found == ["a/x/deep", "b/1", "b/2", "b/link", "c", "d"]
    assert _refused(tmp_path / "b" / "link").reason is Reason.UNREADABLE


def test_what_cannot_be_looked_at_is_still_named(tmp_path: Path) -> None:
    long_name = tmp_path / ("x" * 300)
    assert list(find_files(long_name)) == [long_name]
    assert _refused(long_name).reason is Reason.UNREADABLE
    deep = tmp_path / "deep"
    deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    for _ in range(25):  # Deeper than any one path can reach.
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    found = list(find_files(deep))
    shutil.rmtree(deep)
    assert len(found) == 1
    assert _refused(found[0]).reason is Reason.UNREADABLE


def test_a_path_that_is_no_folder_is_its_own_only_file(tmp_path: Path) -> None:
    assert list(find_files(tmp_path / "gone")) == [tmp_path / "gone"]
