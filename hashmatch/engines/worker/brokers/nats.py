"""NATS, by JetStream."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import nats
from faststream.nats import JStream, NatsBroker, PullSub
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from .interface import CONTENT_TYPE, GRACE_S, TIMEOUT_S, Broker, Delivery, Settle, by_hand

_POLL_S = 1.0


class Nats(Broker):
    """Uploads from a durable pull consumer; every topic is a subject of some stream."""

    _streams: Mapping[str, str]

    async def prepare(self) -> None:
        """Make a stream for each subject that none has."""
        connection = await nats.connect(
            self.urls, connect_timeout=int(TIMEOUT_S), allow_reconnect=False, error_cb=_quietly
        )
        try:
            streams = connection.jetstream(timeout=TIMEOUT_S)
            topics = self.settings.uploads, self.settings.verdicts, self.settings.dead_letters
            self._streams = {one: await self._stream(streams, one) for one in topics}
            await self._renew_lease(streams)
        finally:
            await connection.close()
        self.app_broker = NatsBroker(
            self.urls,
            max_reconnect_attempts=-1,
            error_cb=_quietly,
            connect_timeout=int(TIMEOUT_S),
            graceful_timeout=GRACE_S,
            apply_types=False,
            logger=None,
        )

    async def _stream(self, streams: Any, subject: str) -> str:
        try:
            name: str = await streams.find_stream_name_by_subject(subject)
        except NotFoundError:
            name = subject.replace(".", "-")
            is_done_with = subject == self.settings.uploads
            retention = RetentionPolicy.WORK_QUEUE if is_done_with else RetentionPolicy.LIMITS
            await streams.add_stream(
                StreamConfig(
                    name=name, subjects=[subject], storage=StorageType.FILE, retention=retention
                )
            )
        return name

    async def _renew_lease(self, streams: Any) -> None:
        """Set the lease of a consumer that is there already."""
        stream = self._streams[self.settings.uploads]
        try:
            config = (await streams.consumer_info(stream, self._durable)).config
        except NotFoundError:
            return
        if config.ack_wait != self.settings.lease_s:
            config.ack_wait = self.settings.lease_s
            await streams.add_consumer(stream, config=config)

    @property
    def _durable(self) -> str:
        return self.settings.group.replace(".", "-")

    def subscribe(self, settle: Settle) -> None:
        """Pull one message at a time, as often as they may be in work."""
        settings = self.settings
        stream = JStream(self._streams[settings.uploads], declare=False)
        consumer = ConsumerConfig(ack_wait=settings.lease_s, max_deliver=-1)
        handle = partial(_handle, settle)
        for _ in range(self.prefetch):
            self.app_broker.subscriber(
                settings.uploads,
                stream=stream,
                pull_sub=PullSub(batch_size=1, timeout=_POLL_S),
                durable=self._durable,
                config=consumer,
                **by_hand(),
            )(handle)

    async def publish(
        self, topic: str, body: bytes, message_id: str, headers: Mapping[str, str]
    ) -> None:
        """Publish to a subject; the server drops what it got with the same id shortly before."""
        await self.app_broker.publish(
            body,
            topic,
            stream=self._streams[topic],
            headers={"Nats-Msg-Id": message_id, "content-type": CONTENT_TYPE, **headers},
            timeout=TIMEOUT_S,
        )


async def _quietly(_error: Exception) -> None:
    """Let the client connect again without a trace of it."""


async def _handle(settle: Settle, message: Any) -> None:
    attempt = message.raw_message.metadata.num_delivered
    if await settle(Delivery(message.body, attempt, message.in_progress)):
        await message.ack()
    else:
        await message.nack()
