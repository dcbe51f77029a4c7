"""Settings of exchanges that entries of lists are sent to."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from .lists import SecretSettings, Section

# sample_config.toml documents every key, which a test verifies.
# Exchanges separate tags by commas.
Tag = Annotated[str, StringConstraints(pattern=r"^[^,\x00-\x1f\x7f]{1,100}$")]
Tags = Annotated[tuple[Tag, ...], Field(strict=False)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$")]
ExchangeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _ExchangeSettings(Section):
    """Lists and categories that are sent to an exchange, and how long its answers may take.

    Without `categories`, entries of all of them are.
    """

    base: str
    lists: tuple[str, ...] = Field(min_length=1, strict=False)
    categories: tuple[str, ...] = Field(default=(), strict=False)
    timeout_s: float = Field(default=30.0, gt=0, le=120, allow_inf_nan=False)

    @field_validator("base")
    @classmethod
    def _require_url(cls, base: str) -> str:
        parts = urlsplit(base)
        is_plain = not parts.username and not parts.query and not parts.fragment
        if parts.scheme not in ("https", "http") or not parts.hostname or not is_plain:
            raise ValueError("must be a URL that begins with https://, without user name and query")
        return base.rstrip("/")


class ThreatExchangeExchange(_ExchangeSettings):
    """`[sharing.exchanges.NAME]` with `to = "threatexchange"`: privacy groups of Meta's.

    `algorithms` has its type for an algorithm of ours, `tags` its tags for a category or tag of
    ours, those of "*" for all.
    """

    to: Literal["threatexchange"]
    base: str = "https://graph.facebook.com/v26.0"
    access_token: SecretSettings
    privacy_groups: tuple[Digits, ...] = Field(min_length=1, strict=False)
    description: str = Field(default="", max_length=1_000)
    algorithms: dict[str, Word] = {
        "pdq": "HASH_PDQ",
        "md5": "HASH_MD5",
        "sha1": "HASH_SHA1",
        "sha256": "HASH_SHA256",
    }
    status: Literal["MALICIOUS", "SUSPICIOUS", "UNKNOWN"] = "MALICIOUS"
    severity: Literal["UNKNOWN", "INFO", "WARNING", "SUSPICIOUS", "SEVERE", "APOCALYPSE"] = "SEVERE"
    # None: the exchange's own default.
    confidence: int | None = Field(default=None, ge=0, le=100)
    tags: dict[str, Tags] = {}


class StopNCIIExchange(_ExchangeSettings):
    """`[sharing.exchanges.NAME]` with `to = "stopncii"`.

    `algorithms` has its kind of signal for an algorithm of ours. Feedback takes entries back, which
    is why its key is needed.
    """

    to: Literal["stopncii"]
    base: str = "https://api.stopncii.org/v1"
    subscription_key: SecretSettings
    function_key: SecretSettings
    feedback_function_key: SecretSettings
    algorithms: dict[str, Word] = {"pdq": "ImagePDQ"}
    tags: dict[str, Tags] = {}


class TemplateSettings(Section):
    """`[sharing.exchanges.NAME.add]`, `.update` and `.withdraw`: one request by the operator.

    `template` is a file with the XML of its body, without which it has none. In it and in `path`,
    names in braces stand for what is sent.
    """

    method: Literal["POST", "PUT", "DELETE"] = "POST"
    path: str = Field(min_length=1, max_length=1_000)
    template: str = ""
    content_type: str = Field(default="text/xml; charset=utf-8", pattern=r"^[!-~][ -~]{0,199}$")


class NCMECExchange(_ExchangeSettings):
    """`[sharing.exchanges.NAME]` with `to = "ncmec"`: requests by templates of the operator.

    The XML of submissions is not public. Without `update` an entry that was changed is added again.
    `gone_statuses` say that an entry which is withdrawn is not there any more.
    """

    to: Literal["ncmec"]
    by_template: bool = False
    username: str
    password: SecretSettings
    add: TemplateSettings
    update: TemplateSettings | None = None
    withdraw: TemplateSettings
    gone_statuses: tuple[int, ...] = Field(default=(410,), strict=False)

    @model_validator(mode="after")
    def _require_consent(self) -> NCMECExchange:
        if not self.by_template:
            raise ValueError(
                "the XML of NCMEC's submissions is not public: write the templates by its"
                " documentation, and set by_template = true"
            )
        return self


ExchangeSettings = Annotated[
    ThreatExchangeExchange | StopNCIIExchange | NCMECExchange, Field(discriminator="to")
]
