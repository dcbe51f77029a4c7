"""Interface of exchanges that entries are sent to, and the answers that they give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from hashmatch.errors import ConfigError
from hashmatch.hashers import ALGORITHMS
from hashmatch.store.sharing import SentItem, SharedItem, Wanted


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange has what was sent, by its own id if it says one.

    `wait_s` is how long it asks to wait before the next request.
    """

    remote_id: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange does not take it, and another attempt would not help."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody knows whether it arrived, or it may arrive later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Halted:
    """Nothing can be sent to the exchange for a time; until a person acts where it `is_blocked`."""

    reason: str
    wait_s: float
    is_blocked: bool = False


Answered: TypeAlias = Accepted | Refused | Failed | Halted


@dataclass(frozen=True, slots=True)
class OutgoingEntry:
    """An entry as an exchange is to have it. `codes` are its classification, by scheme."""

    list_name: str
    publisher: str
    tlp: str
    shared: SharedItem = field(repr=False)
    codes: Mapping[str, str]

    def words(self) -> list[str]:
        """Return its category and tags, by which settings choose what else is sent of it."""
        own = self.shared
        return list(dict.fromkeys((own.category, *own.category.split(", "), *own.tags)))


class ExchangeClient(ABC):
    """Client of one exchange. Its calls send once, and never raise for what the exchange answers.

    Where hashes `are_shared`, the exchange has one object for all entries with the same hash.
    """

    are_shared: ClassVar[bool]

    @abstractmethod
    def parts(self, entry: OutgoingEntry) -> Sequence[Wanted]:
        """Return the parts of an entry that the exchange takes."""

    @abstractmethod
    def put(self, entry: OutgoingEntry, item: SentItem) -> Answered:
        """Send a part of an entry, new or changed. What was sent twice is there once."""

    @abstractmethod
    def withdraw(self, list_name: str, entry_id: str, item: SentItem) -> Answered:
        """Withdraw a part that the exchange has or may have."""

    def conditions(self) -> str:
        """Return what else than the settings decides on what is sent."""
        return ""


def require_algorithms(names: Iterable[str], key: str) -> None:
    """Raise `ConfigError` where a name is of no algorithm."""
    for one in names:
        if one not in ALGORITHMS:
            raise ConfigError(
                f"{key}: there is no algorithm {one!r}", hint=f"Known are {', '.join(ALGORITHMS)}."
            )


def chosen_tags(tags: Mapping[str, Sequence[str]], entry: OutgoingEntry) -> list[str]:
    """Return the exchange's tags for an entry: those for all, and for its category and tags."""
    found = [tag for word in ("*", *entry.words()) for tag in tags.get(word, ())]
    return sorted(set(found))


def hashes_of(entry: OutgoingEntry, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return the hashes of an entry of these algorithms, each with its algorithm."""
    hashes = entry.shared.hashes
    return [(name, value) for name in names for value in hashes.get(name, ())]
