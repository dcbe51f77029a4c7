"""Settings of cases: due times, escalations, the audit key and retention."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section
from .service import EndpointSettings

# sample_config.toml documents every key, which a test verifies.
# Priority 0 is the most urgent, and comes first in the queue.
Priority = Annotated[int, Field(ge=0, le=9)]
Hours = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class CategorySettings(Section):
    """`[cases.categories.NAME]`: due time and priority for matches of one category."""

    # None: as in `[cases]`.
    due_hours: Hours | None = None
    priority: Priority | None = None


class CasesSettings(Section):
    """`[cases]`: due time and priority, and the decisions that need second approval.

    `detail_keys` encrypt uploader details: the first key encrypts new ones, the others still
    decrypt older ones.
    """

    due_hours: Hours = 24.0
    priority: Priority = 5
    # TOML has no tuples: not strict, so that its arrays are accepted.
    four_eyes: tuple[Literal["dismiss", "report"], ...] = Field(default=(), strict=False)
    categories: dict[str, CategorySettings] = {}
    detail_keys: tuple[SecretSettings, ...] = Field(default=(), strict=False)


class WebhookEscalation(EndpointSettings):
    """`[escalations.NAME]` with `to = "webhook"`: a signed POST with the case."""

    to: Literal["webhook"]


class EmailEscalation(Section):
    """`[escalations.NAME]` with `to = "email"`: a message that names the case and little more."""

    to: Literal["email"]
    server: str
    port: int = Field(default=587, ge=1, le=65_535)
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str = ""
    username: str = ""
    password: SecretSettings | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1, strict=False)
    case_url: str = ""
    timeout_s: float = Field(default=30.0, gt=0, le=120, allow_inf_nan=False)

    @model_validator(mode="after")
    def _require_consistency(self) -> EmailEscalation:
        if bool(self.username) is not (self.password is not None):
            raise ValueError("set both username and password, or neither")
        if self.username and self.encryption == "none":
            raise ValueError("a password needs encryption")
        for address in (self.sender, *self.recipients):
            # Such characters could add recipients or headers to the message.
            if "@" not in address or any(one in address for one in "\r\n,;<> "):
                raise ValueError("sender and recipients must be plain addresses, NAME@HOST")
        return self


class HandoffSettings(Section):
    """`[escalations.NAME.file]`: where the platform provides the file of a case for a report.

    Either a `command`, whose stdout is the file, or a `url` on one of the permitted `hosts`. In
    both, `{content_id}` and `{reference}` are replaced by the platform's own names.
    """

    command: tuple[str, ...] = Field(default=(), strict=False)
    url: str = ""
    hosts: tuple[str, ...] = Field(default=(), strict=False)
    header: str = ""
    secret: SecretSettings | None = None
    timeout_s: float = Field(default=60.0, gt=0, le=300, allow_inf_nan=False)

    @model_validator(mode="after")
    def _require_command_or_url(self) -> HandoffSettings:
        if bool(self.command) is bool(self.url):
            raise ValueError("set either command or url")
        if self.url and not self.hosts:
            raise ValueError("url needs hosts, the host names that it may lead to")
        # The platform's names come from outside and must not choose the program.
        if self.command and "{" in self.command[0]:
            raise ValueError("the program of command must not contain a placeholder")
        return self


class ReporterSettings(Section):
    """`[escalations.NAME.reporter]`: the reporting person and company, as NCMEC requires."""

    first_name: str = ""
    last_name: str = ""
    email: str = Field(min_length=3)
    company: str = ""
    terms_of_service: str = ""
    legal_url: str = ""


class CyberTiplineEscalation(Section):
    """`[escalations.NAME]` with `to = "cybertipline"`: a report to NCMEC.

    `environment` is NCMEC's test system by default; `base` replaces its address.
    """

    to: Literal["cybertipline"]
    environment: Literal["test", "production"] = "test"
    base: str = ""
    username: str
    password: SecretSettings
    reporter: ReporterSettings
    platform: str = ""
    # For categories of lists that are not NCMEC's own.
    classifications: dict[str, Literal["A1", "A2", "B1", "B2"]] = {}
    # Whether files that declare it are reported as generated, as the lists' are.
    declared_generative_ai: bool = True
    generative_ai_lists: tuple[str, ...] = Field(default=(), strict=False)
    include_hashes: tuple[Literal["md5", "sha1", "sha256", "pdq"], ...] = Field(
        default=("md5", "sha1", "sha256"), strict=False
    )
    # None: reports are sent without the file.
    file: HandoffSettings | None = None
    max_file_bytes: int = Field(default=50_000_000, ge=1, le=2_000_000_000)
    timeout_s: float = Field(default=60.0, gt=0, le=120, allow_inf_nan=False)

    @field_validator("base")
    @classmethod
    def _require_url(cls, base: str) -> str:
        if base and not base.startswith(("https://", "http://")):
            raise ValueError("must be a URL that begins with https://")
        return base


EscalationSettings = Annotated[
    WebhookEscalation | EmailEscalation | CyberTiplineEscalation, Field(discriminator="to")
]


class AuditSettings(Section):
    """`[audit]`: the key that signs the audit log, and the public keys of earlier ones."""

    signing_key: SecretSettings | None = None
    public_keys: tuple[str, ...] = Field(default=(), strict=False)


class RetentionSettings(Section):
    """`[retention]`: the number of days after which records are removed; 0 keeps them."""

    false_positive_days: Days = 0.0
    closed_days: Days = 0.0
    allowed_days: Days = 0.0
    details_days: Days = 0.0
    outbox_days: Days = 0.0
    token_days: Days = 0.0
    prompt_days: Days = 0.0
    backfill_days: Days = 0.0
    daily_count_days: Days = 0.0
