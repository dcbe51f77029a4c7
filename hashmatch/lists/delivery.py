"""What comes of a list at one time: all of it, or what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from .formats import Row


class Told(NamedTuple):
    """That all is said of an entry at that line, in a delivery of changes.

    Its hashes are the rows of that line; without any, the entry is withdrawn. Where several lines
    are of one entry, the one with the greatest `moment` counts.
    """

    line: int
    entry_id: str
    moment: str


DeliveredItem: TypeAlias = Row | Told


@dataclass(frozen=True, slots=True)
class Delivery:
    """The rows of one delivery, and what they are counted in.

    A whole one withdraws what it lacks; any other only says what `Told` names.
    """

    items: Iterable[DeliveredItem]
    unit: str = "line"
    is_whole: bool = True
