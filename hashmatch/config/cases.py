"""What can be set about cases: when they are due, to whom they go, what is kept how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section
from .service import EndpointSettings

Priority = Annotated[int, Field(ge=0, le=9)]
Hours = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class CategorySettings(Section):
    """`[cases.categories.NAME]`: what differs for matches of one category."""

    due_hours: Hours | None = None
    priority: Priority | None = None


class CasesSettings(Section):
    """`[cases]`: how soon a case is due, and what needs a second person.

    `detail_keys` encrypt what the platform tells of uploaders: the first is used for what is new,
    the others still open what is older.
    """

    due_hours: Hours = 24.0
    priority: Priority = 5
    four_eyes: tuple[Literal["dismiss", "report"], ...] = Field(default=(), strict=False)
    categories: dict[str, CategorySettings] = {}
    detail_keys: tuple[SecretSettings, ...] = Field(default=(), strict=False)


class WebhookEscalation(EndpointSettings):
    """`[escalations.NAME]` with `to = "webhook"`: a signed POST with the case."""

    to: Literal["webhook"]


class EmailEscalation(Section):
    """`[escalations.NAME]` with `to = "email"`: a message that names the case and little else."""

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
    def _has_both_of_name_and_password(self) -> EmailEscalation:
        if bool(self.username) is not (self.password is not None):
            raise ValueError("give both username and password, or none")
        if self.username and self.encryption == "none":
            raise ValueError("a password needs encryption")
        for address in (self.sender, *self.recipients):
            if "@" not in address or any(one in address for one in "\r\n,;<> "):
                raise ValueError("sender and recipients are plain addresses, NAME@HOST")
        return self


class HandoffSettings(Section):
    """`[escalations.NAME.file]`: where the platform hands a file over for a report.

    Either a `command`, whose stdout is the file, or a `url` on a host that `hosts` allow. In both
    `{content_id}` and `{reference}` stand for the platform's own names.
    """

    command: tuple[str, ...] = Field(default=(), strict=False)
    url: str = ""
    hosts: tuple[str, ...] = Field(default=(), strict=False)
    header: str = ""
    secret: SecretSettings | None = None
    timeout_s: float = Field(default=60.0, gt=0, le=300, allow_inf_nan=False)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> HandoffSettings:
        if bool(self.command) is bool(self.url):
            raise ValueError("give a command or a url")
        if self.url and not self.hosts:
            raise ValueError("a url needs hosts, the names that it may lead to")
        if self.command and "{" in self.command[0]:
            raise ValueError("the program itself has to be fixed")
        return self


class ReporterSettings(Section):
    """`[escalations.NAME.reporter]`: who reports, as NCMEC wants to know it."""

    first_name: str = ""
    last_name: str = ""
    email: str = Field(min_length=3)
    company: str = ""
    terms_of_service: str = ""
    legal_url: str = ""


class CyberTiplineEscalation(Section):
    """`[escalations.NAME]` with `to = "cybertipline"`: a report to NCMEC.

    `environment` is "test" unless it says "production"; `base` replaces its address.
    """

    to: Literal["cybertipline"]
    environment: Literal["test", "production"] = "test"
    base: str = ""
    username: str
    password: SecretSettings
    reporter: ReporterSettings
    platform: str = ""
    classifications: dict[str, Literal["A1", "A2", "B1", "B2"]] = {}
    generative_ai_lists: tuple[str, ...] = Field(default=(), strict=False)
    include_hashes: tuple[Literal["md5", "sha1", "sha256", "pdq"], ...] = Field(
        default=("md5", "sha1", "sha256"), strict=False
    )
    file: HandoffSettings | None = None
    max_file_bytes: int = Field(default=50_000_000, ge=1, le=2_000_000_000)
    timeout_s: float = Field(default=60.0, gt=0, le=120, allow_inf_nan=False)

    @field_validator("base")
    @classmethod
    def _is_an_address(cls, base: str) -> str:
        if base and not base.startswith(("https://", "http://")):
            raise ValueError("this is no address that begins with https://")
        return base


EscalationSettings = Annotated[
    WebhookEscalation | EmailEscalation | CyberTiplineEscalation, Field(discriminator="to")
]


class AuditSettings(Section):
    """`[audit]`: the key that the audit chain is signed with, and those that it was."""

    signing_key: SecretSettings | None = None
    public_keys: tuple[str, ...] = Field(default=(), strict=False)


class RetentionSettings(Section):
    """`[retention]`: after how many days what goes; 0 keeps it."""

    false_positive_days: Days = 0.0
    closed_days: Days = 0.0
    details_days: Days = 0.0
    outbox_days: Days = 0.0
    daily_count_days: Days = 0.0
