"""Matches for exports: plain columns, read in chunks by key, without the ORM's objects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from ..lists import find_list
from ..schema import Case, Content, HashList, MatchRecord
from .matches import MatchFilter

# Chunks ten times as large took as long, and as many megabytes.
_ROWS_A_CHUNK = 2_000


class MatchColumns(NamedTuple):
    """One recorded match with the columns of its list, content and case that reports show.

    `matched_at` is as the driver has it; see `moment_text`.
    """

    key: int
    matched_at: datetime | str
    content_id: str
    reference: str
    list: str
    licensor: str
    generation: int
    entry_id: str
    category: str
    action: str
    algorithm: str
    hasher_version: str
    distance_bits: int
    threshold_bits: int
    quality: int | None
    frame: int
    orientation: str
    view: str
    decode: str
    format: str
    width: int | None
    height: int | None
    frames: int | None
    value: bytes
    case: int | None


def read_match_columns(session: Session, wanted: MatchFilter) -> Iterator[MatchColumns]:
    """Yield the matches of a period and a list, oldest first, in bounded memory.

    The limits and cursors of the filter are not heeded. Raises `UnknownListError` for a list that
    never existed.
    """
    if wanted.list_name is not None:
        find_list(session, wanted.list_name, removed_too=True)
    query = _query(wanted)
    connection, last = session.connection(), 0
    make = MatchColumns._make
    while rows := connection.execute(query.where(MatchRecord.key > last)).all():
        yield from map(make, rows)
        last = rows[-1][0]


def moment_text(moment: datetime | str) -> str:
    """Return a time of `MatchColumns` in ISO 8601, to the second."""
    if isinstance(moment, str):  # As SQLite stores it: in UTC, with a blank and without its zone.
        return f"{moment[:10]}T{moment[11:19]}+00:00"
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _bare(column: Any) -> Any:
    """Return a column as the driver has it: converted, a row takes twice as long to read."""
    return type_coerce(column, NullType())


def _query(wanted: MatchFilter) -> Select[Any]:
    columns: list[Any] = [
        MatchRecord.key, _bare(MatchRecord.matched_at), Content.content_id, Content.reference,
        HashList.name, MatchRecord.licensor, MatchRecord.generation, MatchRecord.entry_id,
        MatchRecord.category, MatchRecord.action, MatchRecord.algorithm,
        MatchRecord.hasher_version, MatchRecord.distance_bits, MatchRecord.threshold_bits,
        MatchRecord.quality, MatchRecord.frame, MatchRecord.orientation, MatchRecord.view,
        MatchRecord.decode, Content.format, Content.width, Content.height, Content.frames,
        _bare(MatchRecord.value), Case.key,
    ]  # fmt: skip
    query = (
        select(*columns)
        .join(HashList, HashList.key == MatchRecord.list_key)
        .join(Content, Content.key == MatchRecord.content_key)
        .outerjoin(Case, Case.content_key == Content.key)
        .order_by(MatchRecord.key)
        .limit(_ROWS_A_CHUNK)
    )
    if wanted.since is not None:
        query = query.where(MatchRecord.matched_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(MatchRecord.matched_at < wanted.until)
    if wanted.list_name is not None:
        query = query.where(HashList.name == wanted.list_name)
    return query
