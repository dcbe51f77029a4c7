"""Sources: every image once, in an order that can be taken up again after any of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashmatch.engines.sources import Source
from hashmatch.errors import BackfillError, InputError
from hashmatch.outcome import Failure
from tests.engines.source_files import (
    NAMES,
    SOURCES,
    make_folder,
    open_at,
)


@pytest.fixture(params=list(SOURCES.values()), ids=list(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """One source of each kind."""
    return open_at(request.param(tmp_path))


def test_every_image_is_there_once_and_is_loaded(source: Source) -> None:
    loaded = [item.load() for item in source.items()]
    assert sorted(loaded) == sorted(name.encode() for name in NAMES)  # type: ignore[type-var]
    assert len({item.content_id for item in source.items()}) == len(NAMES)


def test_a_source_goes_on_after_any_of_its_images(source: Source) -> None:
    known = [(one.content_id, one.position) for one in source.items()]
    for number, (_, position) in enumerate(known, start=1):
        rest = [(one.content_id, one.position) for one in source.items(position)]
        assert rest == known[number:]


def test_positions_compare_in_their_order(source: Source) -> None:
    orders = [source.order(one.position) for one in source.items()]
    assert orders == sorted(orders)
    assert all(one > source.order("") for one in orders)


def test_images_that_come_and_go_between_runs_are_not_passed_over(tmp_path: Path) -> None:
    source = open_at(make_folder(tmp_path))
    after = _position_of(source, f"{tmp_path.name}/b.jpg")
    for name in ("a/zz.jpg", "c.jpg", "b.jpg.more", "z/y.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"new")
    (tmp_path / "b.jpg").unlink()
    rest = [item.content_id for item in source.items(after)]
    assert rest == [str(tmp_path / name) for name in ("b.jpg.more", "c.jpg", "z/y.jpg")]


def test_a_file_that_became_a_folder_is_read(tmp_path: Path) -> None:
    source = open_at(make_folder(tmp_path))
    after = _position_of(source, f"{tmp_path.name}/b.jpg")
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "b.jpg").mkdir()
    (tmp_path / "b.jpg" / "-.jpg").write_bytes(b"new")
    assert [item.load() for item in source.items(after)] == [b"new"]


def test_names_that_are_not_utf_8_are_taken_up_again(tmp_path: Path) -> None:
    for name in (b"a\xff.jpg", b"a\xfe.jpg", b"b.jpg"):
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    source = open_at(tmp_path)
    positions = [item.position for item in source.items()]
    assert all(one.isascii() for one in positions)
    for number, position in enumerate(positions, start=1):
        assert [item.position for item in source.items(position)] == positions[number:]


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"one")
    source = open_at(tmp_path / "one.jpg")
    (item,) = source.items()
    assert (item.content_id, item.load()) == (str(tmp_path / "one.jpg"), b"one")
    assert list(source.items(item.position)) == []


def test_a_folder_that_cannot_be_listed_any_more_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "z.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = open_at(tmp_path)
    after = _position_of(source, "a/1.jpg")
    listed = os.listdir

    def fail(path: str) -> list[str]:
        if str(path).endswith("/a"):
            raise OSError("input/output error")
        return listed(path)

    monkeypatch.setattr(os, "listdir", fail)
    rest = {item.content_id: item.load() for item in source.items(after)}
    assert isinstance(rest[str(tmp_path / "a")], Failure)
    assert rest[str(tmp_path / "z.jpg")] == b"x"


def test_a_source_whose_positions_mean_other_images_is_another(tmp_path: Path) -> None:
    for name in ("all.csv", "all.tar", "all.zip"):
        (tmp_path / name).write_bytes(b"one")
        before = open_at(tmp_path / name).version
        (tmp_path / name).write_bytes(b"another")
        assert open_at(tmp_path / name).version != before
    assert open_at(tmp_path).version == ""


_MALFORMED = {
    "no column": ("all.csv", "content_id,path\na,b\n", "'address'"),
    "too few columns": ("all.csv", "address,content_id\nonly\n", "has 1 columns, not 2"),
    "an open quote": ("all.csv", 'address\na.jpg\n"b.jpg\n', "quote is not closed"),
    "no address": ("all.jsonl", '{"content_id": "a"}\n', "has no address"),
    "a number": ("all.jsonl", '{"address": 5}\n', "address has to be a text"),
    "no json": ("all.jsonl", '{"address": "a"}\n{"addr', "is not a JSON object"),
    "a list": ("all.jsonl", "[1]\n", "not a JSON object"),
    "no parquet": ("all.parquet", "PAR1", "not a file of Parquet"),
    "a column twice": ("all.csv", "address,address\na,b\n", "a column twice"),
    "a key twice": ("all.jsonl", '{"address": "a", "address": "b"}\n', "repeats a key"),
    "a fragment": ("all.jsonl", '{"address": "file:///a#b"}\n', "has to be a path"),
    "a query": ("all.jsonl", '{"address": "file:///a?b"}\n', "has to be a path"),
    "a host": ("all.jsonl", '{"address": "file://b/a"}\n', "has to be a path"),
    "a bracket": ("all.jsonl", '{"address": "file://[x"}\n', "has to be a path"),
    "a surrogate": ("all.jsonl", '{"address": "\\ud800"}\n', "cannot be stored"),
    "a zero": ("all.jsonl", '{"address": "a", "content_id": "\\u0000"}\n', "cannot be stored"),
    "depth": ("all.jsonl", "[" * 200_000, "is not a JSON object"),
    "latin-1": ("all.csv", b"address\n\xe4.jpg\n", "not CSV in UTF-8"),
}


@pytest.mark.parametrize(("name", "content", "problem"), _MALFORMED.values(), ids=_MALFORMED)
def test_a_malformed_manifest_is_an_error(
    tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BackfillError, match=problem):
        list(open_at(tmp_path / name).items())


def test_what_a_manifest_names_and_is_not_there_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(f"address\ngone.jpg\nfile://{tmp_path}/also%20gone.jpg\n")
    items = list(open_at(tmp_path / "all.csv").items())
    assert [item.content_id for item in items] == [
        str(tmp_path / "gone.jpg"),
        str(tmp_path / "also gone.jpg"),
    ]
    assert all(isinstance(item.load(), Failure) for item in items)


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: there is no such file or folder"):
        open_at(tmp_path / "gone")


def _position_of(source: Source, name: str) -> str:
    return next(one.position for one in source.items() if one.content_id.endswith(name))
