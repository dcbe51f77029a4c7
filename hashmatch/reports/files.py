"""Private files and folders, which are complete or absent."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from hashmatch.errors import InputError


@contextmanager
def private_file(path: Path, *, is_binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file that only its owner can read, and that gets its name only when it is complete.

    A link is followed; a device or pipe is written directly. Raises `InputError` where the file
    cannot be written.
    """
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    options: dict[str, Any] = (
        {"mode": "wb"} if is_binary else {"mode": "w", "encoding": "utf-8", "newline": ""}
    )
    try:
        # A device or pipe, such as /dev/stdout, must not be replaced by a file.
        if target.exists() and not target.is_file():
            with target.open(**options) as stream:
                yield stream
            return
        # Exclusive, so that a link that somebody put there is never followed.
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, **options) as stream:
                yield stream
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def private_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write files into, which takes its name only when it is complete.

    Where there is a folder of that name, the files are moved into it at the end, in place of those
    of the same names. Raises `InputError` where it cannot be written.
    """
    target = Path(os.path.realpath(path))
    # The first part of the path that is not there yet appears by one renaming, with all below it.
    missing = [one for one in (target, *target.parents) if not one.exists()]
    place = missing[-1].parent if missing else target
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=place))
        try:
            folder = unfinished / target.relative_to(missing[-1]) if missing else unfinished
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield folder
            if missing:
                unfinished.replace(missing[-1])
            else:
                _move_files(unfinished, target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def _move_files(source: Path, target: Path) -> None:
    """Move all files of a folder into another, or none where a folder has the name of one."""
    files = list(source.iterdir())
    for one in files:
        if (target / one.name).is_dir():
            raise InputError(f"{target / one.name}: cannot be written: is a folder")
    for one in files:
        one.replace(target / one.name)
