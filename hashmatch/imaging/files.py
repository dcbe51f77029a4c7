"""Image files on their way in: found under a path, read whole into memory or refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hashmatch.outcome import Failure, Reason

from .limits import too_large


def find_files(path: Path) -> Iterator[Path]:
    """Yield all files under a folder, in order; a path that is no folder is yielded as it is.

    Links to folders are not followed. Such a link, and a folder that cannot be listed, is yielded
    itself, so that it is not passed over in silence.
    """
    waiting = [path]
    while waiting:
        current = waiting.pop()
        children = _list_folder(current, follow_link=current is path)
        if children is None:
            yield current
        else:
            waiting.extend(current / name for name in reversed(children))


def _list_folder(path: Path, *, follow_link: bool) -> list[str] | None:
    """Return the names in a folder, in order, or None where there are none to be had."""
    # os.path calls what it may not look at no folder and no link; reading it then says why.
    if not os.path.isdir(path) or (os.path.islink(path) and not follow_link):  # noqa: PTH112, PTH114
        return None
    try:
        return sorted(os.listdir(path))  # noqa: PTH208
    except OSError:
        return None


def path_as_text(path: Path) -> str:
    """Return a path as text that can be stored and sent; what is not Unicode in it is escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def read_file(path: Path, max_bytes: int) -> bytes | Failure:
    """Return the bytes of a regular file, or why it was refused."""
    try:
        # Opening a pipe would wait for its other end; this way it is opened and then refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_descriptor(descriptor, max_bytes)
        finally:
            os.close(descriptor)
    except OSError as error:
        return Failure(Reason.UNREADABLE, (error.strerror or "cannot be read").lower())
    except ValueError:
        return Failure(Reason.UNREADABLE, "the path holds a character that no path can hold")


def _read_descriptor(descriptor: int, max_bytes: int) -> bytes | Failure:
    facts = os.fstat(descriptor)
    if stat.S_ISDIR(facts.st_mode):
        return Failure(Reason.UNREADABLE, "this is a folder (scan --recursive looks into folders)")
    if not stat.S_ISREG(facts.st_mode):
        return Failure(Reason.UNREADABLE, "not a regular file")
    if facts.st_size > max_bytes:
        return too_large(max_bytes)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(facts.st_size + 1)
    if len(data) != facts.st_size:
        return Failure(Reason.UNREADABLE, "the file changed while it was read")
    return data
