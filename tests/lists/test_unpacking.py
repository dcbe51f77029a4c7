"""Packed deliveries: read as the file in them, or refused whole, and never as a part of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from hashmatch.errors import ListFileError, SourceError
from hashmatch.lists import (
    FileSource,
    HTTPSSource,
    ListSource,
    ObjectStorageSource,
    find_format,
    sync_list,
    unpacked,
)
from hashmatch.store.engine import Database
from tests.command_line import CommandLine
from tests.lists.loopback import serving
from tests.lists.sources import active_numbers
from tests.lists.web_server import Served

_ROWS = [b"md5,%032x,e%d\n" % (number * 0x9E3779B97F4A7C15F39CC060, number) for number in range(40)]
LIST = b"algorithm,value,entry_id\n" + b"".join(_ROWS)


def _zip(
    *files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, is_streamed: bool = False
) -> bytes:
    target = _Unseekable() if is_streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return target.getvalue()


class _Unseekable(io.BytesIO):
    """A target that cannot be written at an earlier place, so that sizes come after the data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    tell = seek


class _Pipe(io.RawIOBase):
    """A stream that is read once, and gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece, self._rest = self._rest[: min(7, len(buffer))], self._rest[min(7, len(buffer)) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _read(content: bytes, name: str) -> tuple[str, bytes]:
    """Return the name and content of the list file in a delivery, from a file and from a pipe."""
    with unpacked(io.BytesIO(content), name) as file:
        read = file.name, file.stream.read()
    with unpacked(_Pipe(content), name) as file:
        assert (file.name, file.stream.read()) == read
    return read


_MACOS = (("__MACOSX/a/._list.csv", b"fork"), ("a/._list.csv", b"fork"), ("a/.DS_Store", b"x"))
PACKED = {
    "gzip": ("list.csv.gz", gzip.compress(LIST), "list.csv"),
    "gzip by content alone": ("list.csv", gzip.compress(LIST), "list.csv"),
    "gzip in parts": ("L.CSV.GZ", gzip.compress(LIST[:90]) + gzip.compress(LIST[90:]), "L.CSV"),
    "gzip with zeros after it": ("list.csv.gz", gzip.compress(LIST) + bytes(99), "list.csv"),
    "zip": ("x.zip", _zip(("list.csv", LIST)), "x.zip/list.csv"),
    "zip in a folder": ("x.zip", _zip(("a/", b""), ("a/list.csv", LIST)), "x.zip/a/list.csv"),
    "zip of a Mac": ("x.zip", _zip(("a/list.csv", LIST), *_MACOS), "x.zip/a/list.csv"),
    "zip not compressed": (
        "x.zip",
        _zip(("list.csv", LIST), method=zipfile.ZIP_STORED),
        "x.zip/list.csv",
    ),
    "zip of a stream": ("x.zip", _zip(("list.csv", LIST), is_streamed=True), "x.zip/list.csv"),
    "zip with a comment": ("x", _zip(("list.csv", LIST))[:-2] + b"\x05\0hello", "x/list.csv"),
    "nothing": ("list.csv", LIST, "list.csv"),
    "an empty file": ("list.csv", b"", "list.csv"),
}


@pytest.mark.parametrize(("name", "content", "inner"), PACKED.values(), ids=PACKED)
def test_a_packed_file_is_read_as_what_was_packed(name: str, content: bytes, inner: str) -> None:
    assert _read(content, name) == (inner, LIST if content else b"")


def _encrypted() -> bytes:
    """An archive whose file says that it is encrypted, in both of its headers."""
    archive = bytearray(_zip(("list.csv", LIST)))
    for place in (6, archive.index(b"PK\x01\x02") + 8):
        archive[place] |= 1
    return bytes(archive)


def _tar() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("list.csv")
        info.size = len(LIST)
        archive.addfile(info, io.BytesIO(LIST))
    return target.getvalue()


_WORKBOOK = _zip(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))
_TWICE = _zip(("list.csv", LIST))
REFUSED = {
    "two files": (_zip(("a.csv", LIST), ("b.csv", LIST)), "holds 2 files"),
    "a workbook": (_WORKBOOK, "holds 2 files"),
    "no file": (_zip(("a/", b"")), "holds no file"),
    "nothing": (_zip(), "holds no file"),
    "a folder with content": (_zip(("a/", b"x"), ("list.csv", LIST)), "holds 2 files"),
    "a file without a name": (
        _zip(("~", LIST), ("list.csv", LIST), method=zipfile.ZIP_STORED).replace(b"~", b"\0"),
        "holds 2 files",
    ),
    "an encrypted file": (_encrypted(), "is encrypted"),
    "zip in zip": (_zip(("x.zip", _TWICE)), "packed again, by zip"),
    "gzip in zip": (_zip(("list.csv", gzip.compress(LIST))), "packed again, by gzip"),
    "zip in gzip": (gzip.compress(_TWICE), "packed again, by zip"),
    "gzip in gzip": (gzip.compress(gzip.compress(LIST)), "packed again, by gzip"),
    "tar in gzip": (gzip.compress(_tar()), "packed again, by tar"),
    "tar": (_tar(), "packed by tar are not read"),
    "xz": (lzma.compress(LIST), "packed by xz are not read"),
    "bzip2": (bz2.compress(LIST), "packed by bzip2 are not read"),
    "zip by bzip2": (_zip(("list.csv", LIST), method=zipfile.ZIP_BZIP2), "another method"),
    "zip by LZMA": (_zip(("list.csv", LIST), method=zipfile.ZIP_LZMA), "another method"),
    "junk after gzip": (gzip.compress(LIST) + b"junk", "truncated or damaged"),
    "no zip": (LIST, "named as a zip file"),
    "nothing at all": (b"", "named as a zip file"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_hold_one_list_file_is_refused_by_name(content: bytes, words: str) -> None:
    with pytest.raises(ListFileError, match=rf"x\.zip: .*{words}") as caught:
        _read(content, "x.zip")
    assert caught.value.hint


@pytest.mark.parametrize("packed", ["gzip", "zip", "zip of a stream", "zip not compressed"])
def test_a_truncated_archive_is_refused_wherever_it_ends(packed: str) -> None:
    name, content, _ = PACKED[packed]
    for length in range(8, len(content)):
        with pytest.raises(ListFileError, match="truncated or damaged"):
            _read(content[:length], name)


@pytest.mark.parametrize("packed", ["gzip", "zip", "zip of a stream", "zip not compressed"])
def test_a_damaged_archive_is_never_read_as_something_else(packed: str) -> None:
    """Some bytes, such as those of its time, do not matter."""
    name, content, _ = PACKED[packed]
    dice = random.Random(1)
    for place in range(4, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << dice.randrange(8)
        try:
            _, read = _read(bytes(damaged), name)
        except ListFileError:
            continue
        assert read == LIST


def _gzip_bomb() -> bytes:
    return gzip.compress(b"\n" * (1 << 20)) * 1_000


def _zip_bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("list.csv", "w") as file:
            for _ in range(100):
                file.write(b"\n" * (1 << 20))
    return target.getvalue()


def _archive_of_many_files() -> bytes:
    return _zip(*((f"{number}.csv", b"") for number in range(30_000)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_gzip_bomb, "more than 200 times as large"),
        (_zip_bomb, "more than 200 times as large"),
        (_archive_of_many_files, "thousands of files"),
    ],
)
def test_an_archive_that_would_cost_much_is_refused_in_little_memory(
    make: Callable[[], bytes], words: str
) -> None:
    content = make()
    tracemalloc.start()
    try:
        with pytest.raises(ListFileError, match=words):
            with unpacked(io.BytesIO(content), "x") as file:
                while file.stream.read(1 << 16):
                    pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3_000_000


def test_a_large_list_is_no_bomb() -> None:
    """Records full of equal text, each with one hash of its own."""
    dice = random.Random(1)
    record = '{"value": "%032x", "note": "' + "the same note " * 100 + '"}\n'
    rows = "".join(record % dice.getrandbits(128) for _ in range(15_000)).encode()
    assert len(rows) > 20_000_000
    with unpacked(io.BytesIO(gzip.compress(rows)), "x.jsonl.gz") as file:
        assert file.stream.read() == rows


@contextmanager
def _file_source(folder: Path, name: str, content: bytes) -> Iterator[ListSource]:
    (folder / name).write_bytes(content)
    yield FileSource(folder, find_format)


@contextmanager
def _web_source(_: Path, name: str, content: bytes) -> Iterator[ListSource]:
    with serving(Served(content=content), f"/{name}") as served:
        yield HTTPSSource(served.url, find_format, timeout_s=5.0, wait_s=0.001)


@contextmanager
def _object_source(folder: Path, name: str, content: bytes) -> Iterator[ListSource]:
    (folder / name).write_bytes(content)
    yield ObjectStorageSource(f"file://{folder}/{name}", {}, find_format)


_Opened: TypeAlias = Callable[[Path, str, bytes], AbstractContextManager[ListSource]]
SOURCES: dict[str, _Opened] = {"file": _file_source, "web": _web_source, "object": _object_source}
by_source = pytest.mark.parametrize("opened", SOURCES.values(), ids=SOURCES)


@by_source
@pytest.mark.parametrize("packed", ["gzip", "zip", "zip of a Mac"])
def test_sources_bring_packed_files(
    database: Database, tmp_path: Path, opened: _Opened, packed: str
) -> None:
    name, content, _ = PACKED[packed]
    with opened(tmp_path, name, content) as source:
        assert sync_list(database, "one", source).counts.added == len(_ROWS)
        assert sync_list(database, "one", source).outcome == "unchanged"


@by_source
@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_a_damaged_delivery_of_a_source_changes_nothing(
    database: Database, tmp_path: Path, opened: _Opened, packed: str
) -> None:
    name, content, _ = PACKED[packed]
    with opened(tmp_path, name, content) as source:
        sync_list(database, "one", source)
    before = active_numbers(database)
    # All rows but the last come before the damage.
    shorter = _zip(("list.csv", LIST[:-9])) if packed == "zip" else gzip.compress(LIST[:-9])
    for damaged in (shorter[:-1], shorter[:-4] + b"junk", content[: len(content) // 2]):
        with opened(tmp_path, name, damaged) as source:
            with pytest.raises(ListFileError, match="truncated or damaged"):
                sync_list(database, "one", source)
        assert active_numbers(database) == before


@pytest.mark.parametrize("packed", ["gzip", "gzip with zeros after it", "zip"])
def test_the_digest_of_a_packed_delivery_is_verified(database: Database, packed: str) -> None:
    name, content, _ = PACKED[packed]
    with serving(Served(content=content), f"/{name}") as served:
        served.headers = {"Repr-Digest": "sha-256=:AAAA:"}
        source = HTTPSSource(served.url, find_format, timeout_s=5.0, wait_s=0.001)
        with pytest.raises(SourceError, match="does not match the header"):
            sync_list(database, "one", source)
    assert active_numbers(database) == []


@pytest.mark.parametrize("packed", ["gzip", "zip"])
def test_a_packed_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, packed: str
) -> None:
    name, content, _ = PACKED[packed]
    (tmp_path / name).write_bytes(content)
    with closing(FileSource(tmp_path, find_format).fetch({}, is_empty=True)) as fetches:
        rows = iter(next(fetches).delivery.items)
        next(rows)
        os.utime(tmp_path / name, (1, 1))
        with pytest.raises(SourceError, match="changed while it was read"):
            list(rows)


def test_packed_files_are_imported(command_line: CommandLine) -> None:
    named = [PACKED[one][:2] for one in ("gzip", "gzip by content alone", "zip", "zip of a Mac")]
    for number, (name, content) in enumerate(named):
        file = command_line.write(name, content)
        result = command_line.run("lists", "import", f"list{number}", file)
        assert result.exit_code == 0, result.output
    piped = ("lists", "import", "piped", "-", "--format", "csv")
    assert command_line.run(*piped, stdin=PACKED["zip"][1]).exit_code == 0
    counts = [row["entries"] for row in command_line.json("lists", "status")]
    assert counts == [{"md5": len(_ROWS)}] * 5


def test_an_import_that_cannot_be_unpacked_says_why_and_changes_nothing(
    command_line: CommandLine,
) -> None:
    assert (
        command_line.run("lists", "import", "one", command_line.write("a.csv", LIST)).exit_code == 0
    )
    for name, content in (
        ("b.csv.gz", gzip.compress(LIST[: len(LIST) // 2])[:-1]),
        ("b.zip", REFUSED["two files"][0]),
        ("b.csv", gzip.compress(LIST)[:99]),
        ("b.zip", _zip(("list\x1b[31m.xls", LIST))),
    ):
        result = command_line.run("lists", "import", "one", command_line.write(name, content))
        assert (result.exit_code, name in result.stderr) == (2, True)
        assert "Traceback" not in result.stderr
        assert "\x1b" not in result.stderr
    (row,) = command_line.json("lists", "status")
    assert (row["entries"], row["generation"]) == ({"md5": len(_ROWS)}, 1)
