"""Settings of cases: due times, escalations, the audit key and retention."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from .lists import SecretSettings, Section
from .nca import NCAEscalation
from .reporters import ReporterSettings
from .service import EndpointSettings

# sample_config.toml documents every key, which a test verifies.
# Priority 0 is the most urgent, and comes first in the queue.
Priority = Annotated[int, Field(ge=0, le=9)]
Hours = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_LONGEST_DUTY = 64


class CategorySettings(Section):
    """`[cases.categories.NAME]`: due time and priority for matches of one category."""

    # None: as in `[cases]`.
    due_hours: Hours | None = None
    priority: Priority | None = None


class DeadlineSettings(Section):
    """`[cases.deadlines.NAME]`: something that is owed so many hours after an event of a case.

    It is met when a reference of its `authority` is recorded, when the uploader is given the
    reasons of a measure, or where neither is set by hand. Without `categories` it is owed of all.
    """

    after: Literal["confirmed", "measure", "reported"]
    hours: Hours
    basis: str = Field(default="", max_length=200)
    met_by: Literal["hand", "reference", "notification"] = "hand"
    authority: str = Field(default="", max_length=64)
    categories: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _require_consistency(self) -> DeadlineSettings:
        if (self.met_by == "reference") is not bool(self.authority):
            raise ValueError('met_by = "reference" and authority go together')
        if self.met_by == "notification" and self.after != "measure":
            raise ValueError('met_by = "notification" needs after = "measure"')
        return self


class VaultSettings(EndpointSettings):
    """`[cases.vault]`: where the platform keeps the content of cases, and when it is called.

    hashmatch keeps no imagery: it calls `hold` and `destroy`, signed like a webhook.
    """

    hold_on: Literal["opened", "confirmed"] = "confirmed"


class CasesSettings(Section):
    """`[cases]`: due time and priority, and the decisions that need second approval.

    `detail_keys` encrypt uploader details: the first key encrypts new ones, the others still
    decrypt older ones. `retention_class` is that of cases that have none of their own.
    """

    due_hours: Hours = 24.0
    priority: Priority = 5
    # TOML has no tuples: not strict, so that its arrays are accepted.
    four_eyes: tuple[Literal["dismiss", "report"], ...] = Field(default=(), strict=False)
    categories: dict[str, CategorySettings] = {}
    detail_keys: tuple[SecretSettings, ...] = Field(default=(), strict=False)
    retention_class: Literal["standard", "messaging"] = "standard"
    appeal_hours: Hours = 336.0
    # Whether an appeal needs somebody who did not make the decision.
    appeals_by_another: bool = True
    deadlines: dict[str, DeadlineSettings] = {}
    vault: VaultSettings | None = None

    @field_validator("deadlines")
    @classmethod
    def _require_short_names(
        cls, deadlines: dict[str, DeadlineSettings]
    ) -> dict[str, DeadlineSettings]:
        if any(not 0 < len(name) <= _LONGEST_DUTY for name in deadlines):
            raise ValueError(f"the name of a deadline has at most {_LONGEST_DUTY} characters")
        return deadlines


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
    WebhookEscalation | EmailEscalation | CyberTiplineEscalation | NCAEscalation,
    Field(discriminator="to"),
]


class AuditSettings(Section):
    """`[audit]`: the key that signs the audit log, and the public keys of earlier ones."""

    signing_key: SecretSettings | None = None
    public_keys: tuple[str, ...] = Field(default=(), strict=False)


class RetentionSettings(Section):
    """`[retention]`: the number of days after which records are removed; 0 keeps them.

    `report_days` is how long a reported case stays at least, `messaging_days` how long one of the
    class messaging stays at most.
    """

    false_positive_days: Days = 0.0
    closed_days: Days = 0.0
    allowed_days: Days = 0.0
    details_days: Days = 0.0
    outbox_days: Days = 0.0
    token_days: Days = 0.0
    prompt_days: Days = 0.0
    notice_days: Days = 0.0
    backfill_days: Days = 0.0
    daily_count_days: Days = 0.0
    report_days: Days = 365.0
    reference_days: Days = 0.0
    messaging_days: Annotated[Days, Field(gt=0)] = 365.0
