"""Brokers: NATS, Redis, RabbitMQ and Kafka, each behind one interface."""

from __future__ import annotations

from hashmatch.config import WorkerSettings
from hashmatch.errors import ConfigError

from .interface import Broker, Delivery, Settle

__all__ = ["Broker", "Delivery", "Settle", "open_broker"]


def open_broker(settings: WorkerSettings, password: str, prefetch: int) -> Broker:
    """Return the broker of the settings, not connected yet.

    Raises `ConfigError` where none is named, or its package is missing.
    """
    scheme = settings.broker.partition("://")[0]
    try:
        # Each loads its client, and most installations have one.
        match scheme:
            case "nats" | "tls":
                from .nats import Nats as Chosen
            case "redis" | "rediss":
                from .redis import Redis as Chosen  # type: ignore[assignment]
            case "amqp" | "amqps":
                from .rabbit import Rabbit as Chosen  # type: ignore[assignment]
            case "kafka" | "kafkas":
                from .kafka import Kafka as Chosen  # type: ignore[assignment]
            case _:
                raise ConfigError(
                    "worker.broker names no broker",
                    hint="Set it to an address such as nats://127.0.0.1:4222.",
                )
    except ImportError as error:
        raise ConfigError(
            "the worker needs packages that are not installed",
            hint="pip install 'hashmatch[worker]'",
        ) from error
    return Chosen(settings, password, prefetch)
