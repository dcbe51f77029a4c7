"""Schedule of a long run: what is done to it when, whatever its length."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import StrEnum

_SHORTEST_SLOT_S, _SLOTS = 12.0, 48


class Kind(StrEnum):
    """Kind of an event of the schedule."""

    SYNC = "list synced"
    RETENTION = "retention applied"
    DECODER = "decoder killed"
    SERVICE = "service killed"
    STOP = "database stopped"
    STOP_IMMEDIATELY = "database stopped immediately"
    KILL_DATABASE = "database killed"
    STOP_IN_SYNC = "database stopped during a sync"


# After these every answer has to be a verdict all the same.
HARMLESS = (Kind.SYNC, Kind.RETENTION)
_AT_FIRST = (
    Kind.SYNC, Kind.SERVICE, Kind.DECODER, Kind.SYNC, Kind.STOP, Kind.RETENTION,
)  # fmt: skip
_THEN = (
    Kind.SYNC, Kind.DECODER, Kind.STOP_IMMEDIATELY, Kind.SYNC, Kind.RETENTION, Kind.KILL_DATABASE,
    Kind.STOP_IN_SYNC, Kind.DECODER, Kind.SYNC, Kind.STOP,
)  # fmt: skip
_AT_LAST = (Kind.SERVICE, Kind.SYNC)


@dataclass(frozen=True, slots=True)
class Plan:
    """Schedule of a run, in seconds from its begin.

    Growth is measured over the last two thirds, up to the last kill of the service: there the same
    process serves all the time.
    """

    duration_s: float

    @property
    def slot_s(self) -> float:
        """The time that an event has."""
        return max(_SHORTEST_SLOT_S, self.duration_s / _SLOTS)

    @property
    def outage_s(self) -> float:
        """How long the database stays stopped."""
        return min(10.0, self.slot_s / 6)

    @property
    def measured(self) -> tuple[float, float]:
        """The time over which growth is measured."""
        slots = self._slots()
        return slots // 3 * self.slot_s, (slots - len(_AT_LAST)) * self.slot_s

    @property
    def receiver_outage(self) -> tuple[float, float]:
        """The time for which the receiver of notifications is down."""
        return 0.4 * self.duration_s, 0.5 * self.duration_s

    @property
    def backfills(self) -> tuple[float, ...]:
        """When a back-fill begins."""
        is_long = self.duration_s >= 600
        return tuple(self.duration_s * one for one in ((0.1, 0.45, 0.75) if is_long else (0.1,)))

    @property
    def sample_s(self) -> float:
        """The time between two samples of processes."""
        return min(5.0, self.duration_s / 120)

    def events(self) -> list[tuple[float, Kind]]:
        """Return what is done when; the service is killed only before and after the measurement."""
        slots, first = self._slots(), self._slots() // 3
        middle = slots - first - len(_AT_LAST)
        kinds = [
            *itertools.islice(itertools.cycle(_AT_FIRST), first),
            *itertools.islice(itertools.cycle(_THEN), middle),
            *_AT_LAST,
        ]
        return [(slot * self.slot_s, kind) for slot, kind in enumerate(kinds)]

    def _slots(self) -> int:
        return max(15, int(self.duration_s / self.slot_s))
