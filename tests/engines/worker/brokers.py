"""Brokers on loopback, each as its own server, and clients of theirs that are not the worker's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aio_pika
import nats
import psutil
from aio_pika.exceptions import ChannelNotFoundEntity
from confluent_kafka import Consumer, Producer
from nats.js.errors import NotFoundError

from tests.programs import require_program

_STARTS_S = 90.0
_ANSWERS_S = 20.0


class Server(ABC):
    """A server of a broker that can be killed and started again, over the same files."""

    program: str
    scheme: str
    # Whether it knows how often it has delivered a message.
    counts_deliveries = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: psutil.Popen | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = psutil.Popen(
                self._command(), env={**os.environ, **self._environment()},
                stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + _STARTS_S
        while True:
            with contextlib.suppress(Exception):
                return self._ask()
            assert time.monotonic() < until, (self.folder / "server.log").read_text()[-3_000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with everything that it started."""
        if (process := self._process) is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in (*process.children(recursive=True), process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        process.wait()
        self._process = None

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    def _environment(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def _ask(self) -> None:
        """Raise unless it answers."""

    @abstractmethod
    def send(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Have messages in a topic for good."""

    @abstractmethod
    def read(self, topic: str) -> list[bytes]:
        """Return all messages that a topic has, or had."""

    @abstractmethod
    def waiting(self) -> int:
        """Return the number of uploads that are not acknowledged."""


class Nats(Server):
    program, scheme = "nats-server", "nats"

    def _command(self) -> Sequence[str]:
        return [
            self.program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder),
        ]  # fmt: skip

    def _ask(self) -> None:
        asyncio.run(self._with(lambda streams: streams.account_info()))

    def send(self, topic: str, bodies: Sequence[bytes]) -> None:
        async def send(streams: Any) -> None:
            try:
                await streams.find_stream_name_by_subject(topic)
            except NotFoundError:
                await streams.add_stream(name="sent", subjects=[topic])
            for body in bodies:
                await streams.publish(topic, body)

        asyncio.run(self._with(send))

    def read(self, topic: str) -> list[bytes]:
        async def read(streams: Any) -> list[bytes]:
            try:
                name = await streams.find_stream_name_by_subject(topic)
            except NotFoundError:
                return []
            state = (await streams.stream_info(name)).state
            if not state.messages:
                return []
            numbers = range(state.first_seq, state.last_seq + 1)
            return [(await streams.get_msg(name, number)).data or b"" for number in numbers]

        found: list[bytes] = asyncio.run(self._with(read))
        return found

    def waiting(self) -> int:
        async def ask(streams: Any) -> int:
            name = await streams.find_stream_name_by_subject("hashmatch.uploads")
            info = await streams.consumer_info(name, "hashmatch")
            return int(info.num_pending + info.num_ack_pending)

        number: int = asyncio.run(self._with(ask))
        return number

    def lease_s(self) -> float:
        """Return how long an upload is leased."""

        async def ask(streams: Any) -> float:
            name = await streams.find_stream_name_by_subject("hashmatch.uploads")
            return float((await streams.consumer_info(name, "hashmatch")).config.ack_wait)

        lease_s: float = asyncio.run(self._with(ask))
        return lease_s

    async def _with(self, act: Any) -> Any:
        connection = await nats.connect(self.url, connect_timeout=2, allow_reconnect=False)
        try:
            return await act(connection.jetstream(timeout=_ANSWERS_S))
        finally:
            await connection.close()


class Redis(Server):
    program, scheme = "redis-server", "redis"

    def _command(self) -> Sequence[str]:
        return [
            self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir",
            str(self.folder), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        ]  # fmt: skip

    def _ask(self) -> None:
        assert self._say("PING") == "PONG"

    def _say(self, *words: str) -> Any:
        command = ["redis-cli", "-p", str(self.port), "--json", "-e", *words]
        ran = subprocess.run(command, capture_output=True, check=True, timeout=60)
        return json.loads(ran.stdout.decode(errors="surrogateescape"))

    def send(self, topic: str, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self._say("XADD", topic, "*", "message", os.fsdecode(body))

    def read(self, topic: str) -> list[bytes]:
        entries = self._say("XRANGE", topic, "-", "+")
        return [os.fsencode(fields[fields.index("message") + 1]) for _, fields in entries]

    def waiting(self) -> int:
        (group,) = self._say("XINFO", "GROUPS", "hashmatch.uploads")
        facts = (
            group if isinstance(group, dict) else dict(zip(group[::2], group[1::2], strict=True))
        )
        unread = self._say("XRANGE", "hashmatch.uploads", f"({facts['last-delivered-id']}", "+")
        return int(facts["pending"]) + len(unread)


class Rabbit(Server):
    program, scheme = "rabbitmq-server", "amqp"

    def _command(self) -> Sequence[str]:
        return [self._script(self.program)]

    def _script(self, name: str) -> str:
        # Debian's own start them as another user, who cannot read the folder.
        debian = Path("/usr/lib/rabbitmq/bin") / name
        return str(debian) if debian.exists() else name

    def _environment(self) -> dict[str, str]:
        (self.folder / "enabled_plugins").write_text("[].")
        (self.folder / "none.conf").write_text("")
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"hashmatch{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(
                self.port + 20_000 if self.port < 45_000 else self.port - 20_000
            ),
            "RABBITMQ_MNESIA_BASE": str(self.folder),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }

    def _ask(self) -> None:
        async def ask() -> None:
            await (await aio_pika.connect(self.url, timeout=5)).close()

        asyncio.run(ask())

    def send(self, topic: str, bodies: Sequence[bytes]) -> None:
        async def send(channel: Any) -> None:
            kind = {"x-queue-type": "quorum"}
            await channel.declare_queue(topic, durable=True, arguments=kind)
            for body in bodies:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, topic)

        asyncio.run(self._with(send))

    def read(self, topic: str) -> list[bytes]:
        async def read(channel: Any) -> list[bytes]:
            try:
                queue = await channel.declare_queue(topic, passive=True)
            except ChannelNotFoundEntity:
                return []
            bodies = []
            while (message := await queue.get(fail=False, timeout=_ANSWERS_S)) is not None:
                bodies.append(message.body)
            return bodies  # Without an acknowledgement, they stay.

        found: list[bytes] = asyncio.run(self._with(read))
        return found

    def waiting(self) -> int:
        command = [
            self._script("rabbitmqctl"), "-q", "-n", f"hashmatch{self.port}@localhost",
            "list_queues", "name", "messages", "--formatter", "json",
        ]  # fmt: skip
        ran = subprocess.run(
            command, env={**os.environ, **self._environment()}, capture_output=True, check=True
        )
        return {one["name"]: int(one["messages"]) for one in json.loads(ran.stdout)}[
            "hashmatch.uploads"
        ]

    def delete(self, topic: str) -> None:
        """Delete a queue."""
        asyncio.run(self._with(lambda channel: channel.queue_delete(topic)))

    async def _with(self, act: Any) -> Any:
        async with await aio_pika.connect(self.url, timeout=_ANSWERS_S) as connection:
            return await act(await connection.channel())


# The broker of tests that librdkafka has within: another implementation than that of the worker.
_KAFKA = """
import sys, time
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "x:1", "test.mock.num.brokers": 1})
brokers = producer.list_topics(timeout=10).brokers
open(sys.argv[1], "w").write(str(next(iter(brokers.values()))).split("/")[0])
while True:
    time.sleep(60)
"""


class Kafka(Server):
    program, scheme = sys.executable, "kafka"
    counts_deliveries = False

    @property
    def url(self) -> str:
        return f"kafka://{self._address}"

    @property
    def _address(self) -> str:
        return (self.folder / "address").read_text()

    def _command(self) -> Sequence[str]:
        return [self.program, "-c", _KAFKA, str(self.folder / "address")]

    def _ask(self) -> None:
        assert self._address

    def send(self, topic: str, bodies: Sequence[bytes], headers: Any = None) -> None:
        producer = Producer({"bootstrap.servers": self._address})
        for body in bodies:
            producer.produce(topic, body, headers=headers)
        assert producer.flush(_ANSWERS_S) == 0

    def read(self, topic: str) -> list[bytes]:
        consumer = Consumer(
            {"bootstrap.servers": self._address, "group.id": f"reader-{time.monotonic_ns()}",
             "auto.offset.reset": "earliest", "enable.auto.commit": False}
        )  # fmt: skip
        consumer.subscribe([topic])
        bodies: list[bytes] = []
        until = time.monotonic() + 6
        while time.monotonic() < until:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                bodies.append(message.value() or b"")
                until = time.monotonic() + 2
        consumer.close()
        return bodies

    def waiting(self) -> int:
        """Not known: a group's place is asked of its own consumers."""
        return 0


BROKERS: dict[str, type[Server]] = {
    "nats": Nats, "redis": Redis, "rabbitmq": Rabbit, "kafka": Kafka,
}  # fmt: skip


@contextlib.contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    """Serve a broker; skips the test where its program is not installed."""
    kind = BROKERS[name]
    if kind is not Kafka:
        require_program(kind.program)
    server = kind(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
