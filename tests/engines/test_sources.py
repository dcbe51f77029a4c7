"""Sources: every image once, in an order that can be taken up again after any of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow
import pyarrow.parquet
import pytest

from hashmatch.engines.sources import Source, Storage, open_source
from hashmatch.errors import BackfillError, InputError
from hashmatch.outcome import Failure, Reason

_MAX_BYTES = 1_000
_NAMES = ("a.jpg", "a/b.jpg", "a/c/d.jpg", "a-z.jpg", "b.jpg", "-first.jpg")


def _open(path: Path | str) -> Source:
    return open_source(str(path), Storage({}, _MAX_BYTES), _MAX_BYTES)


def _folder(path: Path) -> Path:
    for name in _NAMES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(name.encode())
    return path


_Mode: TypeAlias = Literal["w:", "w:gz", "w:bz2", "w:xz"]


def _tar(mode: _Mode, suffix: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        archive = path / f"all{suffix}"
        with tarfile.open(name=archive, mode=mode) as file:
            file.add(_folder(path / "files"), "in")
        return archive

    return make


def _zip(path: Path) -> Path:
    archive = path / "all.ZIP"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for one in sorted(_folder(path / "files").rglob("*")):
            file.write(one, f"in/{one.relative_to(path / 'files')}")
    return archive


def _rows(path: Path) -> list[dict[str, str]]:
    folder = _folder(path / "files")
    return [
        {
            "content_id": f'post "{number}",\nof two lines',
            "address": str(folder / name) if number % 2 else f"files/{name}",
            "version": f"v{number}",
        }
        for number, name in enumerate(_NAMES)
    ]


def _csv(path: Path) -> Path:
    with (path / "all.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ("other", "content_id", "address", "version"))
        writer.writeheader()
        writer.writerows({**row, "other": "x"} for row in _rows(path))
    return path / "all.csv"


def _json_lines(path: Path) -> Path:
    lines = [json.dumps(row) for row in _rows(path)]
    (path / "all.jsonl").write_text("\n\n".join(lines))
    return path / "all.jsonl"


def _parquet(path: Path) -> Path:
    table = pyarrow.Table.from_pylist(_rows(path))
    pyarrow.parquet.write_table(table, path / "all.parquet", row_group_size=2)
    return path / "all.parquet"


_SOURCES: dict[str, Callable[[Path], Path]] = {
    "folder": _folder,
    "tar": _tar("w:", ".tar"),
    "tar.gz": _tar("w:gz", ".tar.gz"),
    "tar.bz2": _tar("w:bz2", ".tbz2"),
    "tar.xz": _tar("w:xz", ".tar.xz"),
    "zip": _zip,
    "csv": _csv,
    "json lines": _json_lines,
    "parquet": _parquet,
}


@pytest.fixture(params=list(_SOURCES.values()), ids=list(_SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """One source of each kind."""
    return _open(request.param(tmp_path))


def test_every_image_is_there_once_and_is_loaded(source: Source) -> None:
    loaded = [item.load() for item in source.items()]
    assert sorted(loaded) == sorted(name.encode() for name in _NAMES)  # type: ignore[type-var]
    assert len({item.content_id for item in source.items()}) == len(_NAMES)


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
    source = _open(_folder(tmp_path))
    after = _position_of(source, f"{tmp_path.name}/b.jpg")
    for name in ("a/zz.jpg", "c.jpg", "b.jpg.more", "z/y.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"new")
    (tmp_path / "b.jpg").unlink()
    rest = [item.content_id for item in source.items(after)]
    assert rest == [str(tmp_path / name) for name in ("b.jpg.more", "c.jpg", "z/y.jpg")]


def test_a_file_that_became_a_folder_is_read(tmp_path: Path) -> None:
    source = _open(_folder(tmp_path))
    after = _position_of(source, f"{tmp_path.name}/b.jpg")
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "b.jpg").mkdir()
    (tmp_path / "b.jpg" / "-.jpg").write_bytes(b"new")
    assert [item.load() for item in source.items(after)] == [b"new"]


def test_names_that_are_not_utf_8_are_taken_up_again(tmp_path: Path) -> None:
    for name in (b"a\xff.jpg", b"a\xfe.jpg", b"b.jpg"):
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    source = _open(tmp_path)
    positions = [item.position for item in source.items()]
    assert all(one.isascii() for one in positions)
    for number, position in enumerate(positions, start=1):
        assert [item.position for item in source.items(position)] == positions[number:]


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(b"one")
    source = _open(tmp_path / "one.jpg")
    (item,) = source.items()
    assert (item.content_id, item.load()) == (str(tmp_path / "one.jpg"), b"one")
    assert list(source.items(item.position)) == []


def test_links_in_an_archive_are_not_passed_over(tmp_path: Path) -> None:
    _folder(tmp_path / "files")
    (tmp_path / "files" / "link.jpg").symlink_to("b.jpg")
    os.link(tmp_path / "files" / "a.jpg", tmp_path / "files" / "a2.jpg")
    with tarfile.open(tmp_path / "all.tar", "w") as file:
        file.add(tmp_path / "files", "in")
    loaded = [item.load() for item in _open(tmp_path / "all.tar").items()]
    assert sum(isinstance(one, Failure) for one in loaded) == 2
    assert len(loaded) == len(_NAMES) + 2


def test_two_files_of_one_name_in_an_archive_are_two(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar", "w") as file:
        for content in (b"first", b"second"):
            member = tarfile.TarInfo("same.jpg")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    items = [(item.version, item.load()) for item in _open(tmp_path / "all.tar").items()]
    assert items == [("1", b"first"), ("2", b"second")]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".tbz2"])
def test_an_archive_that_ends_too_early_is_an_error(tmp_path: Path, suffix: str) -> None:
    modes: dict[str, _Mode] = {
        ".tar": "w:", ".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tbz2": "w:bz2",
    }  # fmt: skip
    archive = _tar(modes[suffix], suffix)(tmp_path)
    whole = archive.read_bytes()
    with tarfile.open(archive) as file:
        ends = [member.offset_data + 512 for member in file.getmembers() if member.isreg()]
    if suffix == ".tar":
        cuts = [*ends, *(end - 100 for end in ends), ends[-1] + 100]
    else:
        cuts = [len(whole) // 2, len(whole) - 9]
    for cut in cuts:
        archive.write_bytes(whole[:cut])
        with pytest.raises(BackfillError, match="cannot be read after"):
            for item in _open(archive).items():
                item.load()


def test_what_follows_the_end_of_an_archive_is_an_error(tmp_path: Path) -> None:
    """Two archives in one file: the second one would not be looked at."""
    archive = _tar("w:", ".tar")(tmp_path)
    archive.write_bytes(archive.read_bytes() * 2)
    with pytest.raises(BackfillError, match="more after what looks like its end"):
        list(_open(archive).items())


def test_a_damaged_header_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    archive = _tar("w:", ".tar")(tmp_path)
    data = bytearray(archive.read_bytes())
    with tarfile.open(archive) as file:
        third = [member for member in file.getmembers() if member.isreg()][2]
    data[third.offset + 150] ^= 0xFF  # Its checksum.
    archive.write_bytes(data)
    with pytest.raises(BackfillError, match="after 2 files"):
        list(_open(archive).items())


def test_what_cannot_be_read_in_a_zip_is_unreadable(tmp_path: Path) -> None:
    archive = _zip(tmp_path)
    with zipfile.ZipFile(archive) as file:
        place = file.infolist()[0]
    data = bytearray(archive.read_bytes())
    start = place.header_offset + 30 + len(place.filename)
    data[start : start + place.compress_size] = bytes(place.compress_size)
    archive.write_bytes(data)
    loaded = [item.load() for item in _open(archive).items()]
    assert isinstance(loaded[0], Failure)
    assert loaded[0].reason is Reason.UNREADABLE
    assert sum(isinstance(one, bytes) for one in loaded) == len(_NAMES) - 1


@pytest.mark.parametrize("make", [_tar("w:gz", ".tgz"), _zip], ids=["tar", "zip"])
def test_a_bomb_in_an_archive_is_too_large(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "0.jpg").write_bytes(bytes(10_000_000))
    loaded = [item.load() for item in _open(make(tmp_path)).items()]
    (failure,) = [one for one in loaded if isinstance(one, Failure)]
    assert failure.reason is Reason.TOO_LARGE


def _member(kind: bytes, name: str, content: bytes) -> bytes:
    """Return one file of a tar archive, of any type."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, len(content)
    padded = content + bytes(-len(content) % 512)
    return member.tobuf(tarfile.GNU_FORMAT) + padded


