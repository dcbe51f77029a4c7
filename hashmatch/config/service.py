"""Settings of the service, webhooks and the outbox."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section

_FETCH_HOST = re.compile(r"(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")


DoorAddress = Annotated[str, Field(pattern=r"^(|unix:/.+|.+:\d{1,5})$")]


def _bounded(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        if not ip_network(network).prefixlen:
            raise ValueError("a network must not be all addresses")
    return networks


def require_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of hosts that files are fetched from. Raises `ValueError` for others."""
    for host in hosts:
        # Names of other characters have to be written as name servers know them (xn--).
        if not _FETCH_HOST.fullmatch(host):
            raise ValueError("hosts are exact names in lower case, maybe with a port")
    return hosts


class ServiceSettings(Section):
    """`[service]`: address, TLS, limits, background syncs and telemetry."""

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
    # Against DNS rebinding, by which a web page could reach a service on this machine.
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "[::1]"), min_length=1, strict=False
    )
    tls_certificate: str = ""
    tls_key: str = ""
    queue: int = Field(default=64, ge=0, le=100_000)
    max_buffered_bytes: int = Field(default=500_000_000, ge=1)
    body_timeout_s: float = Field(default=30.0, gt=0, le=86_400, allow_inf_nan=False)
    shutdown_timeout_s: float = Field(default=30.0, ge=1, le=86_400, allow_inf_nan=False)
    sync_interval_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    telemetry: bool = False
    # Different hashes a day about one entry, for all tokens together without the scope export.
    max_near_lookups: int = Field(default=20, ge=0)
    fetch_hosts: tuple[str, ...] = Field(default=(), strict=False)
    hma_networks: tuple[str, ...] = Field(default=(), strict=False)
    hma_scopes: tuple[Literal["scan", "review", "curate"], ...] = Field(
        default=("scan",), strict=False
    )

    @field_validator("fetch_hosts")
    @classmethod
    def _require_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return require_hosts(hosts)

    @field_validator("hma_networks")
    @classmethod
    def _require_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        return _bounded(networks)

    @model_validator(mode="after")
    def _require_certificate_with_key(self) -> ServiceSettings:
        if bool(self.tls_certificate) is not bool(self.tls_key):
            raise ValueError("set both tls_certificate and tls_key, or neither")
        return self


class DoorSettings(Section):
    """`[doors]`: protocols by which others ask for verdicts, as they ask virus scanners."""

    # "unix:" and a path, or an address and a port.
    clamd: DoorAddress = ""
    icap: DoorAddress = ""
    # The permissions of sockets of files, in octal.
    socket_mode: str = Field(default="600", pattern=r"^[0-7]{3}$")
    # Who may ask by network; a socket of a file is guarded by its permissions.
    networks: tuple[str, ...] = Field(default=("127.0.0.0/8", "::1/128"), strict=False)
    # What a file is called that matched: uploaders see it.
    found_name: str = Field(default="Policy.Match", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    # The least action on a match for which it is found.
    found_action: Literal["review", "block"] = "review"
    # Files that are no images: an error, or checked by the hashes of their bytes alone.
    other_files: Literal["error", "exact"] = "error"
    max_connections: int = Field(default=100, ge=1, le=10_000)

    @field_validator("networks")
    @classmethod
    def _require_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        return _bounded(networks)


class EndpointSettings(Section):
    """Receiver of signed POST requests."""

    url: str
    secret: SecretSettings
    timeout_s: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)

    @field_validator("url")
    @classmethod
    def _require_url(cls, url: str) -> str:
        parts = urlsplit(url)
        # Whether the host may be reached by http, only the outbox settings can tell.
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("must be a URL that begins with https:// and holds no user name")
        try:
            parts.hostname.encode("idna")
        except UnicodeError as error:
            raise ValueError("the host name is invalid") from error
        return url


class WebhookSettings(EndpointSettings):
    """`[webhooks.NAME]`: receiver of notifications of matches; without `lists`, of all lists."""

    lists: tuple[str, ...] = Field(default=(), strict=False)


class OutboxSettings(Section):
    """`[outbox]`: private hosts that outbox messages may be sent to."""

    private_hosts: tuple[str, ...] = Field(default=(), strict=False)


# Names that need no quoting in a shell.
WebhookName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
