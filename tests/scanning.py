"""Scanners over a test's store, and questions about their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy import func, select

from hashmatch.config import Settings
from hashmatch.hashers import ALGORITHMS
from hashmatch.hashes import Level
from hashmatch.imaging import Intake, Reading
from hashmatch.index import LiveIndex
from hashmatch.match_listener import MatchListener
from hashmatch.outcome import Failure, Outcome, Unscreened
from hashmatch.policy import Policy
from hashmatch.screening.scanner import Scanner
from hashmatch.store.engine import Database
from hashmatch.store.schema.matches import MatchRecord
from hashmatch.wiring import open_intake

NOW = datetime(2026, 7, 1, tzinfo=UTC)
MakeScanner: TypeAlias = Callable[..., Scanner]


class _Shared(Intake):
    """An intake that others use, too, and that closing a scanner leaves open."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def read(self, data: bytes, algorithms: Set[str], level: Level | None = None) -> Reading:
        return self._intake.read(data, algorithms, level)

    def prepare(self, algorithms: Set[str]) -> Failure | None:
        return self._intake.prepare(algorithms)


def scanner_maker(
    settings: Settings, database: Database, made: list[Scanner] | None = None
) -> MakeScanner:
    """Return a maker of scanners over a store, at a fixed time, with any intake and policy.

    The list `made` gets all of them, to be closed, so that none of them counts into the store of
    the test after. An intake that was given stays open, as tests may share it.
    """

    def make(
        intake: Intake | None = None,
        listeners: Sequence[MatchListener] = (),
        observe: Callable[[str, float], None] = lambda _stage, _seconds: None,
        level: str = "standard",
        is_counted: bool = True,
        guards: Mapping[str, Any] = MappingProxyType({}),
        **policy: Any,
    ) -> Scanner:
        # The pool is tested by its own tests.
        chosen = Settings.model_validate(
            {
                "data_dir": settings.data_dir,
                "policy": policy,
                "guards": dict(guards),
                "intake": {"isolation": "none", "level": level},
            }
        )
        scanner = Scanner(
            database=database,
            index=LiveIndex(database, chosen.index_dir, ALGORITHMS),
            intake=_Shared(intake) if intake else open_intake(chosen),
            policy=Policy(chosen, ALGORITHMS),
            max_bytes=chosen.intake.max_bytes,
            listeners=lambda: listeners,
            clock=lambda: NOW,
            observe=observe,
            is_counted=is_counted,
        )
        if made is not None:
            made.append(scanner)
        return scanner

    return make


def recorded(database: Database) -> int:
    """Return the number of recorded matches."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(MatchRecord)) or 0


def unscreened(outcome: Outcome) -> Unscreened:
    """Return the outcome, which has to be unscreened."""
    assert isinstance(outcome, Unscreened)
    return outcome
