"""Turns of long work: short transactions, between which others write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy.orm import Session

# A turn is to take so long, its commit included: half of what others may have to wait for it.
_TURN_S = 0.025
_FIRST_ROWS, _FEWEST_ROWS, _MOST_ROWS = 200, 10, 10_000
# Rows are never alike, and no disk is as fast at all times: a turn may get this much larger or
# smaller than the one before.
_MOST_GROWTH, _MOST_SHRINKAGE = 1.5, 0.2


class Turns:
    """Long work in short transactions, each of which handles at most `rows` rows.

    `rows` follows the time that a turn takes, so that it takes 50 ms at most on any disk. Every
    turn is a background one, which waits while others write:

        while is_more:
            with turns.next() as session:
                is_more = delete_some(session, limit=turns.rows)
    """

    def __init__(self, open_turn: Callable[[], AbstractContextManager[Session]]) -> None:
        self.rows = _FIRST_ROWS
        self._open_turn = open_turn

    @contextmanager
    def next(self) -> Iterator[Session]:
        """Open the next transaction. Raises `StoreError`."""
        with self._open_turn() as session:
            begun_at_s = time.perf_counter()
            yield session
        self._follow(time.perf_counter() - begun_at_s)

    def _follow(self, took_s: float) -> None:
        factor = min(max(_TURN_S / max(took_s, 1e-6), _MOST_SHRINKAGE), _MOST_GROWTH)
        self.rows = min(max(int(self.rows * factor), _FEWEST_ROWS), _MOST_ROWS)