_END = bytes(1024)


def test_what_tar_unpacks_as_a_file_is_one_whatever_its_type(tmp_path: Path) -> None:
    kinds = b"ZVMND7"
    content = b"".join(_member(bytes([one]), f"{one}.jpg", b"data") for one in kinds)
    (tmp_path / "all.tar").write_bytes(content + _END)
    assert [item.load() for item in _open(tmp_path / "all.tar").items()] == [b"data"] * len(kinds)


def test_a_folder_with_a_content_is_not_passed_over(tmp_path: Path) -> None:
    for kind in (tarfile.DIRTYPE, tarfile.FIFOTYPE):
        (tmp_path / "all.tar").write_bytes(_member(kind, "x", b"data") + _END)
        with pytest.raises(BackfillError, match="cannot be read after"):
            list(_open(tmp_path / "all.tar").items())


@pytest.mark.parametrize("follows", [b"", bytes(2048), b"x" * 512], ids=["end", "zeros", "more"])
def test_a_header_that_is_none_is_not_taken_for_the_end(tmp_path: Path, follows: bytes) -> None:
    damaged = bytearray(_member(b"0", "b.jpg", b"data"))
    damaged[150] ^= 0xFF
    (tmp_path / "all.tar").write_bytes(_member(b"0", "a.jpg", b"data") + damaged + follows)
    with pytest.raises(BackfillError, match="after 1 files"):
        list(_open(tmp_path / "all.tar").items())


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_name_without_end_is_an_error(tmp_path: Path, kind: bytes) -> None:
    with gzip.open(tmp_path / "all.tar.gz", "wb") as file:
        file.write(_member(kind, "././@LongLink", bytes(20_000_000)))
    with pytest.raises(BackfillError, match="too long"):
        list(_open(tmp_path / "all.tar.gz").items())


