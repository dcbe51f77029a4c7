"""What a list source promises: deliveries, each with the checkpoint that it leads to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from ..delivery import Delivery

# How far a list has followed its source: a JSON object that only the source understands.
Checkpoint: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A delivery, and the checkpoint at which the list is once it has been taken over.

    The checkpoint may be filled in while the delivery is read.
    """

    delivery: Delivery
    checkpoint: Checkpoint


class Verdict(StrEnum):
    """What people found of a match."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What people found of a match with one hash of an entry, by the id that its source gave it."""

    entry_id: str
    algorithm: str
    value: bytes
    verdict: Verdict


class FeedbackReceiver(ABC):
    """A source whose protocol takes feedback."""

    @abstractmethod
    def give_feedback(self, feedback: Feedback) -> None:
        """Tell it to the list's owner, in one attempt; saying it twice does no harm.

        Raises `SourceError`, and `SourceRefusedError` where another attempt would not help.
        """


class ListSource(ABC):
    """Where a list comes from."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What to call the source in records: without any secret, and always the same."""

    @abstractmethod
    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield what is new since a checkpoint, in order; nothing where nothing is.

        Each delivery is read and taken over, and its checkpoint written down with it, before the
        next is asked for. An empty checkpoint asks for everything: at once, in a whole delivery,
        unless the list `is_empty`, so that nothing of its own can stay behind. Whoever stops
        early closes the iterator. Raises `SourceError`, and reading a delivery `SourceError` and
        `ListFileError`.
        """
