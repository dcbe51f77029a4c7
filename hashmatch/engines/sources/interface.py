"""Interface of sources: images in an order that can be taken up again after any of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from hashmatch.outcome import Failure


@dataclass(frozen=True, slots=True)
class Item:
    """Image of a source, which is read into memory when it is loaded.

    `position` is where the source goes on after it. `reference` says where it is, and `version`
    which content was there when it was found, where the source knows.
    """

    content_id: str
    reference: str
    version: str
    position: str
    load: Callable[[], bytes | Failure]


class Source(ABC):
    """Source of images, whose positions have an order that stays."""

    # Its items are loaded one after the other, each before the next is asked for.
    is_streamed: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """Address of the source, by which it is known when it is taken up again."""

    @property
    def version(self) -> str:
        """Something that changes where its positions come to mean other images.

        Raises `BackfillError` and `InputError` where it cannot be asked.
        """
        return ""

    @abstractmethod
    def items(self, position: str = "") -> Iterator[Item]:
        """Yield the images after a position, in order.

        Raises `BackfillError` where the source cannot be read, or ends too early.
        """

    @abstractmethod
    def order(self, position: str) -> Any:
        """Return something that compares as positions follow each other."""
