"""Sources of images in every shape that a back-fill reads, each with the same files."""

from __future__ import annotations

import csv
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow
import pyarrow.parquet

from hashmatch.engines.sources import Source, Storage, open_source

MAX_BYTES = 1_000
NAMES = ("a.jpg", "a/b.jpg", "a/c/d.jpg", "a-z.jpg", "b.jpg", "-first.jpg")


def open_at(path: Path | str) -> Source:
    """Return the source at an address, with a small limit on bytes."""
    return open_source(str(path), Storage({}, MAX_BYTES), MAX_BYTES)


def make_folder(path: Path) -> Path:
    """Make a folder of the files, whose contents are their names."""
    for name in NAMES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(name.encode())
    return path


Mode: TypeAlias = Literal["w:", "w:gz", "w:bz2", "w:xz"]


def make_tar(mode: Mode, suffix: str) -> Callable[[Path], Path]:
    """Return what makes a tar archive of them."""

    def make(path: Path) -> Path:
        archive = path / f"all{suffix}"
        with tarfile.open(name=archive, mode=mode) as file:
            file.add(make_folder(path / "files"), "in")
        return archive

    return make


def make_zip(path: Path) -> Path:
    """Make a zip archive of them."""
    archive = path / "all.ZIP"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for one in sorted(make_folder(path / "files").rglob("*")):
            file.write(one, f"in/{one.relative_to(path / 'files')}")
    return archive


def _rows(path: Path) -> list[dict[str, str]]:
    folder = make_folder(path / "files")
    return [
        {
            "content_id": f'post "{number}",\nof two lines',
            "address": str(folder / name) if number % 2 else f"files/{name}",
            "version": f"v{number}",
        }
        for number, name in enumerate(NAMES)
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


SOURCES: dict[str, Callable[[Path], Path]] = {
    "folder": make_folder,
    "tar": make_tar("w:", ".tar"),
    "tar.gz": make_tar("w:gz", ".tar.gz"),
    "tar.bz2": make_tar("w:bz2", ".tbz2"),
    "tar.xz": make_tar("w:xz", ".tar.xz"),
    "zip": make_zip,
    "csv": _csv,
    "json lines": _json_lines,
    "parquet": _parquet,
}
