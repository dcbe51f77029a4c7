"""Comparisons of retained hashes in the store: up to which generations they were done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .engine import upsert
from .schema import Generation, RetroMatch, utc_now


def read_compared(session: Session, folder: str) -> dict[int, int]:
    """Return the generation of each list, by its key, that a folder was compared with."""
    own = RetroMatch.folder == folder
    rows = session.scalars(select(RetroMatch).where(own))
    return {row.list_key: row.generation for row in rows}


def read_generation_before(
    session: Session, list_key: int, after: int, moment: datetime
) -> int | None:
    """Return the last generation of a list after another that was made before a moment."""
    number: int | None = session.scalar(
        select(func.max(Generation.number)).where(
            Generation.list_key == list_key,
            Generation.number > after,
            Generation.created_at < moment,
        )
    )
    return number


def record_compared(session: Session, folder: str, generations: Mapping[int, int]) -> None:
    """Record that a folder was compared with lists up to these generations, by list key."""
    if not generations:
        return
    new = upsert(session, RetroMatch)
    now = utc_now()
    session.execute(
        new.on_conflict_do_update(
            index_elements=["folder", "list_key"],
            set_={"generation": new.excluded.generation, "matched_at": new.excluded.matched_at},
        ),
        [
            {"folder": folder, "list_key": key, "generation": number, "matched_at": now}
            for key, number in sorted(generations.items())
        ],
    )
