"""Interface of list sources: deliveries, each with the checkpoint that it leads to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from ..delivery import Delivery

# The progress of a list along its source: a JSON object that only the source understands.
Checkpoint: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A delivery, and the checkpoint that the list reaches once the delivery is applied.

    The checkpoint may be filled in while the delivery is read.
    """

    delivery: Delivery
    checkpoint: Checkpoint


class Verdict(StrEnum):
    """Result of the review of a match, as feedback for the list's owner."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"


@dataclass(frozen=True, slots=True)
class Feedback:
    """Verdict on a match with one hash of an entry; `entry_id` is the id from its source."""

    entry_id: str
    algorithm: str
    value: bytes
    verdict: Verdict


class FeedbackReceiver(ABC):
    """A source whose protocol accepts feedback."""

    @abstractmethod
    def give_feedback(self, feedback: Feedback) -> None:
        """Send feedback to the list's owner, in one attempt; sending it twice does no harm.

        Raises `SourceError`, and `SourceRefusedError` where another attempt would not help.
        """


class ListSource(ABC):
    """Source of a list, such as a file or an exchange."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name of the source in records: it holds no secret, and never changes."""

    @abstractmethod
    def fetch(self, checkpoint: Checkpoint, *, is_empty: bool) -> Generator[Fetch]:
        """Yield the deliveries since a checkpoint in order, none where nothing is new.

        Each delivery is read and applied, and its checkpoint saved with it, before the next one is
        requested. An empty checkpoint requests everything: in one full delivery, which withdraws
        all other entries, unless the list `is_empty`. A caller that stops early has to close the
        generator. Raises `SourceError`; reading a delivery raises `SourceError` and
        `ListFileError`.
        """