def test_a_sparse_file_that_makes_no_sense_is_an_error(tmp_path: Path) -> None:
    for sparse in ("0,x", "0,99999999999"):
        with tarfile.open(tmp_path / "all.tar", "w", format=tarfile.PAX_FORMAT) as file:
            member = tarfile.TarInfo("a.jpg")
            member.pax_headers = {"GNU.sparse.map": sparse, "GNU.sparse.size": "10"}
            file.addfile(member, io.BytesIO())
        with pytest.raises(BackfillError, match="cannot be read after"):
            for item in _open(tmp_path / "all.tar").items():
                assert isinstance(item.load(), bytes)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.xz", ".tbz2"])
def test_what_follows_compressed_data_is_an_error(tmp_path: Path, suffix: str) -> None:
    modes: dict[str, _Mode] = {".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tbz2": "w:bz2"}
    archive = _tar(modes[suffix], suffix)(tmp_path)
    whole = archive.read_bytes()
    for more in (b"junk", _member(b"0", "more.jpg", b"data"), whole):
        archive.write_bytes(whole + more)
        with pytest.raises(BackfillError, match="cannot be read after"):
            list(_open(archive).items())


def _zipped(*names: str, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name in names:
            file.writestr(name, b"the content of " + name.encode() * 20)
    return stream.getvalue()


def _odd_zips() -> dict[str, bytes]:
    one, two = _zipped("a.jpg"), _zipped("a.jpg", "b.jpg")
    directory = two.index(b"PK\1\2")
    second = two.index(b"PK\1\2", directory + 1)
    end = two.index(b"PK\5\6")
    hidden = bytearray(two[:directory] + two[second:])  # The first file is in no directory.
    at = hidden.index(b"PK\5\6")
    hidden[at + 8 : at + 16] = struct.pack("<2HL", 1, 1, end - second)
    counted = bytearray(two)
    counted[end + 8 : end + 12] = struct.pack("<2H", 7, 7)
    return {
        "two archives": one + _zipped("b.jpg"),
        "data before it": b"x" * 50 + one,
        "data after it": one + b"x" * 50,
        "a file that is in no directory": bytes(hidden),
        "another number": bytes(counted),
        "cut off": two[:-5],
    }


@pytest.mark.parametrize("data", list(_odd_zips().values()), ids=list(_odd_zips()))
def test_a_zip_with_more_than_its_directory_names_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "all.zip").write_bytes(data)
    with pytest.raises(BackfillError, match="cannot be read after 0 files"):
        list(_open(tmp_path / "all.zip").items())


def test_a_file_in_a_zip_that_is_longer_than_its_directory_says_is_unreadable(
    tmp_path: Path,
) -> None:
    data = bytearray(_zipped("a.jpg"))
    at = data.index(b"PK\1\2")
    short = b"the content of "
    data[at + 16 : at + 20] = struct.pack("<L", zlib.crc32(short))
    data[at + 24 : at + 28] = struct.pack("<L", len(short))
    (tmp_path / "all.zip").write_bytes(data)
    (loaded,) = [item.load() for item in _open(tmp_path / "all.zip").items()]
    assert isinstance(loaded, Failure)


def test_zips_of_all_kinds_of_writers_are_read(tmp_path: Path) -> None:
    class _Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        streamed = _Unseekable()
        with zipfile.ZipFile(streamed, "w", compression) as file:  # With data descriptors.
            for name in ("a.jpg", "b.jpg"):
                file.writestr(name, name)
            file.comment = b"a comment"
        (tmp_path / "all.zip").write_bytes(streamed.getvalue())
        loaded = [item.load() for item in _open(tmp_path / "all.zip").items()]
        assert loaded == [b"a.jpg", b"b.jpg"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("a.jpg", b"a")
    assert isinstance(next(_open(tmp_path / "all.zip").items()).load(), Failure)


def test_a_folder_that_cannot_be_listed_any_more_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "z.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = _open(tmp_path)
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
        before = _open(tmp_path / name).version
        (tmp_path / name).write_bytes(b"another")
        assert _open(tmp_path / name).version != before
    assert _open(tmp_path).version == ""


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
        list(_open(tmp_path / name).items())


def test_what_a_manifest_names_and_is_not_there_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(f"address\ngone.jpg\nfile://{tmp_path}/also%20gone.jpg\n")
    items = list(_open(tmp_path / "all.csv").items())
    assert [item.content_id for item in items] == [
        str(tmp_path / "gone.jpg"),
        str(tmp_path / "also gone.jpg"),
    ]
    assert all(isinstance(item.load(), Failure) for item in items)


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: there is no such file or folder"):
        _open(tmp_path / "gone")


def _position_of(source: Source, name: str) -> str:
    return next(one.position for one in source.items() if one.content_id.endswith(name))
