"""Results on disk: continued where they stopped, and never mixed with those of another run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashmatch.errors import InputError
from hashmatch.evaluate import open_results, read_results

HEADER = {"kind": "recall", "seed": 1, "levels": ("plain",)}


def test_results_are_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with open_results(path, HEADER) as results:
        results.add("a.jpg", {"copies": {}})
    with open_results(path, HEADER) as results:
        assert results.records == {"a.jpg": {"copies": {}}}
        results.add("b.jpg", {"copies": {}})
    header, records = read_results(path, "recall")
    assert header["levels"] == ["plain"]
    assert list(records) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("rest", [b'{"picture": "b.jpg", "co', b"{}", b"\xff\xfe"])
def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "results.jsonl"
    with open_results(path, HEADER) as results:
        results.add("a.jpg", {})
    path.write_bytes(path.read_bytes() + rest)
    with open_results(path, HEADER) as results:
        assert list(results.records) == ["a.jpg"]
        results.add("b.jpg", {})
    assert list(read_results(path, "recall")[1]) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("other", "words"),
    [({"seed": 2}, "seed 1, not 2"), ({"levels": ("plain", "standard")}, "levels plain, not plain"),
     ({"kind": "false-matches"}, "kind recall")],
)  # fmt: skip
def test_results_of_another_measurement_are_refused(
    tmp_path: Path, other: dict[str, object], words: str
) -> None:
    path = tmp_path / "results.jsonl"
    with open_results(path, HEADER):
        pass
    before = path.read_bytes()
    with pytest.raises(InputError) as caught, open_results(path, {**HEADER, **other}):
        pass
    assert words in caught.value.message
    assert "--results" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["hello\n", "[1]\n", "{}\n[]\n", '{"kind": "recall"}\n{}\n'])
def test_other_files_are_refused_and_left_as_they_are(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=str(path)), open_results(path, HEADER):
        pass
    assert path.read_text() == content
    with pytest.raises(InputError, match=str(path)):
        read_results(path, "recall")


def test_two_processes_do_not_write_the_same_results(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with open_results(path, HEADER):
        with pytest.raises(InputError, match="another process"), open_results(path, HEADER):
            pass


def test_results_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with open_results(path, HEADER):
        pass
    assert path.stat().st_mode & 0o777 == 0o600


def test_results_in_memory_need_no_file() -> None:
    with open_results(None, HEADER) as results:
        results.add("a.jpg", {})
        assert list(results.records) == ["a.jpg"]


def test_a_file_of_results_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl"):
        read_results(tmp_path / "gone.jsonl", "recall")
