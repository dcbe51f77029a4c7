"""Content items that matched, with their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Insert, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from hashmatch.hashes import SEARCH_VIEWS, Hash
from hashmatch.outcome import Media
from hashmatch.provenance import Credentials, Provenance

from ..engine import as_table, audit_id, audit_rows, insert_rows, is_sqlite, upsert_into
from ..schema import Content, ContentHash

_HASHES_A_PAGE = 5_000
# A content id and a fingerprint.
ContentName: TypeAlias = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """Everything that is stored of an image that matched: names, facts of its file, and hashes.

    `provenance` is what the file declares, None where no file was read.
    """

    content_id: str
    reference: str
    fingerprint: bytes
    media: Media | None
    hashes: Sequence[Hash]
    provenance: Provenance | None = None

    @property
    def name(self) -> ContentName:
        """Return the content id and the fingerprint, which are one item's alone."""
        return self.content_id, self.fingerprint


class KnownContent(NamedTuple):
    """The key of a content item in the store, and whether it was added just now."""

    key: int
    is_new: bool


def find_or_add_contents(
    session: Session, contents: Sequence[ContentFacts]
) -> dict[ContentName, KnownContent]:
    """Return the rows of content items by their names; those that are new are added.

    Call it once in a transaction, whose number tells what was added. Other sessions that record
    something of the same items wait until it ends. The rows are locked in one order, so that no two
    transactions wait for each other's.
    """
    own = audit_id(session)
    rows = {one.name: {**_values(one), "audit_id": own} for one in contents}
    ordered = [rows[name] for name in sorted(rows)]
    statement = _find_or_add(is_sqlite=is_sqlite(session))
    known = {
        (content_id, fingerprint): KnownContent(key, is_new=named_by == own)
        for key, content_id, fingerprint, named_by in insert_rows(session, statement, ordered)
    }
    added = [{**rows[name], "key": one.key} for name, one in known.items() if one.is_new]
    # The columns of what a file declares are newer than the state that the log is bound to.
    declared = [_declaration(rows[name]) for name, one in known.items() if one.is_new]
    audit_rows(session, "content.recorded", Content, added, declared)
    return known


def add_hashes(session: Session, hashes: Mapping[int, Sequence[Hash]]) -> None:
    """Add the hashes of content items, by key, that they lack, but for those of search views.

    Of these a file has a hundred, several of one view. A match has the value of the one it is by.
    """
    rows = [
        {
            "content_key": key,
            "algorithm": one.algorithm.name,
            "version": one.algorithm.version,
            "frame": one.frame,
            "orientation": one.orientation.value,
            "view": one.view.value,
            "rendering": one.rendering,
            "decode": one.decode.value,
            "value": one.value,
            "quality": one.quality,
        }
        for key, some in sorted(hashes.items())
        for one in some
        if one.view not in SEARCH_VIEWS
    ]
    if rows:
        insert_rows(session, _add_hashes(is_sqlite=is_sqlite(session)), rows)


_CONTENTS = as_table(Content)


@cache
def _find_or_add(*, is_sqlite: bool) -> ReturningInsert[int, str, bytes, int | None]:
    # An insertion that meets its like and does nothing would neither lock nor return the row.
    columns = _CONTENTS.c
    return (
        upsert_into(_CONTENTS, is_sqlite=is_sqlite)
        .on_conflict_do_update(
            index_elements=["content_id", "fingerprint"], set_={"format": columns.format}
        )
        .returning(columns.key, columns.content_id, columns.fingerprint, columns.audit_id)
    )


@cache
def _add_hashes(*, is_sqlite: bool) -> Insert:
    return upsert_into(as_table(ContentHash), is_sqlite=is_sqlite).on_conflict_do_nothing()


def _values(facts: ContentFacts) -> dict[str, Any]:
    media = facts.media
    return {
        "content_id": facts.content_id,
        "reference": facts.reference,
        "fingerprint": facts.fingerprint,
        "format": "" if media is None else media.format,
        "width": None if media is None else media.width,
        "height": None if media is None else media.height,
        "frames": None if media is None else media.frames,
        **_provenance_values(facts.provenance),
    }


def _provenance_values(provenance: Provenance | None) -> dict[str, str | None]:
    if provenance is None:
        return {"declared": "", "evidence": "", "c2pa": "", "issuer": None}
    return {
        "declared": provenance.declared.value,
        "evidence": " ".join(provenance.evidence),
        "c2pa": provenance.c2pa.value,
        "issuer": provenance.issuer,
    }


def _declaration(row: Mapping[str, Any]) -> dict[str, object]:
    """Return what the file of a row declares, for the audit log; nothing where it is nothing."""
    if not row["evidence"] and row["c2pa"] in ("", Credentials.NONE):
        return {}
    return {name: row[name] for name in ("declared", "evidence", "c2pa", "issuer")}


def read_content_values(session: Session, algorithm: str) -> Iterator[tuple[str, bytes]]:
    """Yield the content id and value of each hash of an algorithm on record, in bounded memory.

    It goes through all content items: for what a person asks once.
    """
    query = (
        select(Content.content_id, ContentHash.value)
        .join(Content, Content.key == ContentHash.content_key)
        .where(ContentHash.algorithm == algorithm)
        .execution_options(yield_per=_HASHES_A_PAGE)
    )
    for row in session.execute(query):
        yield row[0], row[1]


def read_content_hashes(session: Session, content_key: int) -> list[ContentHash]:
    """Return the hashes of a content item as viewers show it, by algorithm and frame."""
    hashes = select(ContentHash).where(ContentHash.content_key == content_key)
    return list(session.scalars(hashes.order_by(ContentHash.algorithm, ContentHash.frame)))
