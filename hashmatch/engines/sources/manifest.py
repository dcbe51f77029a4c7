"""Source for a manifest: a file that names images by address, with their content ids."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from hashmatch.errors import BackfillError, ConfigError, InputError
from hashmatch.imaging import path_as_text, read_file
from hashmatch.outcome import Failure
from hashmatch.store.schema import require_text

from ..json_objects import read_object
from .interface import Item, Source
from .storage import Storage

_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
_COLUMNS = ("address", "content_id", "version")
_ROWS_AT_ONCE = 10_000
_MAX_RECORD_BYTES = 1 << 20


def is_manifest(name: str) -> bool:
    """Say whether a file is a manifest by its name."""
    return name.lower().endswith(_SUFFIXES)


class ManifestSource(Source):
    """The images of a manifest, in its order.

    Columns: `address`, a path or that of an object; `content_id`, by default the address; and
    `version`, anything that changes with the content. Paths are relative to the manifest.
    """

    def __init__(self, name: str, open_file: Callable[[], IO[bytes]], version: Callable[[], str],
                 storage: Storage, max_bytes: int, folder: Path | None) -> None:  # fmt: skip
        self._name = name
        self._open_file = open_file
        self._version = version
        self._storage = storage
        self._max_bytes = max_bytes
        self._folder = folder

    @property
    def name(self) -> str:
        """Address of the manifest."""
        return self._name

    @property
    def version(self) -> str:
        """Size and time of change of the manifest."""
        return self._version()

    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the images that the rows name. Raises `BackfillError` for a malformed row."""
        suffix = self._name.lower().rpartition(".")[2]
        read = {"csv": _read_csv, "parquet": _read_parquet}.get(suffix, _read_json_lines)
        try:
            with self._open_file() as stream:
                for row, place in read(stream, self.order(position)):
                    yield self._item(row, str(place))
        except OSError as error:
            problem = error.strerror or type(error).__name__
            raise BackfillError(f"{self._name}: cannot be read: {problem}") from error
        except _RowError as error:
            raise BackfillError(
                f"{self._name}: {error}",
                hint="Mend the row; what was screened before stays on record.",
            ) from error

    def order(self, position: str) -> Any:
        """Return the place in the file: bytes, or rows of Parquet."""
        return int(position or 0)

    def _item(self, row: Mapping[str, Any], position: str) -> Item:
        values = {name: row.get(name) for name in _COLUMNS}
        for name, value in values.items():
            if not (value is None or isinstance(value, str)):
                raise _RowError(f"up to {position}: {name} has to be a text")
            try:
                require_text(value)
            except InputError as error:
                problem = f"up to {position}: {name} cannot be stored: {error.message}"
                raise _RowError(problem) from error
        if not (address := values["address"]):
            raise _RowError(f"up to {position}: a row has no address")
        reference, load = self._loader(address, position)
        content_id = values["content_id"] or reference
        return Item(content_id, reference, values["version"] or "", position, load)

    def _loader(self, address: str, position: str) -> tuple[str, Callable[[], bytes | Failure]]:
        if "://" in address and not address.startswith("file://"):
            return address, partial(self._storage.load, address)
        path = Path(_path_of(address, position) if "://" in address else address)
        if self._folder is None and not path.is_absolute():
            raise _RowError(f"up to {position}: {address} is a relative path, in object storage")
        path = path if self._folder is None else self._folder / path
        return path_as_text(path), partial(read_file, path, self._max_bytes)


class _RowError(Exception):
    """A row of a manifest that is malformed."""


def _path_of(address: str, position: str) -> str:
    """Return the path of an address that begins with file://, which has nothing but a path."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = None
    if parts is None or parts.netloc or "?" in address or "#" in address:
        raise _RowError(f"up to {position}: an address with file:// has to be a path, and no more")
    return unquote(parts.path)


def _read_json_lines(stream: IO[bytes], begin: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    stream.seek(begin)
    place = begin
    while line := stream.readline(_MAX_RECORD_BYTES + 1):
        place += len(line)
        if len(line) > _MAX_RECORD_BYTES:
            raise _RowError(f"a line up to byte {place} is too long")
        if not line.strip():
            continue
        try:
            row = read_object(line)
        except ValueError as error:
            problem = f"a line up to byte {place} is not a JSON object, or repeats a key"
            raise _RowError(problem) from error
        yield row, place


def _read_csv(stream: IO[bytes], begin: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    records = _csv_records(stream)
    header, place = next(records, ([], 0))
    names = [one.strip().removeprefix("\ufeff") for one in header]
    if "address" not in names:
        raise _RowError("its first line has to name the columns, and one has to be 'address'")
    if len(set(names)) < len(names):
        raise _RowError("its first line names a column twice")
    if begin > place:
        stream.seek(begin)
        records = _csv_records(stream, begin)
    for values, after in records:
        if values and len(values) != len(names):
            raise _RowError(f"a row up to byte {after} has {len(values)} columns, not {len(names)}")
        if values:
            yield dict(zip(names, values, strict=True)), after


def _csv_records(stream: IO[bytes], place: int = 0) -> Iterator[tuple[list[str], int]]:
    """Yield each record, which may go on over several lines, and the place after it."""
    record = b""
    while line := stream.readline(_MAX_RECORD_BYTES + 1):
        record += line
        place += len(line)
        if len(record) > _MAX_RECORD_BYTES:
            raise _RowError(f"a row up to byte {place} is too long")
        if record.count(b'"') % 2:
            continue
        yield _parsed(record, place), place
        record = b""
    if record:
        raise _RowError(f"a quote is not closed up to byte {place}")


def _parsed(record: bytes, place: int) -> list[str]:
    try:
        return next(csv.reader([record.decode("utf-8")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise _RowError(f"a row up to byte {place} is not CSV in UTF-8") from error


def _read_parquet(stream: IO[bytes], begin: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ConfigError(
            "manifests in Parquet need the package pyarrow",
            hint="pip install 'hashmatch[parquet]'",
        ) from error
    try:
        file = ParquetFile(stream)
        names = [one for one in _COLUMNS if one in file.schema_arrow.names]
        if "address" not in names:
            raise _RowError("it has no column 'address'")
        place = 0
        for number in range(file.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            if place + rows <= begin:
                place += rows
                continue
            for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[number], columns=names):
                for row in batch.to_pylist():
                    place += 1
                    if place > begin:
                        yield row, place
    except ArrowException as error:
        raise _RowError("it is not a file of Parquet, or damaged") from error
