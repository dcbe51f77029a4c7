"""What can be set about lists: how their files are laid out, their sources and guards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MappedColumn = Literal["algorithm", "value", "entry_id", "category", "tags", "added_at", "note"]


class Section(BaseModel):
    """A table of the configuration: fixed, of the types it says, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MappingSettings(Section):
    """`[mappings.NAME]`: how a licensor's file says what an entry is.

    `columns` gives for our columns the name that theirs has, `hashes` for their columns that hold
    a hash its algorithm, `flags` for their columns that say yes or no a tag. `algorithms` and
    `categories` rename values.
    """

    separator: str = Field(default="", max_length=1)
    rows: str = ""
    algorithm: str = ""
    columns: dict[MappedColumn, str] = {}
    hashes: dict[str, str] = {}
    flags: dict[str, str] = {}
    algorithms: dict[str, str] = {}
    categories: dict[str, str] = {}
    other_categories: Literal["keep", "set_aside", "leave_out"] = "keep"
    left_out_categories: tuple[str, ...] = Field(default=(), strict=False)


# A starting point: no public document says how the IWF's files are laid out.
IWF = MappingSettings(
    columns={"entry_id": "id", "category": "category", "added_at": "date", "note": "comment"},
    hashes={"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq", "photodna": "photodna"},
    flags={"grid": "grid-image", "ai": "ai-generated"},
    categories={"A": "A", "B": "B", "C": "C"},
    other_categories="set_aside",
)


class GuardSettings(Section):
    """`[guards]`: when what a source sends is held back until a person decides."""

    max_withdrawn_share: float = Field(default=0.2, ge=0, le=1)
    max_growth_factor: float = Field(default=3.0, ge=1, allow_inf_nan=False)
    least_changes: int = Field(default=100, ge=0)
    benign_sample: str = ""
    max_benign_share: float = Field(default=0.001, ge=0, le=1)


class SecretSettings(Section):
    """Where a secret is: never in the configuration, which people show to each other."""

    env: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _is_in_one_place(self) -> SecretSettings:
        if bool(self.env) is bool(self.file):
            raise ValueError("give env, the name of an environment variable, or file")
        return self


class _SourceSettings(Section):
    kind: Literal["match", "allow"] = "match"
    guards: GuardSettings | None = None


class _FileFormSettings(_SourceSettings):
    format: str = ""
    mapping: str = ""


class FileSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "file"`: a file, or the last one by name in a folder."""

    source: Literal["file"]
    path: str


class HTTPSSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "https"`: a file on a web server."""

    source: Literal["https"]
    url: str
    username: str = ""
    password: SecretSettings | None = None
    ca_file: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class ObjectStorageSourceSettings(_FileFormSettings):
    """`[lists.NAME]` with `source = "object-storage"`: an object, or the last one in a folder.

    `options` and `secrets` are what fsspec wants to know for that kind of storage.
    """

    source: Literal["object-storage"]
    url: str
    options: dict[str, Any] = {}
    secrets: dict[str, SecretSettings] = {}


class _ExchangeSettings(_SourceSettings):
    feedback: bool = False


class NCMECSourceSettings(_ExchangeSettings):
    """`[lists.NAME]` with `source = "ncmec"`: one of NCMEC's lists, by name or address."""

    source: Literal["ncmec"]
    base: str
    username: str
    password: SecretSettings
    mapping: str = ""
    negative_reason: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


class StopNCIISourceSettings(_ExchangeSettings):
    """`[lists.NAME]` with `source = "stopncii"`."""

    source: Literal["stopncii"]
    base: str = "https://api.stopncii.org/v1"
    function_key: SecretSettings
    subscription_key: SecretSettings
    feedback_function_key: SecretSettings | None = None
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_a_key_for_feedback(self) -> StopNCIISourceSettings:
        if self.feedback and self.feedback_function_key is None:
            raise ValueError("feedback needs feedback_function_key")
        return self


class ThreatExchangeSourceSettings(_ExchangeSettings):
    """`[lists.NAME]` with `source = "threatexchange"`: a privacy group of Meta's."""

    source: Literal["threatexchange"]
    base: str = "https://graph.facebook.com/v26.0"
    privacy_group: str = Field(pattern="^[0-9]+$")
    access_token: SecretSettings
    mapping: str = ""
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)


SourceSettings = Annotated[
    FileSourceSettings
    | HTTPSSourceSettings
    | ObjectStorageSourceSettings
    | NCMECSourceSettings
    | StopNCIISourceSettings
    | ThreatExchangeSourceSettings,
    Field(discriminator="source"),
]
