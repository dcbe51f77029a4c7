"""Manifest of the index: the files in force, and the state of the lists that they are for."""

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
    """A segment of the index: its file, its kind, its algorithm and its number of entries."""

    file: FileMark
    kind: str
    algorithm: str
    entries: int


@dataclass(frozen=True, slots=True)
class ListMark:
    """The state of a list in the index: its generation, and the highest key of its entries.

    `active_entries` is the number in the store, `entries` the number in the index by algorithm.
    """

    key: int
    generation: int
    changed_at: str
    active_entries: int
    last_key: int
    entries: dict[str, int]

    def is_of(self, state: ListState) -> bool:
        """Say whether the list is still in the state that the index has."""
        # A store restored from a backup may give the same generation again, at another time.
        return (self.generation, self.changed_at) == (
            state.generation,
            state.changed_at.isoformat(),
        )

    def moment(self) -> datetime:
        """Return the time at which the list reached its generation."""
        return datetime.fromisoformat(self.changed_at)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One published state of the index.

    `number` grows with each. `withdrawn` is the file with the keys of entries that are in segments
    but no longer active. `removed` has, by the key of a removed list, the highest key of an entry
    that was withdrawn with it.
    """

    store_id: str
    number: int = 0
    lists: tuple[ListMark, ...] = ()
    segments: tuple[SegmentMark, ...] = ()
    withdrawn: FileMark | None = None
    withdrawn_entries: int = 0
    removed: dict[int, int] = field(default_factory=dict)

    def follows(self, states: tuple[ListState, ...]) -> bool:
        """Say whether the index is up to date with the given lists."""
        marks = {mark.key: mark for mark in self.lists}
        return marks.keys() == {state.key for state in states} and all(
            marks[state.key].is_of(state) for state in states
        )

    def counts(self) -> dict[str, int]:
        """Return the number of active entries by algorithm, without those that have none."""
        counts: dict[str, int] = {}
        for mark in self.lists:
            for algorithm, count in mark.entries.items():
                counts[algorithm] = counts.get(algorithm, 0) + count
        return {algorithm: count for algorithm, count in counts.items() if count}

    def file_names(self) -> set[str]:
        """Return the names of all its files."""
        names = {segment.file.name for segment in self.segments}
        return names if self.withdrawn is None else names | {self.withdrawn.name}

    def size_bytes(self) -> int:
        """Return the total size of its files."""
        files = [segment.file for segment in self.segments]
        return sum(one.size_bytes for one in files) + (
            self.withdrawn.size_bytes if self.withdrawn else 0
        )

    def next(self, **changes: Any) -> Self:
        """Return the next manifest, with the given changes."""
        return replace(self, number=self.number + 1, **changes)

    def encode(self) -> str:
        """Return the manifest as a line of JSON, and its checksum as another."""
        body = json.dumps({"version": _VERSION, **asdict(self)}, indent=1)
        return f"{body}\n{checksum(body.encode())}\n"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the manifest from the text of `encode`. Raises `DamagedIndexError`."""
        try:
            body, _, expected = text.rstrip("\n").rpartition("\n")
            if checksum(body.encode()) != expected:
                raise DamagedIndexError("the manifest of the index is damaged")
            table = json.loads(body)
            if table.pop("version") != _VERSION:
                raise DamagedIndexError("the index was written by another version of hashmatch")
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
