"""Settings of the worker."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section
from .service import require_hosts

_SCHEMES = ("nats", "tls", "redis", "rediss", "amqp", "amqps", "kafka", "kafkas")
# An address of a bucket, maybe with the beginning of a path in it, which ends with a slash.
_STORAGE = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]+/(?:[^?#]+/)?")

# Of a subject, queue, stream or topic, in characters that every broker permits.
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class WorkerSettings(Section):
    """`[worker]`: the broker that upload events come from, and where their files may be."""

    # nats://, tls:// (NATS), redis://, rediss://, amqp://, amqps://, kafka:// or kafkas://; of NATS
    # and Kafka several hosts, with commas between them.
    broker: str = ""
    user: str = ""
    password: SecretSettings | None = None
    # How Kafka is shown the password.
    sasl: Literal["plain", "scram-sha-256", "scram-sha-512"] = "plain"
    uploads: TopicName = "hashmatch.uploads"
    verdicts: TopicName = "hashmatch.verdicts"
    dead_letters: TopicName = "hashmatch.dead-letters"
    # Workers of one group share the events.
    group: TopicName = "hashmatch"
    # How often an event may be delivered before it is a dead letter.
    deliveries: int = Field(default=10, ge=1, le=1_000)
    # Seconds after which an event that its worker does not settle goes to another one.
    lease_s: float = Field(default=60.0, ge=1, le=3_600, allow_inf_nan=False)
    # Events at a time; 0 stands for twice the decoders.
    prefetch: int = Field(default=0, ge=0, le=1_000)
    fetch_hosts: tuple[str, ...] = Field(default=(), strict=False)
    # Addresses in object storage with which those of uploads may begin, such as s3://bucket/.
    storage: tuple[str, ...] = Field(default=(), strict=False)
    # Days for which an event that comes again is not counted again.
    remember_days: float = Field(default=7.0, gt=0, le=3_660, allow_inf_nan=False)
    # The key of the digests that stand for events already counted; by default a file in `data_dir`.
    digest_key: SecretSettings | None = None

    @field_validator("broker")
    @classmethod
    def _require_broker(cls, broker: str) -> str:
        if not broker:
            return broker
        parts = urlsplit(broker)
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise ValueError(f"must begin with one of {', '.join(f'{one}://' for one in _SCHEMES)}")
        if "@" in parts.netloc:
            raise ValueError("the user belongs in worker.user, and the password in worker.password")
        return broker

    @field_validator("fetch_hosts")
    @classmethod
    def _require_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return require_hosts(hosts)

    @field_validator("storage")
    @classmethod
    def _require_storage(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            if not _STORAGE.fullmatch(address) or address.startswith(("file:", "local:", "http")):
                raise ValueError("addresses are those of buckets, and end with a slash")
        return addresses

    @model_validator(mode="after")
    def _require_different_topics(self) -> WorkerSettings:
        if len({self.uploads, self.verdicts, self.dead_letters}) < 3:
            raise ValueError("uploads, verdicts and dead_letters must be different")
        return self
