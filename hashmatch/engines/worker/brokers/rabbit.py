"""RabbitMQ."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import aio_pika
from aio_pika.exceptions import ChannelNotFoundEntity
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from .interface import CONTENT_TYPE, GRACE_S, TIMEOUT_S, Broker, Delivery, Settle, by_hand, nothing


class Rabbit(Broker):
    """Uploads from a queue; verdicts go to another one by the default exchange."""

    async def prepare(self) -> None:
        """Make each queue that is not there, as a quorum queue, which counts deliveries."""
        connection = await aio_pika.connect(self.url, timeout=TIMEOUT_S)
        async with connection:
            for name in (self.settings.uploads, self.settings.verdicts, self.settings.dead_letters):
                try:
                    channel = await connection.channel()
                    await channel.declare_queue(name, passive=True, timeout=TIMEOUT_S)
                except ChannelNotFoundEntity:
                    channel = await connection.channel()
                    kind: Any = {"x-queue-type": "quorum"}
                    if name == self.settings.uploads:
                        # Where the server has a limit of deliveries, it drops what is beyond it.
                        kind["x-dead-letter-exchange"] = ""
                        kind["x-dead-letter-routing-key"] = self.settings.dead_letters
                    await channel.declare_queue(
                        name, durable=True, arguments=kind, timeout=TIMEOUT_S
                    )
        self.app_broker = RabbitBroker(
            self.url,
            # What no queue takes is an error, and its upload is not acknowledged.
            default_channel=Channel(prefetch_count=self.prefetch, on_return_raises=True),
            graceful_timeout=GRACE_S,
            apply_types=False,
            logger=None,
        )

    def subscribe(self, settle: Settle) -> None:
        """Consume as many messages as may be in work."""
        self.app_broker.subscriber(
            RabbitQueue(self.settings.uploads, durable=True, declare=False),
            **by_hand(),
        )(partial(_handle, settle))

    async def publish(
        self, topic: str, body: bytes, message_id: str, headers: Mapping[str, str]
    ) -> None:
        """Publish to a queue, and wait until it is confirmed."""
        await self.app_broker.publish(
            body,
            RabbitQueue(topic, durable=True, declare=False),
            persist=True,
            mandatory=True,
            timeout=TIMEOUT_S,
            content_type=CONTENT_TYPE,
            message_id=message_id,
            headers=dict(headers),
        )


async def _handle(settle: Settle, message: Any) -> None:
    raw = message.raw_message
    delivered = raw.headers.get("x-delivery-count")
    if not isinstance(delivered, int):  # Of a classic queue, which does not count.
        delivered = int(bool(raw.redelivered))
    if await settle(Delivery(message.body, delivered + 1, nothing)):
        await message.ack()
    else:
        await message.nack(requeue=True)
