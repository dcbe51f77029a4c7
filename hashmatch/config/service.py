"""What can be set about the service, and about what it tells others."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section


class ServiceSettings(Section):
    """`[service]`: where it listens, how much it takes on, and what it does beside."""

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=64)
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

    @model_validator(mode="after")
    def _has_both_of_certificate_and_key(self) -> ServiceSettings:
        if bool(self.tls_certificate) is not bool(self.tls_key):
            raise ValueError("give both tls_certificate and tls_key, or none")
        return self


class EndpointSettings(Section):
    """Where a signed POST goes."""

    url: str
    secret: SecretSettings
    timeout_s: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("this is no address that begins with https://, without a user in it")
        try:
            parts.hostname.encode("idna")
        except UnicodeError as error:
            raise ValueError("there can be no host of that name") from error
        return url


class WebhookSettings(EndpointSettings):
    """`[webhooks.NAME]`: who is told of matches. No `lists`: of all lists."""

    lists: tuple[str, ...] = Field(default=(), strict=False)


class OutboxSettings(Section):
    """`[outbox]`: where messages to others may go."""

    private_hosts: tuple[str, ...] = Field(default=(), strict=False)


WebhookName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
