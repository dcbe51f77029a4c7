"""Folder of retained hashes: spools of processes, and files of Parquet by day and algorithm."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashmatch.errors import ConfigError, StoreError
from hashmatch.hashers import ALGORITHMS

from .rows import Row, read_lines

_ROWS_A_GROUP = 1 << 17
_SUFFIX = ".parquet"
# As long as rows of a day may still be in a spool.
_REMEMBER_REMOVED_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Part:
    """Retained hashes of one algorithm that were read together: `values` has shape (rows, bytes).

    `rows` returns the rows at some places of it.
    """

    algorithm: str
    values: NDArray[np.uint8]
    rows: Callable[[Sequence[int]], list[Row]]


@dataclass(frozen=True, slots=True)
class Summary:
    """Retained hashes by algorithm, without those in spools, which are counted by their bytes."""

    hashes: Counter[str]
    first_day: date | None
    last_day: date | None
    size_bytes: int
    spooled_bytes: int


class RetainedFolder:
    """The folder, as those who compare, settle and remove see it.

    Raises `StoreError` where it cannot be read or written.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Take the folder, which is made where there is none. Raises `ConfigError`."""
        try:
            import pyarrow as pyarrow
        except ImportError as error:
            raise ConfigError(
                "retained hashes need the package pyarrow", hint="pip install 'hashmatch[parquet]'"
            ) from error
        self.path = path
        self._clock = clock
        with _readable_errors(path):
            for one in (self.path, self.spools, self._removed):
                one.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def spools(self) -> Path:
        """Folder of the spools that processes write."""
        return self.path / "spools"

    @property
    def identity(self) -> str:
        """Name of the folder, which it has for good."""
        path = self.path / "identity"
        draft = path.with_suffix(f".{os.getpid()}")
        with _readable_errors(self.path):
            if not path.exists():
                draft.write_text(secrets.token_hex(16))
                with suppress(FileExistsError):  # Another process was first.
                    os.link(draft, path)
                draft.unlink()
            return path.read_text()

    @property
    def _removed(self) -> Path:
        return self.path / "removed"

    def settle(self, max_age_days: float) -> None:
        """Move what ended spools have into files, and remove what is older than so many days."""
        with _readable_errors(self.path), self._locked(fcntl.LOCK_EX):
            self._settle_spools()
            for path in self.path.glob("????-??-??/*"):
                if path.suffix != _SUFFIX:  # A draft of a process that was killed.
                    path.unlink()
            oldest = _day(self._clock() - max_age_days * 86_400)
            for day in self._days():
                if day.name < oldest:
                    for one in day.iterdir():
                        one.unlink()
                    day.rmdir()
            self._forget_removed()

    def _settle_spools(self) -> None:
        removed = self._read_removed()
        for path in self._spools():
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:  # A process is writing it.
                    continue
                self._write(row for row in read_lines(file.read()) if not _is_in(row, removed))
                path.unlink()

    def parts(self, algorithms: Collection[str]) -> Iterator[Part]:
        """Yield all that is retained of these algorithms, while nobody else removes anything."""
        import pyarrow.parquet as pq

        with _readable_errors(self.path), self._locked(fcntl.LOCK_SH):
            for path in self._files(algorithms):
                with pq.ParquetFile(path) as file:
                    for number in range(file.num_row_groups):
                        values = _values(file.read_row_group(number, columns=["value"])["value"])
                        rows = _reader_of(file, number, _algorithm_of(path))
                        yield Part(_algorithm_of(path), values, rows)
            yield from self._spooled(algorithms)

    def remove(self, content_ids: Collection[str]) -> int:
        """Remove all hashes of some uploads, and return how many were found.

        What processes are writing now is removed when they end their spools, and compared no more.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        names, removed = pa.array(sorted(set(content_ids)), pa.string()), 0
        with _readable_errors(self.path), self._locked(fcntl.LOCK_EX):
            wanted, gone = set(content_ids), self._read_removed()
            removed += sum(
                row.content_id in wanted and not _is_in(row, gone)
                for path in self._spools()
                for row in read_lines(path.read_bytes())
            )
            self._remember_removed(wanted)
            self._settle_spools()
            for path in self._files(ALGORITHMS):
                found = pq.read_table(path, columns=["content_id"])["content_id"]
                is_named = pc.is_in(found, value_set=names)
                if not (number := pc.sum(is_named).as_py()):
                    continue
                removed += number
                left = pq.read_table(path).filter(pc.invert(is_named))
                if left.num_rows:
                    write_table(path, left)
                else:
                    path.unlink()
        return removed

    def summary(self) -> Summary:
        """Return how much is retained."""
        import pyarrow.parquet as pq

        with _readable_errors(self.path):
            hashes, size = Counter[str](), 0
            for path in self._files(ALGORITHMS):
                hashes[_algorithm_of(path)] += pq.read_metadata(path).num_rows
                size += path.stat().st_size
            days = [date.fromisoformat(one.name) for one in self._days()]
            spooled = sum(one.stat().st_size for one in self._spools())
            return Summary(hashes, min(days, default=None), max(days, default=None), size, spooled)

    def _spooled(self, algorithms: Collection[str]) -> Iterator[Part]:
        removed = self._read_removed()
        for path in self._spools():
            by_algorithm = defaultdict[str, list[Row]](list)
            for row in read_lines(path.read_bytes()):
                if row.algorithm in algorithms and not _is_in(row, removed):
                    by_algorithm[row.algorithm].append(row)
            for algorithm, rows in by_algorithm.items():
                data = np.frombuffer(b"".join(one.value for one in rows), np.uint8)

                def chosen(places: Sequence[int], rows: list[Row] = rows) -> list[Row]:
                    return [rows[place] for place in places]

                yield Part(algorithm, data.reshape(len(rows), -1), chosen)

    def _write(self, rows: Iterator[Row]) -> None:
        """Write rows into new files, by day and algorithm."""
        import pyarrow as pa

        by_file = defaultdict[tuple[str, str], list[Row]](list)
        for row in rows:
            by_file[_day(row.at), row.algorithm].append(row)
        for (day, algorithm), some in by_file.items():
            folder = self.path / day
            folder.mkdir(mode=0o700, exist_ok=True)
            columns = dict(zip(Row._fields, zip(*some, strict=True), strict=True))
            del columns["algorithm"]
            table = pa.table(columns, schema_of(algorithm))
            write_table(folder / f"{algorithm}-{secrets.token_hex(12)}{_SUFFIX}", table)

    def _spools(self) -> list[Path]:
        return sorted(self.spools.glob("*.jsonl"))

    def _days(self) -> list[Path]:
        return sorted(one for one in self.path.glob("????-??-??") if one.is_dir())

    def _files(self, algorithms: Collection[str]) -> Iterator[Path]:
        for day in self._days():
            for path in sorted(day.glob(f"*{_SUFFIX}")):
                if _algorithm_of(path) in algorithms:
                    yield path

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the folder against those who would remove what others read."""
        with (self.path / "lock").open("a") as file:
            fcntl.flock(file, how)
            yield

    def _remember_removed(self, content_ids: Collection[str]) -> None:
        """Note what is removed, for spools that are still written, by digests."""
        digests = {_digest(one): int(self._clock()) for one in content_ids}
        path = self._removed / f"{time.time_ns()}.json"
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(digests))
        draft.rename(path)

    def _read_removed(self) -> dict[str, int]:
        removed: dict[str, int] = {}
        for path in sorted(self._removed.glob("*.json")):
            removed.update(json.loads(path.read_text()))
        return removed

    def _forget_removed(self) -> None:
        oldest_ns = min((int(one.name.partition("-")[0]) for one in self._spools()), default=None)
        for path in self._removed.glob("*.json"):
            removed_ns = int(path.stem)
            is_needed = oldest_ns is not None and oldest_ns <= removed_ns
            if not is_needed and time.time_ns() - removed_ns > _REMEMBER_REMOVED_S * 1e9:
                path.unlink()


def _is_in(row: Row, removed: dict[str, int]) -> bool:
    """Say whether an upload was removed after the row was retained, or in the same second."""
    return bool(removed) and row.at <= removed.get(_digest(row.content_id), -1)


def _digest(content_id: str) -> str:
    return hashlib.sha256(content_id.encode()).hexdigest()


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _algorithm_of(path: Path) -> str:
    return path.name.rpartition("-")[0]


def schema_of(algorithm: str) -> Any:
    """Return the columns of a file of Parquet with hashes of an algorithm."""
    import pyarrow as pa

    return pa.schema(
        [
            ("content_id", pa.string()), ("at", pa.int64()),
            ("value", pa.binary(ALGORITHMS[algorithm].bits // 8)), ("frame", pa.int32()),
            ("view", pa.dictionary(pa.int8(), pa.string())), ("rendering", pa.int32()),
            ("quality", pa.int16()),
        ]
    )  # fmt: skip


def write_table(path: Path, table: Any) -> None:
    """Write a file, which is complete or not there."""
    import pyarrow.parquet as pq

    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    # Hashes are as good as random, and content ids are not.
    pq.write_table(
        table, draft, row_group_size=_ROWS_A_GROUP, use_dictionary=["view"],
        compression={one: "none" if one == "value" else "zstd" for one in table.column_names},
    )  # fmt: skip
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.rename(path)


def _values(column: Any) -> NDArray[np.uint8]:
    """Return a column of values of one length as an array, of its own memory where it can be."""
    array = column.combine_chunks()
    size = array.type.byte_width
    data = np.frombuffer(array.buffers()[1], np.uint8)
    return data[array.offset * size : (array.offset + len(array)) * size].reshape(-1, size)


def _reader_of(file: Any, number: int, algorithm: str) -> Callable[[Sequence[int]], list[Row]]:
    def rows(places: Sequence[int]) -> list[Row]:
        table = file.read_row_group(number).take(list(places))
        return [Row(algorithm=algorithm, **one) for one in table.to_pylist()]

    return rows


@contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (OSError, ArrowException) as error:
        problem = getattr(error, "strerror", None) or type(error).__name__
        raise StoreError(f"{path}: the retained hashes cannot be used: {problem}") from error
