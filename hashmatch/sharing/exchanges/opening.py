"""Opening of exchanges from the configuration."""

from __future__ import annotations

import hashlib
from typing import assert_never

from hashmatch.config import (
    NCMECExchange,
    Settings,
    StopNCIIExchange,
    ThreatExchangeExchange,
)
from hashmatch.errors import InputError

from .interface import ExchangeClient
from .ncmec import NCMECClient
from .stopncii import StopNCIIClient
from .threatexchange import ThreatExchangeClient


def open_exchange(settings: Settings, name: str) -> ExchangeClient:
    """Return the client of `[sharing.exchanges.NAME]`.

    Raises `InputError` where there is no such section, and `ConfigError` where a secret or a
    template of it cannot be used.
    """
    section = settings.sharing.exchanges.get(name)
    hosts, key = settings.outbox.private_hosts, f"sharing.exchanges.{name}"
    match section:
        case None:
            raise unknown_exchange(settings, name)
        case ThreatExchangeExchange():
            return ThreatExchangeClient(section, key, hosts)
        case StopNCIIExchange():
            return StopNCIIClient(section, key, hosts)
        case NCMECExchange():
            return NCMECClient(section, key, hosts)
        case _:
            assert_never(section)


def unknown_exchange(settings: Settings, name: str) -> InputError:
    """Return the error for a name that no section has."""
    known = ", ".join(settings.sharing.exchanges) or "none yet"
    return InputError(
        f"there is no exchange named {name[:64]!r}",
        hint=f"The configuration has {known}; 'hashmatch config sample' shows how to add one.",
    )


def conditions_of(settings: Settings, name: str, list_name: str, client: ExchangeClient) -> str:
    """Return a digest of all settings that decide on what is sent of a list."""
    sharing = settings.sharing
    section = sharing.exchanges[name]
    parts = (
        section.model_dump_json(exclude={"lists", "timeout_s"}),
        sharing.lists[list_name].model_dump_json(),
        repr(
            sorted((one, sorted(codes.items())) for one, codes in sharing.classifications.items())
        ),
        sharing.publisher,
        client.conditions(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
