"""Settings of the console: sessions, sign-in at an identity provider, and the platform's viewer."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section

RoleName = Literal["reviewer", "senior", "lists", "admin", "auditor"]
_URL_HINT = "must be an address such as https://hashmatch.example, without a path"
_PLACEHOLDERS = ("{content_id}", "{reference}")


class OIDCSettings(Section):
    """`[console.oidc]`: the identity provider that people sign in at, and what its roles permit.

    `roles` has the values of the claim `roles_claim` for each role of the console.
    """

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretSettings | None = None
    scopes: tuple[str, ...] = Field(default=("openid", "profile", "email"), strict=False)
    # The claim that names a person in cases: it must be theirs alone.
    name_claim: str = Field(default="email", min_length=1)
    roles_claim: str = Field(default="groups", min_length=1)
    roles: dict[RoleName, Annotated[tuple[str, ...], Field(strict=False)]] = Field(min_length=1)
    # Hosts that may be reached at addresses that are not public, or by http.
    private_hosts: tuple[str, ...] = Field(default=(), strict=False)
    timeout_s: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)

    @field_validator("issuer")
    @classmethod
    def _require_url(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("must be a URL that begins with https://")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _require_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("must contain openid")
        return scopes


class ViewerSettings(Section):
    """`[console.viewer]`: the platform's own viewer of content, which the console only links to.

    In `url`, `{content_id}` and `{reference}` are replaced, and its host is one of `hosts`.
    """

    url: str
    hosts: tuple[str, ...] = Field(min_length=1, strict=False)
    # Looks a day and person; 0 for any number.
    looks_a_day: int = Field(default=50, ge=0, le=100_000)
    # After so many looks without a break of `break_minutes` one is due; 0 for never.
    looks_before_break: int = Field(default=20, ge=0, le=100_000)
    break_minutes: float = Field(default=15.0, gt=0, le=1_440, allow_inf_nan=False)

    @model_validator(mode="after")
    def _require_permitted_host(self) -> ViewerSettings:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or parts.netloc not in self.hosts:
            raise ValueError("url must begin with https:// and lead to one of hosts")
        if not any(one in parts.path + parts.query + parts.fragment for one in _PLACEHOLDERS):
            raise ValueError("url needs {content_id} or {reference}")
        return self


class ConsoleSettings(Section):
    """`[console]`: pages for people; sign-in by token unless `oidc` is set, too."""

    enabled: bool = True
    # The address under which people reach the service. Cookies are secure if it is https.
    url: str = ""
    # The platform's name, on pages and reports.
    platform: str = Field(default="", max_length=200)
    # For people whose browser asks for no language that there is.
    language: Literal["en", "de"] = "en"
    token_sign_in: bool = True
    idle_minutes: float = Field(default=30.0, gt=0, le=1_440, allow_inf_nan=False)
    session_hours: float = Field(default=10.0, gt=0, le=168, allow_inf_nan=False)
    oidc: OIDCSettings | None = None
    viewer: ViewerSettings | None = None

    @field_validator("url")
    @classmethod
    def _require_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        is_origin = parts.scheme in ("http", "https") and parts.hostname and not parts.username
        if url and (not is_origin or parts.path.strip("/") or parts.query or parts.fragment):
            raise ValueError(_URL_HINT)
        return url.rstrip("/")

    @model_validator(mode="after")
    def _require_sign_in(self) -> ConsoleSettings:
        if self.enabled and self.oidc is None and not self.token_sign_in:
            raise ValueError("set token_sign_in or oidc, or nobody can sign in")
        return self
