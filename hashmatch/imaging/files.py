"""Image files: found under a path, and read completely into memory or refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote_from_bytes

from hashmatch.outcome import Failure, Reason

from .limits import too_large

# Of names that are no text.
_BYTES = "bytes:"


def find_files(path: Path, *, after: Sequence[str] | None = None) -> Iterator[Path]:
    """Yield all files under a folder, in order; any other path is yielded unchanged.

    Links to folders are not followed. Such a link, and a folder that cannot be listed, is yielded
    itself, so that it is reported instead of skipped silently. With `after`, the parts of a path
    below the folder, only what follows that path is yielded.
    """
    waiting = [(path, after)]
    while waiting:
        current, passed = waiting.pop()
        children = _list_folder(current, follow_link=current is path)
        if children is not None:
            waiting.extend(_following(current, children, passed))
        # A folder of which a part was passed, and that cannot be listed any more, may have more.
        elif passed is None or (passed and not os.path.isfile(current)):  # noqa: PTH113
            yield current


def _following(
    folder: Path, names: Sequence[str], passed: Sequence[str] | None
) -> Iterator[tuple[Path, Sequence[str] | None]]:
    """Yield what of a folder follows a path in it, the last first, and that path's next part."""
    first = passed[0] if passed else ""
    for name in reversed(names):
        if not passed or name > first:
            yield folder / name, None
        elif name == first:
            yield folder / name, passed[1:]


def _list_folder(path: Path, *, follow_link: bool) -> list[str] | None:
    """Return the names in a folder, in order; None if it is not a folder that can be listed."""
    # os.path answers no where permission is lacking; reading the path then gives the reason.
    if not os.path.isdir(path) or (os.path.islink(path) and not follow_link):  # noqa: PTH112, PTH114
        return None
    try:
        return sorted(os.listdir(path))  # noqa: PTH208
    except OSError:
        return None


def path_as_text(path: Path) -> str:
    """Return a path as text that can be stored and sent; see `name_as_text`."""
    return name_as_text(os.fsencode(path))


def name_as_text(name: bytes) -> str:
    """Return the name of a file as text, another one for each name.

    One that is not UTF-8 is written as `bytes:` and its bytes as in an address.
    """
    # A name that begins so itself must not be taken for another one's.
    if not name.startswith(_BYTES.encode()):
        with suppress(UnicodeDecodeError):
            return name.decode()
    return f"{_BYTES}{quote_from_bytes(name)}"


def read_file(path: Path, max_bytes: int) -> bytes | Failure:
    """Return the bytes of a regular file, or the failure that explains its refusal."""
    try:
        # Opening a named pipe would block until it has a writer; without blocking it is refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_descriptor(descriptor, max_bytes)
        finally:
            os.close(descriptor)
    except OSError as error:
        return Failure(Reason.UNREADABLE, (error.strerror or "cannot be read").lower())
    except ValueError:
        return Failure(Reason.UNREADABLE, "the path contains a character that paths cannot contain")


def _read_descriptor(descriptor: int, max_bytes: int) -> bytes | Failure:
    facts = os.fstat(descriptor)
    if stat.S_ISDIR(facts.st_mode):
        return Failure(Reason.UNREADABLE, "a folder: name its files, or scan it with --recursive")
    if not stat.S_ISREG(facts.st_mode):
        return Failure(Reason.UNREADABLE, "not a regular file")
    if facts.st_size > max_bytes:
        return too_large(max_bytes)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        # One byte more than expected, to notice a file that has grown.
        data = file.read(facts.st_size + 1)
    if len(data) != facts.st_size:
        return Failure(Reason.UNREADABLE, "the file changed while it was read")
    return data
