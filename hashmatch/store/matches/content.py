"""Content items that matched, with their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hashmatch.hashes import SEARCH_VIEWS, Hash
from hashmatch.outcome import Media

from ..engine import affected_rows, audit, upsert
from ..schema import Content, ContentHash


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """Everything that is stored of an image that matched: names, media facts and hashes."""

    content_id: str
    reference: str
    fingerprint: bytes
    media: Media | None
    hashes: Sequence[Hash]


def find_or_add_content(session: Session, facts: ContentFacts) -> Content:
    """Return the row of a content item, which is created if it is new, without hashes.

    Other sessions that record something of the same item wait until this transaction ends.
    """
    same = select(Content).where(
        Content.content_id == facts.content_id, Content.fingerprint == facts.fingerprint
    )
    # Such a lock does not block sessions that only refer to the row.
    same = same.with_for_update(key_share=True)
    content = session.scalar(same)
    if content is not None:
        return content
    media = facts.media
    new = upsert(session, Content).values(
        content_id=facts.content_id,
        reference=facts.reference,
        fingerprint=facts.fingerprint,
        format="" if media is None else media.format,
        width=None if media is None else media.width,
        height=None if media is None else media.height,
        frames=None if media is None else media.frames,
    )
    is_new = affected_rows(session, new.on_conflict_do_nothing()) > 0
    content = session.scalars(same).one()
    if is_new:
        audit(session, "content.recorded", content, {})
    return content


def add_hashes(session: Session, content: Content, hashes: Sequence[Hash]) -> None:
    """Add the hashes of a content item that it lacks, but for those of search views.

    Of these a file has a hundred, several of one view. A match has the value of the one it is by.
    """
    rows = [
        {
            "content_key": content.key,
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
        for one in hashes
        if one.view not in SEARCH_VIEWS
    ]
    if rows:
        session.execute(upsert(session, ContentHash).on_conflict_do_nothing(), rows)


def read_content_hashes(session: Session, content_key: int) -> list[ContentHash]:
    """Return the hashes of a content item as viewers show it, by algorithm and frame."""
    hashes = select(ContentHash).where(ContentHash.content_key == content_key)
    return list(session.scalars(hashes.order_by(ContentHash.algorithm, ContentHash.frame)))
