"""Degenerate hashes that lists brought before they were recognised."""

from __future__ import annotations

from sqlalchemy.orm import Session

from hashmatch.hashers import ALGORITHMS, is_degenerate
from hashmatch.hashes import Kind
from hashmatch.store.lists import withdraw_degenerate


def withdraw_known_degenerate(session: Session) -> dict[str, int]:
    """Withdraw the degenerate hashes of all lists; returns their number by list name.

    Deliveries of this version bring none, so that once is enough. Reads every perceptual hash.
    """
    perceptual = [name for name, one in ALGORITHMS.items() if one.kind is Kind.PERCEPTUAL]
    return withdraw_degenerate(
        session, perceptual, lambda name, value: is_degenerate(ALGORITHMS[name], value)
    )
