"""What the index consists of at one moment: which files, for which state of which lists."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from hashmatch.errors import DamagedIndexError
from hashmatch.store.lists import ListState

from .files import FileMark, checksum

_VERSION = 1


@dataclass(frozen=True, slots=True)
class SegmentMark:
    """A segment of the index: its file, its kind, its algorithm and how many entries it holds."""

    file: FileMark
    kind: str
    algorithm: str
    entries: int


@dataclass(frozen=True, slots=True)
class ListMark:
    """Up to where the index follows a list: its generation, and its entry with the highest key.

    `active_entries` are those of the store; `entries` those in the index, by algorithm.
    """

    key: int
    generation: int
    changed_at: str
    active_entries: int
    last_key: int
    entries: dict[str, int]

    def is_of(self, state: ListState) -> bool:
        """Say whether the list stands where the index followed it to."""
        return (self.generation, self.changed_at) == (
            state.generation,
            state.changed_at.isoformat(),
        )

    def moment(self) -> datetime:
        """Return when the list got to its generation."""
        return datetime.fromisoformat(self.changed_at)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One state of the index, as published.

    `number` counts them up. `withdrawn` is the file with the keys of entries that are in segments
    and no longer active; `removed` says of removed lists up to which key their entries are dead.
    """

    store_id: str
    number: int = 0
    lists: tuple[ListMark, ...] = ()
    segments: tuple[SegmentMark, ...] = ()
    withdrawn: FileMark | None = None
    withdrawn_entries: int = 0
    removed: dict[int, int] = field(default_factory=dict)

    def follows(self, states: tuple[ListState, ...]) -> bool:
        """Say whether this is the index of the lists as they stand."""
        marks = {mark.key: mark for mark in self.lists}
        return marks.keys() == {state.key for state in states} and all(
            marks[state.key].is_of(state) for state in states
        )

    def counts(self) -> dict[str, int]:
        """Return how many active entries there are of each algorithm that has any."""
        counts: dict[str, int] = {}
        for mark in self.lists:
            for algorithm, count in mark.entries.items():
                counts[algorithm] = counts.get(algorithm, 0) + count
        return {algorithm: count for algorithm, count in counts.items() if count}

    def file_names(self) -> set[str]:
        """Return the names of all files that belong to it."""
        names = {segment.file.name for segment in self.segments}
        return names if self.withdrawn is None else names | {self.withdrawn.name}

    def size_bytes(self) -> int:
        """Return how much all its files hold."""
        files = [segment.file for segment in self.segments]
        return sum(one.size_bytes for one in files) + (
            self.withdrawn.size_bytes if self.withdrawn else 0
        )

    def next(self, **changes: Any) -> Self:
        """Return what comes after it, with these changes."""
        return replace(self, number=self.number + 1, **changes)

    def encode(self) -> str:
        """Return it as JSON, and its checksum after that."""
        body = json.dumps({"version": _VERSION, **asdict(self)}, indent=1)
        return f"{body}\n{checksum(body.encode())}\n"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return what `encode` wrote. Raises `DamagedIndexError`."""
        try:
            body, _, told = text.rstrip("\n").rpartition("\n")
            if checksum(body.encode()) != told:
                raise DamagedIndexError("the manifest of the index is damaged")
            table = json.loads(body)
            if table.pop("version") != _VERSION:
                raise DamagedIndexError("the index is of another version of hashmatch")
            withdrawn = table.pop("withdrawn")
            return cls(
                lists=tuple(ListMark(**one) for one in table.pop("lists")),
                segments=tuple(
                    SegmentMark(file=FileMark(**one.pop("file")), **one)
                    for one in table.pop("segments")
                ),
                withdrawn=None if withdrawn is None else FileMark(**withdrawn),
                removed={int(key): last for key, last in table.pop("removed").items()},
                **table,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedIndexError("the manifest of the index is damaged") from error
