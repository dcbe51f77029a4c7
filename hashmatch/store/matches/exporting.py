"""Matches for exports: plain columns, read in chunks by key, without the ORM's objects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, literal, select, tuple_, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from ..engine import among
from ..schema import Case, Content, HashList, MatchRecord
from .matches import MatchFilter, conditions, with_its_own

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
    entries: int
    declared: str
    evidence: str
    c2pa: str
    issuer: str | None


def read_match_columns(session: Session, wanted: MatchFilter) -> Iterator[MatchColumns]:
    """Yield the matches of a period and a list, in the order of their time, in bounded memory.

    The limits and cursors of the filter are not heeded. Raises `UnknownListError` for a list that
    never existed.
    """
    last: MatchColumns | None = None
    while page := read_match_page(session, wanted, last):
        yield from page
        last = page[-1]


def read_match_page(
    session: Session,
    wanted: MatchFilter,
    last: MatchColumns | None,
    *,
    limit: int = _ROWS_A_CHUNK,
) -> list[MatchColumns]:
    """Return the next of them, after the `last` of those before; none at the end."""
    own = _own_keys(session, wanted).limit(limit)
    if last is not None:
        place = type_coerce(last.matched_at, NullType()), literal(last.key)
        own = own.where(tuple_(*_ORDER) > tuple_(*place))
    connection = session.connection()
    keys = connection.execute(own).scalars().all()
    if not keys:
        return []
    rows = connection.execute(_columns().where(among(session, MatchRecord.key, keys)))
    return list(map(MatchColumns._make, rows))


def moment_text(moment: datetime | str) -> str:
    """Return a time of `MatchColumns` in ISO 8601, to the second."""
    if isinstance(moment, str):  # As SQLite stores it: in UTC, with a blank and without its zone.
        return f"{moment[:10]}T{moment[11:19]}+00:00"
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _bare(column: Any) -> Any:
    """Return a column as the driver has it: converted, a row takes twice as long to read."""
    return type_coerce(column, NullType())


# As bare columns, so that the place of the last of a chunk is compared as the driver gave it.
_ORDER = _bare(MatchRecord.matched_at), MatchRecord.key


def _own_keys(session: Session, wanted: MatchFilter) -> Select[int]:
    """Return the query of its keys: by itself, so that no other table decides where to begin."""
    return select(MatchRecord.key).where(*conditions(session, wanted)).order_by(*_ORDER)


def _columns() -> Select[Any]:
    columns: list[Any] = [
        MatchRecord.key, _bare(MatchRecord.matched_at), Content.content_id, Content.reference,
        HashList.name, MatchRecord.licensor, MatchRecord.generation, MatchRecord.entry_id,
        MatchRecord.category, MatchRecord.action, MatchRecord.algorithm,
        MatchRecord.hasher_version, MatchRecord.distance_bits, MatchRecord.threshold_bits,
        MatchRecord.quality, MatchRecord.frame, MatchRecord.orientation, MatchRecord.view,
        MatchRecord.decode, Content.format, Content.width, Content.height, Content.frames,
        _bare(MatchRecord.value), Case.key.label("case"), MatchRecord.entries,
        Content.declared, Content.evidence, Content.c2pa, Content.issuer,
    ]  # fmt: skip
    return with_its_own(select(*columns)).order_by(*_ORDER)
