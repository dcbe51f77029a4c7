"""Archives as sources: everything in them that some program unpacks is read, or an error."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from hashmatch.errors import BackfillError
from hashmatch.outcome import Failure, Reason
from tests.engines.source_files import (
    NAMES,
    Mode,
    make_folder,
    make_tar,
    make_zip,
    open_at,
)


def test_links_in_an_archive_are_not_passed_over(tmp_path: Path) -> None:
    make_folder(tmp_path / "files")
    (tmp_path / "files" / "link.jpg").symlink_to("b.jpg")
    os.link(tmp_path / "files" / "a.jpg", tmp_path / "files" / "a2.jpg")
    with tarfile.open(tmp_path / "all.tar", "w") as file:
        file.add(tmp_path / "files", "in")
    loaded = [item.load() for item in open_at(tmp_path / "all.tar").items()]
    assert sum(isinstance(one, Failure) for one in loaded) == 2
    assert len(loaded) == len(NAMES) + 2


def test_two_files_of_one_name_in_an_archive_are_two(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar", "w") as file:
        for content in (b"first", b"second"):
            member = tarfile.TarInfo("same.jpg")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    items = [(item.version, item.load()) for item in open_at(tmp_path / "all.tar").items()]
    assert items == [("1", b"first"), ("2", b"second")]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".tbz2"])
def test_an_archive_that_ends_too_early_is_an_error(tmp_path: Path, suffix: str) -> None:
    modes: dict[str, Mode] = {
        ".tar": "w:", ".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tbz2": "w:bz2",
    }  # fmt: skip
    archive = make_tar(modes[suffix], suffix)(tmp_path)
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
            for item in open_at(archive).items():
                item.load()


def test_what_follows_the_end_of_an_archive_is_an_error(tmp_path: Path) -> None:
    """Two archives in one file: the second one would not be looked at."""
    archive = make_tar("w:", ".tar")(tmp_path)
    archive.write_bytes(archive.read_bytes() * 2)
    with pytest.raises(BackfillError, match="more after what looks like its end"):
        list(open_at(archive).items())


def test_a_damaged_header_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    archive = make_tar("w:", ".tar")(tmp_path)
    data = bytearray(archive.read_bytes())
    with tarfile.open(archive) as file:
        third = [member for member in file.getmembers() if member.isreg()][2]
    data[third.offset + 150] ^= 0xFF  # Its checksum.
    archive.write_bytes(data)
    with pytest.raises(BackfillError, match="after 2 files"):
        list(open_at(archive).items())


def test_what_cannot_be_read_in_a_zip_is_unreadable(tmp_path: Path) -> None:
    archive = make_zip(tmp_path)
    with zipfile.ZipFile(archive) as file:
        place = file.infolist()[0]
    data = bytearray(archive.read_bytes())
    start = place.header_offset + 30 + len(place.filename)
    data[start : start + place.compress_size] = bytes(place.compress_size)
    archive.write_bytes(data)
    loaded = [item.load() for item in open_at(archive).items()]
    assert isinstance(loaded[0], Failure)
    assert loaded[0].reason is Reason.UNREADABLE
    assert sum(isinstance(one, bytes) for one in loaded) == len(NAMES) - 1


@pytest.mark.parametrize("make", [make_tar("w:gz", ".tgz"), make_zip], ids=["tar", "zip"])
def test_a_bomb_in_an_archive_is_too_large(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "0.jpg").write_bytes(bytes(10_000_000))
    loaded = [item.load() for item in open_at(make(tmp_path)).items()]
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
    assert [item.load() for item in open_at(tmp_path / "all.tar").items()] == [b"data"] * len(kinds)


def test_a_folder_with_a_content_is_not_passed_over(tmp_path: Path) -> None:
    for kind in (tarfile.DIRTYPE, tarfile.FIFOTYPE):
        (tmp_path / "all.tar").write_bytes(_member(kind, "x", b"data") + _END)
        with pytest.raises(BackfillError, match="cannot be read after"):
            list(open_at(tmp_path / "all.tar").items())


@pytest.mark.parametrize("follows", [b"", bytes(2048), b"x" * 512], ids=["end", "zeros", "more"])
def test_a_header_that_is_none_is_not_taken_for_the_end(tmp_path: Path, follows: bytes) -> None:
    damaged = bytearray(_member(b"0", "b.jpg", b"data"))
    damaged[150] ^= 0xFF
    (tmp_path / "all.tar").write_bytes(_member(b"0", "a.jpg", b"data") + damaged + follows)
    with pytest.raises(BackfillError, match="after 1 files"):
        list(open_at(tmp_path / "all.tar").items())


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_name_without_end_is_an_error(tmp_path: Path, kind: bytes) -> None:
    with gzip.open(tmp_path / "all.tar.gz", "wb") as file:
        file.write(_member(kind, "././@LongLink", bytes(20_000_000)))
    with pytest.raises(BackfillError, match="too long"):
        list(open_at(tmp_path / "all.tar.gz").items())


def test_a_sparse_file_that_makes_no_sense_is_an_error(tmp_path: Path) -> None:
    for sparse in ("0,x", "0,99999999999"):
        with tarfile.open(tmp_path / "all.tar", "w", format=tarfile.PAX_FORMAT) as file:
            member = tarfile.TarInfo("a.jpg")
            member.pax_headers = {"GNU.sparse.map": sparse, "GNU.sparse.size": "10"}
            file.addfile(member, io.BytesIO())
        with pytest.raises(BackfillError, match="cannot be read after"):
            for item in open_at(tmp_path / "all.tar").items():
                assert isinstance(item.load(), bytes)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.xz", ".tbz2"])
def test_what_follows_compressed_data_is_an_error(tmp_path: Path, suffix: str) -> None:
    modes: dict[str, Mode] = {".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tbz2": "w:bz2"}
    archive = make_tar(modes[suffix], suffix)(tmp_path)
    whole = archive.read_bytes()
    for more in (b"junk", _member(b"0", "more.jpg", b"data"), whole):
        archive.write_bytes(whole + more)
        with pytest.raises(BackfillError, match="cannot be read after"):
            list(open_at(archive).items())


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
        list(open_at(tmp_path / "all.zip").items())


def test_a_file_in_a_zip_that_is_longer_than_its_directory_says_is_unreadable(
    tmp_path: Path,
) -> None:
    data = bytearray(_zipped("a.jpg"))
    at = data.index(b"PK\1\2")
    short = b"the content of "
    data[at + 16 : at + 20] = struct.pack("<L", zlib.crc32(short))
    data[at + 24 : at + 28] = struct.pack("<L", len(short))
    (tmp_path / "all.zip").write_bytes(data)
    (loaded,) = [item.load() for item in open_at(tmp_path / "all.zip").items()]
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
        loaded = [item.load() for item in open_at(tmp_path / "all.zip").items()]
        assert loaded == [b"a.jpg", b"b.jpg"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("a.jpg", b"a")
    assert isinstance(next(open_at(tmp_path / "all.zip").items()).load(), Failure)
