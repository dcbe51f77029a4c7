"""Results on disk: JSON Lines that grow by one picture at a time, without hash values."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from hashmatch.errors import InputError

Header = dict[str, Any]
Record = dict[str, Any]


class Results:
    """Results of one measurement, in a file or in memory alone."""

    def __init__(self, file: BinaryIO | None, records: dict[str, Record]) -> None:
        self._file = file
        self.records = records

    def add(self, name: str, record: Record) -> None:
        """Append the result of a picture, which is on disk afterwards."""
        self.records[name] = record
        if self._file is not None:
            self._file.write(_line({"picture": name, **record}))
            self._file.flush()


@contextmanager
def open_results(path: Path | None, header: Header) -> Iterator[Results]:
    """Open the results of a measurement with that header, which are continued if they are there.

    A last line that was cut off is removed. Raises `InputError` where the file is of another
    measurement, is being written by another process, or cannot be written.
    """
    if path is None:
        yield Results(None, {})
        return
    with _opened(path) as file:
        _lock(path, file)
        content = file.read()
        complete = content[: content.rfind(b"\n") + 1]
        lines = [_parsed(path, number, one) for number, one in _numbered(complete)]
        file.seek(len(complete))
        file.truncate()
        if not lines:
            file.write(_line(header))
            file.flush()
        else:
            _require_same(path, header, lines[0])
        yield Results(file, {one.pop("picture"): one for one in lines[1:]})


def read_results(path: Path, kind: str) -> tuple[Header, dict[str, Record]]:
    """Return the header and the results of a file. Raises `InputError` where it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_results(path, content, kind)


def parse_results(path: Path, content: bytes, *kinds: str) -> tuple[Header, dict[str, Record]]:
    """Return header and results of the bytes of a file. Raises `InputError` where it is none."""
    lines = [_parsed(path, number, one) for number, one in _numbered(content)]
    if not lines or lines[0].get("kind") not in kinds:
        raise InputError(
            f"{path}: not a file of results of evaluate {' or '.join(kinds)}",
            hint=f"Make one with: hashmatch evaluate {kinds[0]} FOLDER --results FILE",
        )
    return lines[0], {one.pop("picture"): one for one in lines[1:]}


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        # The names of pictures are in it, and so it is for its owner alone.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "r+b") as file:
        yield file


def _lock(path: Path, file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{path}: another process is writing these results",
            hint="Wait for it, or give another --results file.",
        ) from error


def _numbered(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, one) for number, one in enumerate(content.split(b"\n"), 1) if one.strip())


def _parsed(path: Path, number: int, line: bytes) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or (number > 1 and "picture" not in record):
        raise InputError(
            f"{path}, line {number}: not a line of results", hint="Give another --results file."
        )
    return record


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _require_same(path: Path, wanted: Header, found: Header) -> None:
    # As JSON gives it back: tuples are lists there.
    wanted = json.loads(_line(wanted))
    for key, value in wanted.items():
        if found.get(key) != value:
            raise InputError(
                f"{path}: these results are of {key.replace('_', ' ')} {_shown(found.get(key))},"
                f" not {_shown(value)}",
                hint="Give the same options, or another --results file.",
            )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        value = [f"{name} {one}" for name, one in value.items()]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
