"""From the recorded matches to a report: what goes into it, and a file that is whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sqlalchemy.orm import Session

from hashmatch.errors import InputError
from hashmatch.store import MatchFilter, StoredMatch, read_matches

from .interface import ReportRow


def report_rows(
    session: Session, wanted: MatchFilter, *, show_hashes: bool = False
) -> Iterator[ReportRow]:
    """Yield the matches of a period as report rows, oldest first."""
    for one in read_matches(session, wanted):
        yield report_row(one, show_hashes=show_hashes)


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Open a file for its owner alone, which takes its name only when it is complete.

    A link is followed; a device or pipe is written as it is. Raises `InputError` where nothing
    can be written.
    """
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            return
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
                yield stream
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def report_row(one: StoredMatch, *, show_hashes: bool = False) -> ReportRow:
    """Return one match as a report row, with the hash value that matched if it may be shown."""
    record, content = one.record, one.content
    return ReportRow(
        match_id=str(record.key),
        matched_at=record.matched_at.isoformat(timespec="seconds"),
        content_id=content.content_id,
        reference=content.reference,
        list=one.list.name,
        licensor=record.licensor,
        generation=record.generation,
        entry_id=record.entry_id,
        category=record.category,
        action=record.action,
        algorithm=record.algorithm,
        hasher_version=record.hasher_version,
        distance_bits=record.distance_bits,
        threshold_bits=record.threshold_bits,
        quality=record.quality,
        frame=record.frame,
        orientation=record.orientation,
        view=record.view,
        decode=record.decode,
        media_format=content.format,
        width=content.width,
        height=content.height,
        frames=content.frames,
        value=record.value.hex() if show_hashes else "",
    )
