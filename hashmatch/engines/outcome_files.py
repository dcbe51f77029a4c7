"""Files of outcomes: what a back-fill found, image by image, where that is asked for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from hashmatch.errors import ConfigError, InputError
from hashmatch.outcome import Outcome
from hashmatch.wire import outcome_as_json


class OutcomeFiles:
    """Folder of files of outcomes, each of images that come after each other.

    A file is complete before its images are on record; one of a run that was killed in between is
    written again. It has no hash values but with `show_hashes`.
    """

    def __init__(self, folder: Path, file_format: str, *, show_hashes: bool) -> None:
        self._folder = folder
        self._format = file_format
        self._show_hashes = show_hashes

    def write(self, job: int, place: str, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes of a back-fill that follow a place in it. Raises `InputError`."""
        rows = [outcome_as_json(one, show_hashes=self._show_hashes) for one in outcomes]
        digest = hashlib.sha256(place.encode()).hexdigest()[:24]
        path = self._folder / f"backfill-{job}-{digest}.{self._format}"
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            draft.touch(mode=0o600)
            _WRITERS[self._format](draft, rows)
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            draft.rename(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def open_outcome_files(folder: Path, file_format: str, *, show_hashes: bool) -> OutcomeFiles:
    """Return the folder for files of outcomes, which is made where there is none.

    Raises `InputError`, and `ConfigError` where a package is missing.
    """
    if file_format == "parquet":
        try:
            import pyarrow as pyarrow
        except ImportError as error:
            raise ConfigError(
                "outcomes in Parquet need the package pyarrow",
                hint="pip install 'hashmatch[parquet]'",
            ) from error
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    return OutcomeFiles(folder, file_format, show_hashes=show_hashes)


class _Write(Protocol):
    def __call__(self, path: Path, rows: Sequence[dict[str, Any]]) -> None: ...


def _write_json_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    match = pa.struct(
        [
            ("match_id", pa.string()), ("nearness", pa.string()), ("list", pa.string()),
            ("generation", pa.int64()), ("entry_id", pa.string()), ("algorithm", pa.string()),
            ("distance_bits", pa.int64()), ("threshold_bits", pa.int64()),
            ("orientation", pa.string()), ("frame", pa.int64()), ("view", pa.string()),
            ("category", pa.string()),
        ]
    )  # fmt: skip
    found = pa.struct(
        [
            ("algorithm", pa.string()), ("version", pa.string()), ("value", pa.string()),
            ("quality", pa.int64()), ("frame", pa.int64()),
        ]
    )  # fmt: skip
    schema = pa.schema(
        [
            ("content_id", pa.string()), ("outcome", pa.string()), ("reason", pa.string()),
            ("detail", pa.string()), ("action", pa.string()), ("declared", pa.string()),
            ("matches", pa.list_(match)), ("hashes", pa.list_(found)),
        ]
    )  # fmt: skip
    declared = [{**row, "declared": (row["provenance"] or {}).get("declared")} for row in rows]
    write_table(pa.Table.from_pylist(declared, schema), path)


_WRITERS: dict[str, _Write] = {"jsonl": _write_json_lines, "parquet": _write_parquet}
