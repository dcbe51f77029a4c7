"""Interface of brokers: what each of them does in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

from hashmatch.config import WorkerSettings

# Seconds that a broker is given to answer.
TIMEOUT_S = 10.0
# Seconds that messages in work are given when the worker stops.
GRACE_S = 60.0
CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it was delivered for the `attempt`-th time, from 1 on.

    `extend` keeps the broker from delivering it to another worker for one more lease.
    """

    body: bytes
    attempt: int
    extend: Callable[[], Awaitable[None]]


# Settles a message; says whether it is settled, and is not to be delivered again.
Settle: TypeAlias = Callable[[Delivery], Awaitable[bool]]


class Broker(ABC):
    """A broker that uploads come from and verdicts go to.

    Messages are acknowledged after they are settled, and never before.
    """

    # The broker of FastStream that does the work.
    app_broker: Any

    def __init__(self, settings: WorkerSettings, password: str, prefetch: int) -> None:
        self.settings = settings
        self.password = password
        self.prefetch = prefetch

    @abstractmethod
    async def prepare(self) -> None:
        """Make the queues, streams and groups that are not there yet."""

    @abstractmethod
    def subscribe(self, settle: Settle) -> None:
        """Have messages settled from the start on, `prefetch` at a time."""

    @abstractmethod
    async def publish(
        self, topic: str, body: bytes, message_id: str, headers: Mapping[str, str]
    ) -> None:
        """Publish a message, and return when the broker has it for good."""

    async def close(self) -> None:  # noqa: B027 (most have nothing else open)
        """Close what else is open."""

    @property
    def urls(self) -> list[str]:
        """Address of each server of the broker, with user and password."""
        parts = urlsplit(self.settings.broker)
        login = ""
        if self.settings.user or self.password:
            login = f"{quote(self.settings.user, safe='')}:{quote(self.password, safe='')}@"
        places = parts.netloc.split(",")
        return [urlunsplit(parts._replace(netloc=f"{login}{one}")) for one in places]

    @property
    def url(self) -> str:
        """Address of the broker, which has one server, with user and password."""
        return self.urls[0]


def by_hand() -> dict[str, Any]:
    """Return the options of subscribers whose messages are acknowledged here, and nowhere else."""
    from faststream import AckPolicy

    return {"ack_policy": AckPolicy.MANUAL, "decoder": _whole, "no_reply": True}


async def _whole(message: Any) -> Any:
    """Decode a message as itself: nothing in it keeps it from its handler."""
    return message


async def nothing() -> None:
    """Extend nothing, where the broker waits anyway."""
