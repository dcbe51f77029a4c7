"""Redis Streams."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import RedisStreamMessage
from redis.asyncio import Redis as Client
from redis.exceptions import ResponseError

from .interface import GRACE_S, TIMEOUT_S, Broker, Delivery, Settle, by_hand

_POLL_MS = 1_000
# Of an entry with one field, its value is the message; with several, they are.
_FIELD = "message"


class Redis(Broker):
    """Uploads from a consumer group of a stream; verdicts are appended to another one."""

    _client: Client

    async def prepare(self) -> None:
        """Make the group, from the beginning of the stream."""
        self._client = Client.from_url(
            self.url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S
        )
        settings = self.settings
        try:
            await self._client.xgroup_create(
                settings.uploads, settings.group, id="0", mkstream=True
            )
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self.app_broker = RedisBroker(
            self.url, graceful_timeout=GRACE_S, apply_types=False, logger=cast(Any, None)
        )

    def subscribe(self, settle: Settle) -> None:
        """Read one entry at a time, as often as they may be in work, and what others have left."""
        # Always the same names, so that the group does not fill with those of the past.
        own = f"{socket.gethostname()}-{{}}"
        lanes = [StreamSub(**self._of(own.format(number))) for number in range(self.prefetch)]
        # Redis delivers nothing again by itself.
        lease_ms = int(1_000 * self.settings.lease_s)
        lanes.append(StreamSub(**self._of(own.format("again")), min_idle_time=lease_ms))
        for lane in lanes:
            self.app_broker.subscriber(
                stream=lane,
                parser=self._parse,
                **by_hand(),
            )(partial(self._handle, settle, lane.consumer or ""))

    def _of(self, consumer: str) -> dict[str, Any]:
        settings = self.settings
        return {
            "stream": settings.uploads, "group": settings.group, "consumer": consumer,
            "last_id": ">", "max_records": 1, "polling_interval": _POLL_MS,
        }  # fmt: skip

    async def _parse(self, entry: Mapping[str, Any]) -> RedisStreamMessage:
        """Return an entry as a message, whatever its fields are."""
        return RedisStreamMessage(
            raw_message=entry,
            body=_body(entry["data"]),
            consumer=cast(Any, self._client),
            group=self.settings.group,
        )

    async def _handle(self, settle: Settle, consumer: str, message: RedisStreamMessage) -> None:
        extend = partial(self._extend, consumer, message.raw_message["message_ids"])
        attempt = await message.get_delivery_count()
        if await settle(Delivery(message.body, attempt, extend)):
            await message.ack()

    async def _extend(self, consumer: str, ids: list[Any]) -> None:
        settings = self.settings
        await self._client.xclaim(
            settings.uploads,
            settings.group,
            consumer,
            min_idle_time=0,
            message_ids=ids,
            justid=True,
        )

    async def publish(
        self, topic: str, body: bytes, message_id: str, headers: Mapping[str, str]
    ) -> None:
        """Append an entry, with the headers as further fields."""
        await self._client.xadd(
            topic, {_FIELD: body, "message_id": message_id, **dict[Any, Any](headers)}
        )

    async def close(self) -> None:
        """Close the connections for all but reading."""
        await self._client.aclose()


def _body(fields: Mapping[bytes, bytes]) -> bytes:
    if (body := fields.get(_FIELD.encode())) is not None:
        return body
    if len(fields) == 1:
        return next(iter(fields.values()))
    texts = {_text(name): _text(value) for name, value in fields.items()}
    return json.dumps(texts).encode()


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
