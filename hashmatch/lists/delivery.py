"""Deliveries of a list: full ones, or incremental ones with only the changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from .formats import Row


class EntryUpdate(NamedTuple):
    """A line of an incremental delivery that describes an entry in full.

    Its hashes are the rows of that line; without any, the entry is withdrawn. Where several lines
    describe one entry, the one with the greatest `moment` counts.
    """

    line: int
    entry_id: str
    moment: str


class PromotedHash(NamedTuple):
    """An unsupported hash of the list, by its key in the store, that comes as a supported one."""

    key: int
    algorithm: str


DeliveredItem: TypeAlias = Row | EntryUpdate | PromotedHash


@dataclass(frozen=True, slots=True)
class Delivery:
    """Items of one delivery, and the unit in which they are counted.

    A full delivery withdraws the entries that it lacks; an incremental one concerns only the
    entries that its `EntryUpdate` items describe.
    """

    items: Iterable[DeliveredItem]
    unit: str = "line"
    is_full: bool = True
