"""Kafka."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer
from faststream.kafka import KafkaBroker, Topic
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from .interface import CONTENT_TYPE, GRACE_S, TIMEOUT_S, Broker, Delivery, Settle, by_hand, nothing

_POLL_MS = 500
# While a batch is in work, the group waits so long for its next poll.
_LONGEST_BATCH_MS = 60 * 60 * 1_000
_SECURITY = {"plain": SASLPlaintext, "scram-sha-256": SASLScram256, "scram-sha-512": SASLScram512}


class Kafka(Broker):
    """Uploads from a topic as a consumer group; its place moves on after complete batches only.

    A place stands for everything before it, so that one message of several that are in work could
    not be acknowledged alone. Kafka does not count deliveries.
    """

    async def prepare(self) -> None:
        """Ask the cluster; its operator makes the topics."""
        servers = urlsplit(self.settings.broker).netloc.split(",")
        producer = AIOKafkaProducer(
            bootstrap_servers=servers, request_timeout_ms=int(1_000 * TIMEOUT_S), **self._login
        )
        async with asyncio.timeout(TIMEOUT_S), producer:
            pass
        self.app_broker = KafkaBroker(
            servers,
            security=self._security,
            acks="all",
            enable_idempotence=True,
            graceful_timeout=GRACE_S,
            apply_types=False,
            logger=None,
        )

    def subscribe(self, settle: Settle) -> None:
        """Poll batches of as many messages as may be in work."""
        self.app_broker.subscriber(
            Topic(self.settings.uploads, declare=False),
            group_id=self.settings.group,
            batch=True,
            max_records=self.prefetch,
            batch_timeout_ms=_POLL_MS,
            auto_offset_reset="earliest",
            max_poll_interval_ms=_LONGEST_BATCH_MS,
            parser=_parse,
            **by_hand(),
        )(partial(_handle, settle))

    async def publish(
        self, topic: str, body: bytes, message_id: str, headers: Mapping[str, str]
    ) -> None:
        """Publish to a topic, and wait until all replicas in sync have it."""
        named = {"message-id": message_id, "content-type": CONTENT_TYPE, **headers}
        await self.app_broker.publish(body, topic, headers=named)

    @property
    def _is_encrypted(self) -> bool:
        return self.settings.broker.startswith("kafkas:")

    @property
    def _security(self) -> BaseSecurity:
        context = ssl.create_default_context() if self._is_encrypted else None
        if not self.settings.user:
            return BaseSecurity(ssl_context=context, use_ssl=self._is_encrypted)
        kind = _SECURITY[self.settings.sasl]
        return kind(self.settings.user, self.password, context, self._is_encrypted)

    @property
    def _login(self) -> dict[str, Any]:
        """Return the security as aiokafka takes it."""
        from faststream.kafka.security import parse_security

        return dict(parse_security(self._security))


async def _parse(records: tuple[Any, ...], original: Callable[[Any], Awaitable[Any]]) -> Any:
    """Parse a batch without its headers: one that is not a text would drop all of it."""
    return await original(tuple(replace(one, headers=()) for one in records))


async def _handle(settle: Settle, message: Any) -> None:
    deliveries = [Delivery(one.value or b"", 1, nothing) for one in message.raw_message]
    if all(await asyncio.gather(*map(settle, deliveries))):
        await message.ack()
    else:
        await message.nack()
